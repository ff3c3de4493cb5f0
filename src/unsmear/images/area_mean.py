"""Images with smaller sides, each pixel the mean of its area."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Sides = tuple[int, int]

BLOCK = 16
"""Number of rows of areas that are computed at a time."""


def area_mean(pixels: NDArray[Any], rows: int, columns: int, sides: Sides) -> NDArray[Any]:
    """Return pixels whose axes y and x (their numbers given) are reduced to other sides.

    The dtype stays the same; integers are rounded.
    """
    moved = np.moveaxis(pixels, (rows, columns), (-2, -1))
    result = np.empty((*moved.shape[:-2], *sides), pixels.dtype)
    wide = np.result_type(pixels.dtype, np.float32)
    for index in np.ndindex(moved.shape[:-2]):  # a stack has no room for copies
        reduced = reduce(moved[index].astype(wide, copy=False), sides)
        if pixels.dtype.kind in "iu":
            limits = np.iinfo(pixels.dtype)
            reduced = np.rint(reduced).clip(limits.min, limits.max)
        result[index] = reduced
    return np.ascontiguousarray(np.moveaxis(result, (-2, -1), (rows, columns)))


def reduce(planes: NDArray[Any], sides: Sides) -> NDArray[Any]:
    """Return planes (..., y, x) of floats with these sides (y, x), in the same dtype.

    sides: at least 1, at most those of the planes. Pixels that an area covers in part count with
    that part, whatever its size.
    """
    return _columns(_rows(planes, sides[0]), sides[1])


def _rows(planes: NDArray[Any], count: int) -> NDArray[Any]:
    """Return planes with so many rows; each is the mean of those that it covers."""
    *others, height, width = planes.shape
    if height % count == 0:
        whole = planes.reshape(*others, count, height // count, width).sum(axis=-2)
        whole *= planes.dtype.type(count / height)
        return np.asarray(whole)
    result = np.zeros((*others, count, width), planes.dtype)
    diagonals = _diagonals(height, count, planes.dtype)
    for start in range(0, count, BLOCK):  # a block of rows stays in the processor's cache
        block = slice(start, start + BLOCK)
        for pixel, share in diagonals:
            result[..., block, :] += planes[..., pixel[block], :] * share[block, None]
    return result


def _columns(planes: NDArray[Any], count: int) -> NDArray[Any]:
    """Return planes with so many columns; each is the mean of those that it covers."""
    *others, width = planes.shape
    if width % count == 0:
        # A product with a vector: sums over so few values are slow.
        shares = np.full(width // count, count / width, planes.dtype)
        return np.asarray((planes.reshape(-1, width // count) @ shares).reshape(*others, count))
    result = np.zeros((*others, count), planes.dtype)
    for pixel, share in _diagonals(width, count, planes.dtype):
        result += planes[..., pixel] * share
    return result


def _diagonals(
    size: int, count: int, dtype: np.dtype[Any]
) -> list[tuple[NDArray[np.intp], NDArray[Any]]]:
    """Return the diagonals of the banded matrix that reduces `size` pixels to `count` areas.

    Each is a pixel of every area and its share. An area with fewer pixels than others repeats its
    first with a share of 0, so that what is not a number stays in the areas that it touches.
    """
    edges = np.arange(count + 1) * size / count  # exact where it is a whole number
    first = edges[:-1].astype(int)
    diagonals = []
    for step in range(-(-size // count) + 1):
        pixel = first + step
        overlap = np.minimum(edges[1:], pixel + 1) - np.maximum(edges[:-1], pixel)
        share = np.maximum(overlap, 0) * (count / size)
        diagonals.append((np.where(share > 0, pixel, first), share.astype(dtype)))
    return diagonals
