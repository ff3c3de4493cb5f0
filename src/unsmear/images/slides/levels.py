"""Levels of a slide, made in parts: each pixel the mean of what it covers, in bounded memory."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsmear.images.area_mean import as_counts, as_floats, footprint, reduce_part
from unsmear.images.ome_zarr.levels import reduced
from unsmear.images.slides import places
from unsmear.images.slides.zarr_planes import sides_of

WINDOW = 2048
"""Longest side of a window that is read for a part of a level, pixels."""
Read = Callable[[slice, slice], NDArray[Any]]
"""Gives rows and columns of a plane."""


def area(
    read: Read, whole: tuple[int, int], sides: tuple[int, int], part: tuple[slice, slice]
) -> NDArray[Any]:
    """Return a part of a plane that is reduced to other sides, as `area_mean` makes the whole.

    read: gives the plane, whose sides are `whole`. part: rows and columns of the reduced plane.
    """
    if whole == sides:
        return read(*part)
    steps = [max(1, WINDOW * side // size) for side, size in zip(sides, whole, strict=True)]
    result = np.empty(0)
    for rows, columns in itertools.product(*map(places.pieces, part, steps)):
        window = read(footprint(whole[0], sides[0], rows), footprint(whole[1], sides[1], columns))
        if not result.size:
            result = np.empty([own.stop - own.start for own in part], window.dtype)
        means = reduce_part(as_floats(window), whole, sides, (rows, columns))
        here = (slice(own.start - asked.start, own.stop - asked.start)
                for own, asked in zip((rows, columns), part, strict=True))  # fmt: skip
        result[tuple(here)] = as_counts(means, window.dtype)
    return result


def remake(source: Any, level: Any, axes: str) -> None:
    """Write a level, by the means of a larger array of Zarr; a shard at a time."""
    for unit in units(level):
        level[unit] = _unit(source, level.shape, axes, unit)


def units(array: Any) -> Iterator[tuple[slice, ...]]:
    """Return the parts of an array that are one file each."""
    spans = [
        places.pieces(slice(0, size), side)
        for size, side in zip(array.shape, sides_of(array), strict=True)
    ]
    return itertools.product(*spans)


def _unit(source: Any, shape: Sequence[int], axes: str, unit: tuple[slice, ...]) -> NDArray[Any]:
    """Return a part of a level of this shape."""
    y, x = axes.index("Y"), axes.index("X")
    whole, sides = (source.shape[y], source.shape[x]), (shape[y], shape[x])
    result = np.empty([part.stop - part.start for part in unit], source.dtype.newbyteorder("="))
    others = [letter for letter in axes if letter not in "YX"]
    spans = [range(unit[axes.index(letter)].start, unit[axes.index(letter)].stop)
             for letter in others]  # fmt: skip
    for place in itertools.product(*spans):
        at = dict(zip(others, place, strict=True))
        under = {
            letter: _under(letter, number, shape[n := axes.index(letter)], source.shape[n])
            for letter, number in at.items()
        }
        means = area(partial(_plane, source, axes, under), whole, sides, (unit[y], unit[x]))
        here = tuple(
            at[letter] - part.start if letter in at else slice(None)
            for letter, part in zip(axes, unit, strict=True)
        )
        result[here] = places.turned(axes, means)
    return result


def _under(letter: str, place: int, side: int, whole: int) -> slice:
    """Return what a place of a level stands for along another axis than y and x."""
    if side < whole and letter != "C":
        return slice(place * whole // side, (place + 1) * whole // side)
    at = int((place + 0.5) * whole / side)
    return slice(at, at + 1)


def _plane(
    source: Any, axes: str, under: Mapping[str, slice], rows: slice, columns: slice
) -> NDArray[Any]:
    """Return a window (y, x); planes that a level has in one are their mean."""
    spans = {**under, "Y": rows, "X": columns}
    own = tuple(spans[letter] for letter in axes)
    window = np.asarray(source[own])
    window = window.astype(window.dtype.newbyteorder("="), copy=False)
    shape = [side if letter in "YX" else 1 for letter, side in zip(axes, window.shape, strict=True)]
    plane = reduced(window, axes, shape)
    sides = [side for letter, side in zip(axes, shape, strict=True) if letter in "YX"]
    return places.turned(axes, plane.reshape(sides))
