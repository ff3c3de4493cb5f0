"""Hot and dead pixels: single pixels that stand out more than optics and noise allow.

The image of a point is as wide as the point spread function, so a bright pixel has bright
neighbours. A defective pixel has none. A deconvolution would turn each one into a pattern as large
as its filter, so they are replaced before anything is measured. Figures: docs/design/harm.md.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsmear.filters import window_sums
from unsmear.images.nodata import Mask

SPREAD = 10.0
"""Least height over the second brightest neighbour, in standard deviations of the pixels around; of
Poisson noise, 10 of them leave no pixel in 10^5 above."""
STEEPER = 2.5
"""Least height over the second brightest neighbour, in units of that neighbour's own height over
the pixels around. A point seen with a Gaussian PSF of sigma 0.8 px has 1.3, of 0.6 px 3 at most."""
LEAST = 10.0
"""Least height of a defect in an image of integers, counts: fewer may be single photons."""
LIKELY = 2.5
"""Least height over the mean of 5x5 pixels of those that are looked at closely, in their standard
deviations; a defect alone among equal pixels has 4.9."""
ROWS = 64
"""Number of rows that are searched at a time."""
SHARE = 0.005
"""Largest fraction of pixels that are defects; more are noise of another kind, and stay."""
PASSES = 3
"""Number of searches: a defect may hide another one beside it."""
FILLS = 4
"""Number of steps of the interpolation; one is exact for a defect without another beside it."""

AROUND = [(y, x) for y, x in product(range(-2, 3), repeat=2) if (y, x) != (0, 0)]
BESIDE = np.array([max(abs(y), abs(x)) == 1 for y, x in AROUND])
PLATE = np.array([{1: 8, 2: -2, 4: -1}.get(y * y + x * x, 0) for y, x in AROUND]) / 20
"""Weights with which the pixels around continue with the least curvature (thin plate)."""


def replaced(planes: NDArray[Any], gaps: Mask | None = None) -> tuple[NDArray[Any], Mask]:
    """Return planes without their defective pixels, and where these were.

    planes: (batch, channel, y, x), counts of any dtype; not changed. gaps: in that shape, true
    where a pixel holds no data: no defect is reported there. The values come from the pixels
    around. Where there is no defect, the planes themselves come back.
    """
    mask = np.zeros(planes.shape, bool)
    if min(planes.shape[2:]) < 5 or planes.dtype == bool:
        return planes, mask
    result = planes
    for index in np.ndindex(planes.shape[:2]):
        defects, filled = _replaced(planes[index])
        mask[index] = defects if gaps is None else defects & ~gaps[index]
        if mask[index].any():
            result = planes.copy() if result is planes else result
            result[index][mask[index]] = filled[mask[index]]
    return result, mask


def _replaced(plane: NDArray[Any]) -> tuple[Mask, NDArray[Any]]:
    """Return where a plane (y, x) has defects, and the plane with other values there."""
    whole = plane.dtype.kind in "iu"
    values = plane.astype(np.float64)
    mask = np.zeros(plane.shape, bool)
    for _ in range(PASSES):
        new = _standing_out(values, LEAST * whole) & ~mask
        if not new.any():
            break
        mask |= new
        if mask.mean() > SHARE:
            return np.zeros(plane.shape, bool), plane
        _fill(values, new)
    if whole:
        limits = np.iinfo(plane.dtype)
        values = np.rint(values).clip(limits.min, limits.max)
    return mask, values.astype(plane.dtype)


def _standing_out(values: NDArray[np.float64], least: float) -> Mask:
    """Return which pixels of a plane stand out, up or down, by more than `least`."""
    levelled = values - values.mean()
    scale = float(np.abs(levelled).max())
    if scale == 0 or not np.isfinite(scale):
        return np.zeros(values.shape, bool)
    values = levelled / scale  # squares of large numbers overflow
    least = least / scale
    rows, columns, sign = _likely(values, least)
    around = sign * _around(values, rows, columns)
    second = np.sort(around[BESIDE], axis=0)[-2]
    over = sign * values[rows, columns] - second
    steep = np.maximum(second - np.median(around[~BESIDE], axis=0), 0)
    # A slope is no noise: opposite pixels cancel it. The two highest pairs may hold defects too.
    pairs = np.sort(around[:12] + around[:11:-1], axis=0)[:-2]
    rest = pairs.std(axis=0) / np.sqrt(2)
    defects = over > np.maximum(least, SPREAD * rest + STEEPER * steep)
    mask = np.zeros(values.shape, bool)
    mask[rows[defects], columns[defects]] = True
    return mask


def _likely(
    values: NDArray[np.float64], least: float
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]]:
    """Return rows and columns of pixels that are looked at closely, and 1 or -1: up or down."""
    padded = np.pad(values, 2, mode="reflect")
    rows, columns, signs = [], [], []
    for top in range(0, len(values), ROWS):
        strip = padded[top : top + ROWS + 4]
        mean, square = (window_sums(part, (5, 5)) / 25 for part in (strip, strip**2))
        rise = values[top : top + ROWS] - mean
        variance = np.maximum(square - mean**2, 0)
        likely = (np.abs(rise) > least) & (rise**2 > LIKELY**2 * variance)
        row, column = np.nonzero(likely)
        rows.append(row + top)
        columns.append(column)
        signs.append(np.sign(rise[likely]))
    return np.concatenate(rows), np.concatenate(columns), np.concatenate(signs)


def _around(
    values: NDArray[np.float64], rows: NDArray[np.intp], columns: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Return (24, n), the pixels around n places; the image is mirrored at its border."""
    padded = np.pad(values, 2, mode="reflect")
    return np.stack([padded[rows + 2 + y, columns + 2 + x] for y, x in AROUND])


def _fill(values: NDArray[np.float64], mask: Mask) -> None:
    """Write interpolated values into the masked pixels, in place."""
    rows, columns = np.nonzero(mask)
    for number in range(FILLS + 1):
        around = _around(values, rows, columns)
        values[mask] = np.median(around[BESIDE], axis=0) if number == 0 else PLATE @ around
