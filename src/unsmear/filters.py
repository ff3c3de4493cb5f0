"""Filters of planes: sums, means and maxima of windows, and Gaussians, a strip of rows at a time.

A strip stays in the processor's cache, and every step is one pass of NumPy over it. How an image
goes on beyond its border is the mode of `numpy.pad`: "reflect" mirrors without repeating the border
pixel, "edge" repeats it.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

Border = Literal["reflect", "edge"]

ROWS = 64
"""Number of rows that are filtered at a time."""
WIDE = 4.0
"""Half-width of a Gaussian that is cut off, in sigmas."""


def window_sums(
    values: NDArray[Any], window: tuple[int, int], combine: np.ufunc = np.add
) -> NDArray[Any]:
    """Return the sum of every window that lies inside the values, in their own dtype.

    values: (y, x). window: its height and width, pixels, not above those of the values. combine:
    `numpy.maximum` gives the largest value of every window instead.

    Sums of 2, 4, 8, ... neighbours are added up, so the time grows with the logarithm of the
    window's sides, and zeros add up to exactly 0, which a running sum does not promise.
    """
    (tall, wide), (height, width) = window, values.shape
    flat = np.ascontiguousarray(values).reshape(-1)
    # Rows lie one behind the other; what crosses their ends is no window, and is left out.
    flat = _combined(_combined(flat, tall, width, combine), wide, 1, combine)
    shape = height - tall + 1, width - wide + 1
    return as_strided(flat, shape, (width * flat.itemsize, flat.itemsize), writeable=False)


def window_maxima(values: NDArray[Any], side: int) -> NDArray[Any]:
    """Return the largest value of the window around each pixel; what lies beyond does not count.

    values: (y, x). side: of the window, pixels, odd.
    """
    padded = np.pad(values, side // 2, mode="edge")
    return np.ascontiguousarray(window_sums(padded, (side, side), np.maximum))


def box_mean(
    plane: NDArray[Any], window: tuple[int, int], border: Border = "reflect"
) -> NDArray[Any]:
    """Return the mean of the window around each pixel, in the plane's dtype, float32 or float64.

    plane: (y, x). window: its height and width, pixels, odd.
    """
    tall, wide = window
    padded = np.pad(plane, ((tall // 2,) * 2, (wide // 2,) * 2), mode=border)
    result = np.empty_like(plane, order="C")
    share = plane.dtype.type(1 / (tall * wide))
    for top in range(0, len(plane), ROWS):
        sums = window_sums(padded[top : top + ROWS + tall - 1], window)
        np.multiply(sums, share, out=result[top : top + ROWS])
    return result


def gaussian(plane: NDArray[Any], sigma: float) -> NDArray[np.float32]:
    """Return a plane (y, x) convolved with a Gaussian, mirrored at its border.

    sigma: pixels, above 0. The Gaussian's samples, cut off at `WIDE` sigmas, sum to 1. A block of
    rows, and then of columns, is multiplied by a banded matrix: for wide and narrow Gaussians alike
    that is faster than a sum over their samples.
    """
    reach = round(2 * WIDE * sigma + 1) // 2
    taps = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    band = _band(taps / taps.sum(), min(ROWS, max(plane.shape)))
    padded = np.pad(np.asarray(plane, np.float32), reach, mode="reflect")
    result = np.empty(plane.shape, np.float32)
    height, width = plane.shape
    size = len(band)
    for top in range(0, height, size):
        block = padded[top : top + size + 2 * reach]
        rows = _part(band, len(block)) @ block
        for left in range(0, width, size):
            block = rows[:, left : left + size + 2 * reach]
            columns = block @ _part(band, block.shape[1]).T
            result[top : top + size, left : left + size] = columns
    return result


def _combined(flat: NDArray[Any], count: int, step: int, combine: np.ufunc) -> NDArray[Any]:
    """Return `combine` of values 0, 1, ... count - 1 steps behind each, where there are as many."""
    size = flat.size - (count - 1) * step
    power, width, done, total = flat, 1, 0, None
    while True:
        if count & width:  # as the binary digits of the count say
            part = power[done * step : done * step + size]
            total = part if total is None else combine(total, part)
            done += width
        if done == count:
            return total if total is not None else flat
        power = combine(power[: power.size - width * step], power[width * step :])
        width *= 2


def _band(taps: NDArray[np.float64], size: int) -> NDArray[np.float32]:
    """Return the matrix, (size, size + taps - 1), that correlates a block with the taps."""
    band = np.zeros((size, size + len(taps) - 1), np.float32)
    for row in range(size):
        band[row, row : row + len(taps)] = taps
    return band


def _part(band: NDArray[np.float32], length: int) -> NDArray[np.float32]:
    """Return what a band does to a block of this length: the last one may be shorter."""
    return band[: len(band) - (band.shape[1] - length), :length]
