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
    for index in np.ndindex(moved.shape[:-2]):  # a stack has no room for copies
        result[index] = as_counts(reduce(as_floats(moved[index]), sides), pixels.dtype)
    return np.ascontiguousarray(np.moveaxis(result, (-2, -1), (rows, columns)))


def as_floats(counts: NDArray[Any]) -> NDArray[Any]:
    """Return counts as the floats in which their means are computed."""
    return counts.astype(np.result_type(counts.dtype, np.float32), copy=False)


def as_counts(means: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return means in a dtype; integers are rounded."""
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        means = np.rint(means).clip(limits.min, limits.max)
    return means.astype(dtype, copy=False)


def reduce(planes: NDArray[Any], sides: Sides) -> NDArray[Any]:
    """Return planes (..., y, x) of floats with these sides (y, x), in the same dtype.

    sides: at least 1, at most those of the planes. Pixels that an area covers in part count with
    that part, whatever its size.
    """
    height, width = planes.shape[-2:]
    return reduce_part(planes, (height, width), sides, (slice(0, sides[0]), slice(0, sides[1])))


def reduce_part(
    planes: NDArray[Any], whole: Sides, sides: Sides, part: tuple[slice, slice]
) -> NDArray[Any]:
    """Return a part of reduced planes: what `reduce` gives there, from the pixels under it alone.

    planes: (..., y, x), the pixels `footprint` names along each axis. whole: the sides of all
    planes. sides: those that they are reduced to. part: rows and columns of the reduced planes.
    """
    rows = _rows(planes, whole[0], sides[0], part[0])
    return _columns(rows, whole[1], sides[1], part[1])


def footprint(size: int, count: int, part: slice) -> slice:
    """Return the pixels that are covered by a part of the areas to which an axis is reduced.

    size: of the axis, pixels. count: of the areas.
    """
    return slice(part.start * size // count, -(-part.stop * size // count))


def _rows(planes: NDArray[Any], size: int, count: int, part: slice) -> NDArray[Any]:
    """Return planes with a part of so many rows; each is the mean of those that it covers."""
    *others, _, width = planes.shape
    length = part.stop - part.start
    if size % count == 0:
        whole = planes.reshape(*others, length, size // count, width).sum(axis=-2)
        whole *= planes.dtype.type(count / size)
        return np.asarray(whole)
    result = np.zeros((*others, length, width), planes.dtype)
    diagonals = _diagonals(size, count, part, planes.dtype)
    for start in range(0, length, BLOCK):  # a block of rows stays in the processor's cache
        block = slice(start, start + BLOCK)
        for pixel, share in diagonals:
            result[..., block, :] += planes[..., pixel[block], :] * share[block, None]
    return result


def _columns(planes: NDArray[Any], size: int, count: int, part: slice) -> NDArray[Any]:
    """Return planes with a part of so many columns; each is the mean of those that it covers."""
    *others, _ = planes.shape
    length = part.stop - part.start
    if size % count == 0:
        # A product with a vector: sums over so few values are slow.
        shares = np.full(size // count, count / size, planes.dtype)
        return np.asarray((planes.reshape(-1, size // count) @ shares).reshape(*others, length))
    result = np.zeros((*others, length), planes.dtype)
    for pixel, share in _diagonals(size, count, part, planes.dtype):
        result += planes[..., pixel] * share
    return result


def _diagonals(
    size: int, count: int, part: slice, dtype: np.dtype[Any]
) -> list[tuple[NDArray[np.intp], NDArray[Any]]]:
    """Return the diagonals of the banded matrix that reduces `size` pixels to `count` areas.

    Each is a pixel of every area of a part and its share; pixels count from the part's first. An
    area with fewer pixels than others repeats its first with a share of 0, so that what is not a
    number stays in the areas that it touches.
    """
    # Exact where it is a whole number.
    edges = np.arange(part.start, part.stop + 1) * size / count
    first = edges[:-1].astype(int)
    start = footprint(size, count, part).start
    diagonals = []
    for step in range(-(-size // count) + 1):
        pixel = first + step
        overlap = np.minimum(edges[1:], pixel + 1) - np.maximum(edges[:-1], pixel)
        share = np.maximum(overlap, 0) * (count / size)
        inside = np.where(share > 0, pixel, first) - start
        diagonals.append((inside, share.astype(dtype)))
    return diagonals
