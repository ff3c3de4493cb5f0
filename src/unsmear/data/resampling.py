"""Resampling of source images: crop, resize, tiles and intensity range."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsmear.choices import Fit
from unsmear.errors import DataError
from unsmear.images.area_mean import area_mean

Window = tuple[slice, slice]
"""Slices of rows and columns."""

PLAIN = (np.dtype(np.uint8), np.dtype(np.uint16), np.dtype(np.float32))
"""Dtypes of counts that are kept; the paper's recipe takes all of them."""


def shrink(planes: NDArray[Any], size: int, fit: Fit, name: str = "image") -> NDArray[Any]:
    """Return (channel, size, size) in the same dtype, each pixel the mean of its area.

    planes: (channel, y, x).
    fit: for an image that is not square: "crop" keeps the centre, "stretch" changes the aspect
    ratio.

    Raises DataError for an image smaller than `size`: nothing is enlarged.
    """
    height, width = planes.shape[-2:]
    if min(height, width) < size:
        raise DataError(
            f"{name}: an image must be at least {size}x{size} pixels to be resized to that, "
            f"got {width}x{height}; ask for a smaller size or for tiles."
        )
    if fit == "crop":
        side = min(height, width)
        top, left = (height - side) // 2, (width - side) // 2
        planes = planes[..., top : top + side, left : left + side]
    if planes.shape[-2:] == (size, size):
        return planes
    return area_mean(planes, -2, -1, (size, size))


def shrinking(shape: tuple[int, ...], size: int, fit: Fit) -> tuple[float, float]:
    """Return source pixels for an output pixel of `shrink`, (y, x)."""
    height, width = shape[-2:]
    if fit == "crop":
        height = width = min(height, width)
    return height / size, width / size


def tiles(shape: tuple[int, ...], side: int) -> list[Window]:
    """Return windows that cover the last two axes once, none larger than `side`.

    They are as few as can be and within a pixel of each other: 1728 gives four of 432 for 512.
    """
    rows, columns = (_parts(length, side) for length in shape[-2:])
    return [(row, column) for row in rows for column in columns]


def _parts(length: int, side: int) -> list[slice]:
    count = -(-length // side)
    edges = [number * length // count for number in range(count + 1)]
    return [slice(start, end) for start, end in pairwise(edges)]


def plain(planes: NDArray[Any]) -> NDArray[Any]:
    """Return the counts in a dtype of `PLAIN`: their own, or float32."""
    planes = planes.astype(planes.dtype.newbyteorder("="), copy=False)
    return planes if planes.dtype in PLAIN else planes.astype(np.float32)


def input_range(
    dtype: np.dtype[Any], given: tuple[float, float] | None, name: str = "image"
) -> tuple[float, float]:
    """Return the counts that become black and white: those given, or the range of the dtype.

    Raises DataError for a dtype without a useful range, where no range is given.
    """
    if given is not None:
        return given
    if dtype.newbyteorder("=") not in (np.dtype(np.uint8), np.dtype(np.uint16)):
        raise DataError(
            f"{name}: pixels must be of 8 or 16 bit, or an input range must say what is black and "
            f"white (--input-range LOW HIGH), got {dtype}."
        )
    return 0.0, float(np.iinfo(dtype).max)


def to_range(
    planes: NDArray[Any], black: float, white: float, largest: int
) -> NDArray[np.float32] | NDArray[Any]:
    """Return counts mapped from black..white to 0..largest, clipped, not yet rounded.

    Integer counts that this would not change are returned as they are.
    """
    if planes.dtype.kind == "u" and black == 0 and white == largest == np.iinfo(planes.dtype).max:
        return planes
    mapped = planes.astype(np.float32)
    mapped -= np.float32(black)
    mapped *= np.float32(largest / (white - black))
    return mapped.clip(0, largest, out=mapped)
