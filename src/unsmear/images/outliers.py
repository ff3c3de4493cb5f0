"""Hot and dead pixels: single pixels that stand out more than optics and noise allow.

The image of a point is as wide as the point spread function, so a bright pixel has bright
neighbours. A defective pixel has none. A deconvolution would turn each one into a pattern as large
as its filter, so they are replaced before anything is measured. Figures: docs/design/harm.md.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from unsmear.cores import in_parallel
from unsmear.filters import window_sums
from unsmear.images.nodata import Mask

Places: TypeAlias = NDArray[np.intp]
"""Flat indices of pixels of a plane, ascending."""

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
STRIP = 2**17
"""Approximate number of pixels that are searched at a time."""
MANY = 0.02
"""Fraction of a strip's pixels above which its peaks are sifted before they are looked at."""
SHARE = 0.005
"""Largest fraction of pixels that are defects; more are noise of another kind, and stay."""
PASSES = 3
"""Number of searches: a defect may hide another one beside it."""
FILLS = 4
"""Number of steps of the interpolation; one is exact for a defect without another beside it."""

WINDOW = np.indices((5, 5)).reshape(2, -1) - 2
"""Steps (y, x) from a pixel to those of the 5x5 pixels around it, (2, 25)."""
HERE = 12
"""Place in the window of the pixel itself."""
AROUND = np.delete(WINDOW, HERE, axis=1)
BESIDE = np.abs(AROUND).max(axis=0) == 1
PLATE = np.array([{1: 8, 2: -2, 4: -1}.get(square, 0) for square in (AROUND**2).sum(axis=0)]) / 20
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
    indices = list(np.ndindex(planes.shape[:2]))
    found = in_parallel(lambda index: _found(planes[index]), indices)
    for index, defects in zip(indices, found, strict=True):
        rows, columns = np.divmod(defects.places, planes.shape[3])
        known = slice(None) if gaps is None else ~gaps[index][rows, columns]
        rows, columns = rows[known], columns[known]
        if len(rows):
            result = planes.copy() if result is planes else result
            result[index][rows, columns] = defects.counts[known]
            mask[index][rows, columns] = True
    return result, mask


def fill(values: NDArray[np.float64], mask: Mask) -> None:
    """Write values that continue the pixels around into the masked ones of (y, x), in place."""
    if mask.any():
        values[mask] = _Plane.of(values).with_filled(np.flatnonzero(mask)).values


def _found(plane: NDArray[Any]) -> _Plane:
    """Return a plane (y, x) with its defects filled."""
    none = found = _Plane.of(plane)
    if none.scale == 0 or not np.isfinite(none.scale):
        return none
    rows = max(8, STRIP // plane.shape[1])
    tops = range(0, len(plane), rows)
    new = np.concatenate(in_parallel(lambda top: none.standing_out_in(top, rows), tops))
    for _ in range(PASSES):
        if not len(new):
            break
        if len(found.places) + len(new) > SHARE * plane.size:
            return none
        found = found.with_filled(new)
        new = found.standing_out(found.beside(new))
    return found


@dataclass(frozen=True, eq=False)
class _Plane:
    """A plane (y, x), and its defects that were found so far.

    mean: of the plane, counts. scale: the largest distance from it. places: of the defects.
    values: those that they are given, counts.
    """

    plane: NDArray[Any]
    mean: float
    scale: float
    places: Places
    values: NDArray[np.float64]

    @classmethod
    def of(cls, plane: NDArray[Any]) -> _Plane:
        mean = float(plane.mean(dtype=np.float64))
        scale = max(float(plane.max()) - mean, mean - float(plane.min()))
        return cls(plane, mean, scale, np.zeros(0, np.intp), np.zeros(0))

    @property
    def counts(self) -> NDArray[Any]:
        """The values of the defects in the plane's dtype."""
        values, dtype = self.values, self.plane.dtype
        if dtype.kind in "iu":
            limits = np.iinfo(dtype)
            values = np.rint(values).clip(limits.min, limits.max)
        return values.astype(dtype)

    @property
    def least(self) -> float:
        """Least height of a defect, counts."""
        return LEAST if self.plane.dtype.kind in "iu" else 0.0

    def standing_out_in(self, top: int, rows: int) -> Places:
        """Return the pixels of the strip of so many rows from row `top` that stand out."""
        height = len(self.plane)
        around = _mirrored(np.arange(top - 2, min(top + rows, height) + 2), height)
        strip = np.pad(self.plane[around], ((0, 0), (2, 2)), mode="reflect")
        peaks = _peaks(strip[1:-1, 1:-1], self.least)
        if np.count_nonzero(peaks) > MANY * peaks.size:
            levelled = np.subtract(strip, self.mean, dtype=np.result_type(strip, np.float32))
            peaks &= _perhaps_likely((levelled / self.scale).astype(np.float32))
        return self.standing_out(np.flatnonzero(peaks) + top * self.plane.shape[1])

    def standing_out(self, places: Places) -> Places:
        """Return those of the places that stand out, up or down."""
        least = self.least / self.scale
        window = (self._window(places, WINDOW) - self.mean) / self.scale  # no square overflows
        here = window[HERE]
        mean = window.mean(axis=0)
        variance = np.maximum(np.square(window).mean(axis=0) - mean**2, 0)
        rise = here - mean
        likely = (np.abs(rise) > least) & (rise**2 > LIKELY**2 * variance)
        sign = np.sign(rise[likely])
        around = sign * np.delete(window[:, likely], HERE, axis=0)
        second = np.sort(around[BESIDE], axis=0)[-2]
        over = sign * here[likely] - second
        steep = np.maximum(second - np.median(around[~BESIDE], axis=0), 0)
        # A slope is no noise: opposite pixels cancel it. The two highest pairs may hold defects.
        pairs = np.sort(around[:12] + around[:11:-1], axis=0)[:-2]
        rest = pairs.std(axis=0) / np.sqrt(2)
        defects = over > np.maximum(least, SPREAD * rest + STEEPER * steep)
        return np.asarray(places[likely][defects])

    def beside(self, places: Places) -> Places:
        """Return the pixels up to 2 px from places, those that are known as defects left out."""
        height, width = self.plane.shape
        rows, columns = np.array(np.divmod(places, width))[:, None] + WINDOW[..., None]
        inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
        return np.setdiff1d((rows * width + columns)[inside], self.places)

    def with_filled(self, new: Places) -> _Plane:
        """Return the plane with more defects, filled."""
        places = np.concatenate([self.places, new])
        order = np.argsort(places)
        values = np.concatenate([self.values, self._window(new, WINDOW[:, [HERE]])[0]])[order]
        filled = replace(self, places=places[order], values=values)
        at = np.searchsorted(filled.places, new)
        for number in range(FILLS + 1):
            around = filled._window(new, AROUND)
            values[at] = np.median(around[BESIDE], axis=0) if number == 0 else PLATE @ around
        return filled

    def _window(self, places: Places, steps: NDArray[np.intp]) -> NDArray[np.float64]:
        """Return the counts at steps (2, s) from n places, (s, n); beyond the border they are
        mirrored, and defects have their new values.
        """
        height, width = self.plane.shape
        rows, columns = np.array(np.divmod(places, width))[:, None] + steps[..., None]
        rows, columns = _mirrored(rows, height), _mirrored(columns, width)
        counts = self.plane[rows, columns].astype(np.float64)
        if len(self.places):
            flat = rows * width + columns
            nearest = np.searchsorted(self.places, flat).clip(max=len(self.places) - 1)
            known = self.places[nearest] == flat
            counts[known] = self.values[nearest[known]]
        return counts


def _mirrored(places: NDArray[np.intp], side: int) -> NDArray[np.intp]:
    """Return places on an axis, mirrored at its ends without the border pixel."""
    return np.asarray(side - 1 - np.abs(side - 1 - np.abs(places)))


def _peaks(strip: NDArray[Any], least: float) -> Mask:
    """Return which inner pixels of a strip are above, or below, all neighbours but one.

    least: required distance from the second highest, or lowest, neighbour, counts. This is no
    more than what a defect needs, in the strip's own dtype.
    """
    here = strip[1:-1, 1:-1]
    height, width = here.shape
    first, *others = (
        strip[1 + y : 1 + y + height, 1 + x : 1 + x + width]
        for y, x in product((-1, 0, 1), repeat=2)
        if (y, x) != (0, 0)
    )
    highest = second_highest = lowest = second_lowest = first
    for number, other in enumerate(others):
        low, high = np.minimum(highest, other), np.maximum(lowest, other)
        second_highest = np.maximum(second_highest, low) if number else low
        second_lowest = np.minimum(second_lowest, high) if number else high
        highest, lowest = np.maximum(highest, other), np.minimum(lowest, other)
    return _above(here, second_highest, least) | _above(second_lowest, here, least)


def _above(high: NDArray[Any], low: NDArray[Any], least: float) -> Mask:
    """Return where one array is above another, by `least` at least."""
    above = high > low
    if high.dtype.kind not in "iu":
        return above
    # The difference of signed integers may need one more bit.
    difference = (high - low).view(f"u{high.dtype.itemsize}")
    return np.asarray(above & (difference >= least))


def _perhaps_likely(strip: NDArray[np.float32]) -> Mask:
    """Return which pixels, 2 px from a strip's border, are perhaps likely in single precision."""
    total, squares = (window_sums(part, (5, 5)) for part in (strip, np.square(strip)))
    rise = 25 * strip[2:-2, 2:-2] - total
    # Rounding must not lose any.
    spread = np.float32(25 * (1 - 1e-5)) * squares - np.square(total)
    return np.asarray(np.float32(1.001) * np.square(rise) >= np.float32(LIKELY**2) * spread)
