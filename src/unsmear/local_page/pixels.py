"""Parts of images as pictures, in the detail that a screen has."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsmear.data.item import Item
from unsmear.errors import ImageError
from unsmear.images.area_mean import as_floats, reduce
from unsmear.images.slides import Slide, levels
from unsmear.report.restoration.display import Stretch, encoded

KEPT = 4
"""Number of images whose pixels stay in memory, or whose files stay open."""
LEVEL = 4
"""Divisor of the sides of the smaller copy of a slide that stays in memory."""
Rectangle = tuple[int, int, int, int]
"""Top, left, bottom and right of a part of an image, pixels."""


@dataclass(frozen=True, eq=False)
class Pixels:
    """An image whose planes are read in parts: from memory, or a slide from its file."""

    planes: NDArray[Any]
    slide: Slide | None = None
    _levels: dict[tuple[int, int], NDArray[Any]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def of(cls, item: Item) -> Pixels:
        """Return the pixels of an item; raises as its reading does."""
        with item.slide() as slide:
            if slide is not None:
                return cls(slide.header.planes(), slide)
        return cls(item.read().planes())

    @property
    def sides(self) -> tuple[int, int]:
        """Height and width, pixels."""
        height, width = self.planes.shape[2:]
        return height, width

    def part(
        self, plane: int, channels: Sequence[int], rectangle: Rectangle, largest: int
    ) -> NDArray[Any]:
        """Return a part of a plane, (channel, y, x), of at most so many pixels a side.

        Pixels are the means of the areas that they show.
        """
        top, left, bottom, right = rectangle
        scale = min(1.0, largest / max(bottom - top, right - left))
        sides = (max(1, round(scale * (bottom - top))), max(1, round(scale * (right - left))))
        if self.slide is not None and scale <= 1 / LEVEL:
            inside = tuple(-(-edge // LEVEL) for edge in rectangle)
            return _reduced([self._level(plane, channel) for channel in channels], inside, sides)
        read = partial(self._read, plane)
        rows, columns = slice(top, bottom), slice(left, right)
        return np.stack([_smaller(read(channel, rows, columns), sides) for channel in channels])

    def _read(self, plane: int, channel: int, rows: slice, columns: slice) -> NDArray[Any]:
        if self.slide is not None:
            return self.slide.read(plane, channel, rows, columns)
        return np.asarray(self.planes[plane, channel, rows, columns])

    def _level(self, plane: int, channel: int) -> NDArray[Any]:
        """Return a smaller copy of a plane of a slide, made when it is first needed."""
        with self._lock:
            if (plane, channel) not in self._levels:
                rows, columns = (-(-side // LEVEL) for side in self.sides)
                whole = slice(0, rows), slice(0, columns)
                read = partial(self._read, plane, channel)
                reduced = levels.area(read, self.sides, (rows, columns), whole)
                self._levels[plane, channel] = reduced
            return self._levels[plane, channel]


def _reduced(
    planes: Sequence[NDArray[Any]], rectangle: Sequence[int], sides: tuple[int, int]
) -> NDArray[Any]:
    top, left, bottom, right = rectangle
    return np.stack([_smaller(plane[top:bottom, left:right], sides) for plane in planes])


def _smaller(plane: NDArray[Any], sides: tuple[int, int]) -> NDArray[Any]:
    if plane.shape == sides or min(plane.shape) < 1:
        return plane
    return reduce(as_floats(plane), (min(sides[0], plane.shape[0]), min(sides[1], plane.shape[1])))


class Cabinet:
    """The pixels of the images that were looked at last."""

    def __init__(self) -> None:
        self._kept: OrderedDict[object, Pixels] = OrderedDict()
        self._lock = threading.Lock()

    def pixels(self, key: object, item: Callable[[], Item]) -> Pixels:
        """Return the pixels that are known by a key, or of the item that is called for."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
            opened = Pixels.of(item())
            self._kept[key] = opened
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
            return opened


def picture(
    pixels: Pixels,
    stretch: Stretch,
    plane: int,
    channel: int | None,
    rectangle: Rectangle | None,
    largest: int,
) -> bytes:
    """Return a part of an image as a PNG file. channel: its number; None for all in colour.

    Raises ImageError for a part that the image does not have.
    """
    batches, channels = pixels.planes.shape[:2]
    height, width = pixels.sides
    top, left, bottom, right = rectangle = rectangle or (0, 0, height, width)
    inside = 0 <= top < bottom <= height and 0 <= left < right <= width
    if not inside or not 0 <= plane < batches or not 0 <= (channel or 0) < channels:
        raise ImageError("the part must lie in the image.")
    chosen = range(channels) if channel is None else [channel]
    return encoded(stretch.paint(pixels.part(plane, chosen, rectangle, largest), channel))
