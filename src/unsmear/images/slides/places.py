"""Where a plane (batch, channel) of an image lies in an array of other axes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from unsmear.images import axes as axes_


class Planes(Protocol):
    """Planes of an image, of which windows are read."""

    def read(self, batch: int, channel: int, rows: slice, columns: slice) -> NDArray[Any]:
        """Return a window, (y, x) counts in the machine's byte order."""
        ...


class WritablePlanes(Planes, Protocol):
    """Planes of a result, of which windows are written."""

    def write(
        self, batch: int, channel: int, rows: slice, columns: slice, pixels: NDArray[Any]
    ) -> None:
        """Write a window, (y, x) counts."""
        ...


def numbers(axes: str, shape: Sequence[int], batch: int, channel: int) -> Mapping[str, int]:
    """Return the place of a plane along each axis but y and x, by its letter.

    batch, channel: numbers of the plane among `axes.to_planes`.
    """
    found: dict[str, int] = {}
    for letters, number in ((axes_.BATCH, batch), (axes_.CHANNEL, channel)):
        present = [letter for letter in letters if letter in axes]
        sizes = [shape[axes.index(letter)] for letter in present]
        if not 0 <= number < math.prod(sizes):
            raise IndexError(f"a plane must be one of {math.prod(sizes)}, got {number}")
        if present:
            places = np.unravel_index(number, sizes)
            found |= {letter: int(place) for letter, place in zip(present, places, strict=True)}
    return found


def index(
    axes: str, shape: Sequence[int], batch: int, channel: int, rows: slice, columns: slice
) -> tuple[int | slice, ...]:
    """Return the index of a plane's window in an array."""
    places: dict[str, int | slice] = {
        **numbers(axes, shape, batch, channel),
        "Y": rows,
        "X": columns,
    }
    return tuple(places[letter] for letter in axes)


def turned(axes: str, window: NDArray[Any]) -> NDArray[Any]:
    """Return a window as (y, x), or back: it comes turned where x stands before y in the axes."""
    return window if axes.index("Y") < axes.index("X") else window.T


def pieces(part: slice, step: int) -> list[slice]:
    """Return a part of an axis in pieces of `step`, the last one perhaps smaller."""
    return [
        slice(start, min(start + step, part.stop)) for start in range(part.start, part.stop, step)
    ]


def number(axes: str, shape: Sequence[int], place: Mapping[str, int]) -> tuple[int, int]:
    """Return the numbers (batch, channel) of a plane by its place along each axis but y and x."""
    found = []
    for letters in (axes_.BATCH, axes_.CHANNEL):
        present = [letter for letter in letters if letter in axes]
        sizes = [shape[axes.index(letter)] for letter in present]
        at = [place[letter] for letter in present]
        found.append(int(np.ravel_multi_index(at, sizes)) if present else 0)
    return found[0], found[1]
