"""A preview: the part of a slice that is seen, restored by itself. No Qt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsmear.blur import Motion
from unsmear.errors import ImageError
from unsmear.estimate import Estimate
from unsmear.images import Image
from unsmear.napari.arrows import Found, LayerData
from unsmear.napari.layers import Chosen, place_of
from unsmear.napari.results import image_like, record
from unsmear.restoration.decision import Known
from unsmear.restoration.pipeline import restore
from unsmear.restoration.restored import Restored

SIDE = 384
"""Longest side of a preview, pixels: such a part is restored in well under a second."""
SMALLEST = 32
"""Shortest side of a preview, pixels."""


@dataclass(frozen=True, eq=False)
class Part:
    """A part of one slice of chosen layers.

    plane: its place along every axis but Y and X. rows, columns: of the slice.
    """

    chosen: Chosen
    plane: Mapping[str, int]
    rows: slice
    columns: slice

    @property
    def index(self) -> tuple[Any, ...]:
        """Index into a layer's pixels; every axis stays."""
        spans = {"Y": self.rows, "X": self.columns}
        return tuple(
            spans.get(axis) or (slice(None) if axis == "S" else _only(self.plane[axis]))
            for axis in self.chosen.axes
        )

    def image(self) -> Image:
        """Return the part as an image, its pixels read."""
        return self.chosen.image_of(
            [np.ascontiguousarray(array[self.index]) for array in self.chosen.arrays]
        )

    @property
    def first(self) -> list[int]:
        """Place of the part's first pixel in the axes of a layer."""
        starts = {"Y": self.rows.start, "X": self.columns.start, **self.plane}
        return [starts[axis] for axis in self.chosen.axes if axis != "S"]


def seen(chosen: Chosen, dims: Any) -> Part:
    """Return the part that is seen, at most SIDE pixels of its middle. dims: of the viewer.

    Raises ImageError where no slice of y and x is shown, or none of the image.
    """
    layer, letters = chosen.layers[0], chosen.axes.replace("S", "")
    shown = [axis - dims.ndim for axis in dims.displayed]
    if sorted(letters[axis] for axis in shown if axis >= -len(letters)) != ["X", "Y"]:
        raise ImageError(f"{chosen.name}: a preview must be of y and x; show these in 2D.")
    centre = np.rint(layer.world_to_data(dims.point[-layer.ndim :])).astype(int)
    plane = {axis: int(centre[n]) for n, axis in enumerate(letters) if axis not in "YX"}
    for axis, number in plane.items():
        if not 0 <= number < chosen.shape[letters.index(axis)]:
            raise ImageError(f"{chosen.name}: a preview must be of a slice that the image has.")
    # A layer of several levels counts the pixels of the one that is shown.
    factors = layer.downsample_factors[layer.data_level] if layer.multiscale else 1
    corners = np.asarray(layer.corner_pixels) * factors
    return Part(chosen, plane, *(_middle(corners[:, letters.index(a)], chosen, a) for a in "YX"))


def _only(number: int) -> slice:
    return slice(number, number + 1)


def _middle(corners: NDArray[Any], chosen: Chosen, axis: str) -> slice:
    """Return the middle of what is seen along an axis, SMALLEST to SIDE pixels of the image."""
    side = chosen.shape[chosen.axes.index(axis)]
    first, last = (int(np.clip(corner, 0, side - 1)) for corner in corners)
    length = int(np.clip(last - first + 1, min(SMALLEST, side), SIDE))
    start = int(np.clip((first + last + 1 - length) // 2, 0, max(side - length, 0)))
    return slice(start, min(start + length, side))


def restored(part: Part, found: Sequence[Found]) -> Restored[Image, Image]:
    """Return a part restored: by what was found in the whole image, or in the part itself.

    found: what was found before; empty where nothing was estimated.
    """
    image = part.image()
    channels = image.planes().shape[1]
    every = [_found_at(part, channel, found) for channel in range(channels)]
    if every[0] is not None and all(one is every[0] for one in every):  # restored at once
        return restore(image, _here(part, every[0]))
    known: dict[int | str, Known] = {
        channel: _here(part, one) for channel, one in enumerate(every) if one is not None
    }
    return restore(image, known or None)


def _found_at(part: Part, channel: int, found: Sequence[Found]) -> Found | None:
    """Return what was found for the middle of a part, or None."""
    number = part.plane.get("C", channel)
    plane = part.plane.get("Z", 0), number
    y, x = ((span.start + span.stop) // 2 for span in (part.rows, part.columns))
    for one in found:
        box = one.exposure.box
        inside = box is None or (
            box[0].start <= y < box[0].stop and box[1].start <= x < box[1].stop
        )
        same_frame = all(part.plane.get(axis, 0) == place for axis, place in one.frame.items())
        if inside and same_frame and (one.exposure.planes == plane).all(axis=1).any():
            return one
    return None


def _here(part: Part, found: Found) -> Estimate | Motion:
    """Return an estimate as it is in a part: of one that changes across the field, the motion."""
    estimate, (height, width) = found.estimate, part.chosen.sides
    if estimate.drift is None or not estimate.sure:
        return estimate
    rows, columns = found.exposure.box or (slice(0, height), slice(0, width))
    whole, span = (rows, part.rows) if estimate.drift.down else (columns, part.columns)
    middle = (span.start + span.stop) / 2
    return estimate.drift.at((middle - whole.start) / max(1, whole.stop - whole.start))


def layers(part: Part, result: Restored[Image, Image]) -> list[LayerData]:
    """Return the layers of a preview, which lie where the part does; none where it was left."""
    if not result.touched:
        return []
    shown_layers = []
    pixels = part.chosen.pixels_of(result.image)
    for layer, own in zip(part.chosen.layers, pixels, strict=True):
        done = record(result.movement)
        data, state, kind = image_like(layer, own, part.chosen.axes, "preview", done)
        data = data[0] if layer.multiscale else data
        placed = {"translate": place_of(layer, part.first), "multiscale": False}
        shown_layers.append((data, {**state, **placed}, kind))
    return shown_layers
