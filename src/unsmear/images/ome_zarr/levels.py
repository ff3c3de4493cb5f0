"""Levels of an image: the same at smaller sizes, by the mean of what each pixel covers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsmear.images.area_mean import area_mean

SMALLEST = 512
"""Longest side of the smallest level of a new image, pixels."""


def reduced(pixels: NDArray[Any], axes: str, shape: Sequence[int]) -> NDArray[Any]:
    """Return pixels of another shape, by means of areas, slices and times, not of channels."""
    y, x = axes.index("Y"), axes.index("X")
    for axis, side in enumerate(shape):
        if axis in (y, x) or side == pixels.shape[axis]:
            continue
        if side < pixels.shape[axis] and axes[axis] != "C":
            pixels = _means(pixels, axis, side)
        else:
            places = ((np.arange(side) + 0.5) * pixels.shape[axis] / side).astype(int)
            pixels = pixels.take(places, axis=axis)
    if (pixels.shape[y], pixels.shape[x]) == (shape[y], shape[x]):
        return pixels
    return area_mean(pixels, y, x, (shape[y], shape[x]))


def _means(pixels: NDArray[Any], axis: int, side: int) -> NDArray[Any]:
    """Return the means of the planes that each of `side` planes stands for."""
    starts = np.arange(side) * pixels.shape[axis] // side
    counts = np.diff([*starts, pixels.shape[axis]])
    sums = np.add.reduceat(pixels, starts, axis=axis, dtype=np.float64)
    means = sums / counts.reshape([-1 if n == axis else 1 for n in range(pixels.ndim)])
    return (np.rint(means) if pixels.dtype.kind in "iu" else means).astype(pixels.dtype)


def pyramid(pixels: NDArray[Any], axes: str) -> list[NDArray[Any]]:
    """Return an image and its levels, each half as large as the one before."""
    levels = [pixels]
    for shape in shapes(pixels.shape, axes)[1:]:
        levels.append(reduced(levels[-1], axes, shape))
    return levels


def shapes(whole: Sequence[int], axes: str, smallest: int = SMALLEST) -> list[tuple[int, ...]]:
    """Return the shape of an image and of its levels, each half as large as the one before.

    smallest: longest side of the last, pixels.
    """
    found = [tuple(whole)]
    y, x = axes.index("Y"), axes.index("X")
    while max(found[-1][y], found[-1][x]) > smallest:
        found.append(tuple(-(-n // 2) if axis in (y, x) else n for axis, n in enumerate(found[-1])))
    return found
