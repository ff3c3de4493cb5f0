"""Flux conservation: the total intensity of each plane is kept, nothing falls below background."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsmear.restoration.base import Batch

DARK = (0.1, 5.0)
"""Percentiles of a plane's counts between which its background lies."""

FLAT = 0.02
"""Largest width of a background as a fraction of the plane's range."""

STRIP = 64
"""Number of rows that are summed together."""

PART = 1 << 18
"""Number of pixels that are compared together, which stay in the processor's cache."""

SAMPLE = 1 << 13
"""Number of pixels that say about where percentiles lie; of fewer all do."""

SURELY = 6.0
"""Standard deviations of their number beyond which a percentile hardly ever lies."""


def background(blurred: NDArray[Any]) -> float:
    """Return the level of an image's dark background; -inf where none is evident.

    blurred: planes of one channel, any shape. A background is evident where the darkest twentieth
    of the pixels is nearly flat. There a blur has not changed the darkest pixels, and nothing in
    the sharp image was darker. Without a background the blur has made dark details brighter, and
    there is no lower limit. A few dead pixels do not matter. Gain and offset change nothing.
    """
    low, high, brightest = percentiles(blurred)
    return low if high - low <= FLAT * (brightest - low) else -np.inf


def conserve(restored: Batch, blurred: Batch, out: Batch | None = None) -> Batch:
    """Return the nearest images with the blurred ones' total intensity, nowhere below background.

    Both are (batch, channel, y, x); each plane is projected by itself. Motion keeps the sum, and
    nothing is darker than a background, so ringing below it is an artefact. The nearest plane that
    satisfies both is max(restored - shift, background), with the shift that keeps the sum
    (Euclidean projection on a simplex; Held, Wolfe and Crowder, Math. Program. 6, 62 (1974)). Gain
    and offset of the counts change nothing; a plane that is not finite comes back as it is.
    out: where to write the result, float32; `restored` itself is allowed, and saves its size.
    """
    result = np.empty(restored.shape, np.float32) if out is None else out
    for planes in zip(restored, blurred, result, strict=True):
        for plane in zip(*planes, strict=True):
            _conserve_plane(*plane)
    return result


def conserve_data(restored: Batch, blurred: Batch, gaps: NDArray[np.bool_]) -> None:
    """Conserve in place the intensity of the pixels with data; gaps: true where there are none."""
    for index in np.ndindex(restored.shape[:2]):
        data = ~gaps[index]
        if data.any():
            part = restored[index][data][None]
            _conserve_plane(part, blurred[index][data][None], part)
            restored[index][data] = part[0]


def _conserve_plane(restored: Batch, blurred: Batch, result: Batch) -> None:
    floor = background(blurred)
    total = float(blurred.mean(dtype=np.float64))
    surplus = float(restored.mean(dtype=np.float64)) - total
    if not np.isfinite(surplus) or not np.isfinite(floor):
        np.subtract(restored, np.float32(surplus if np.isfinite(surplus) else 0), out=result)
        return
    np.subtract(restored, np.float32(floor), out=result)
    shift = _shift(result, total - floor)
    if shift is None:
        result[...] = blurred
        return
    result -= shift
    np.maximum(result, 0, out=result)
    result += np.float32(floor)


@dataclass(frozen=True)
class FluxShift:
    """What keeps the flux of a plane that is restored part by part.

    floor: the plane's background, -inf where none is evident. shift: what is taken off every pixel
    so that the plane keeps its total intensity.
    """

    floor: float
    shift: float

    @classmethod
    def of(
        cls, restored: Batch, blurred: Batch, floor: float, spanned: Sequence[bool] = (False, False)
    ) -> FluxShift:
        """Return what windows that lie evenly on a plane say of it.

        restored, blurred: (n, y, x), in one unit. They weigh little at their borders (Hann), over
        which a motion carries light. spanned: whether the windows are as long as the plane, along
        y and x.
        """
        sides = zip(blurred.shape[1:], spanned, strict=True)
        weights = np.outer(
            *(np.ones(side) if whole else np.hanning(side + 2)[1:-1] for side, whole in sides)
        )
        weights /= weights.sum() * len(blurred)
        if not np.isfinite(floor):
            return cls(floor, float(((restored - blurred) * weights).sum(dtype=np.float64)))
        above = restored.astype(np.float64) - floor
        wanted = float(((blurred - floor) * weights).sum(dtype=np.float64))
        shift = float((above * weights).sum()) - wanted
        for _ in range(30):  # Newton's method, as in `_shift`
            share = float((weights * (above > shift)).sum())
            if not share:
                return cls(floor, 0.0)
            step = (
                float((weights * np.maximum(above, shift)).sum()) - (1 - share) * shift
            ) - wanted
            step /= share
            if abs(step - shift) <= 1e-9 * (abs(wanted) + 1e-30):
                break
            shift = step
        return cls(floor, shift)

    def keep(self, restored: Batch) -> Batch:
        """Return the part of a plane, (batch, 1, y, x), with the flux it should have; in place."""
        if not np.isfinite(self.floor):
            restored -= np.float32(self.shift)
            return restored
        restored -= np.float32(self.floor)
        restored -= np.float32(self.shift)
        np.maximum(restored, 0, out=restored)
        restored += np.float32(self.floor)
        return restored


def _shift(above: Batch, wanted: float) -> np.float32 | None:
    """Return the shift after which the mean of the positive part is `wanted`; None for none.

    above: a plane's intensity above the background.
    """
    # Newton's method on a convex, piecewise linear function, from its left: the shift that keeps
    # the sum if nothing is cut off. It ends after a few steps.
    shift = float(above.mean(dtype=np.float64)) - wanted
    for _ in range(30):
        count, total = _above(above, np.float32(shift))
        if not count:
            return None
        step = (total - wanted * above.size) / count
        if abs(step - shift) <= 1e-9 * (abs(wanted) + 1e-30):
            break
        shift = step
    return np.float32(shift)


def _above(plane: Batch, level: np.float32) -> tuple[int, float]:
    """Return how many pixels lie above a level, and by how much in total."""
    count, total = 0, 0.0  # in strips, which stay in the processor's cache
    for start in range(0, len(plane), STRIP):
        strip = plane[start : start + STRIP]
        count += int(np.count_nonzero(strip > level))
        total += float(np.maximum(strip, level).sum(dtype=np.float64))
    return count, total - float(level) * (plane.size - count)


def percentiles(values: NDArray[Any]) -> tuple[float, float, float]:
    """Return the percentiles at DARK and at 100 - DARK[0]; NaN if any value is NaN.

    values: any shape, float32 or what fits into it. As `np.percentile` with its method "lower",
    but only the tails are ordered, which a sample of the values bounds: several times as fast as
    NumPy's sort of all of them, which is vectorised, and mostly without a copy.
    """
    flat = np.ravel(np.asarray(values, np.float32))
    if np.isnan(flat.min()):
        return np.nan, np.nan, np.nan
    last = flat.size - 1
    low, middle, high = (last * (np.array([*DARK, 100 - DARK[0]]) / 100)).astype(int).tolist()
    parts = [flat[start : start + PART] for start in range(0, flat.size, PART)]
    # By an odd step, which meets all columns of an image whose width is a power of two.
    sample = np.sort(flat[:: flat.size // SAMPLE | 1])
    darkest, dark = _outermost(parts, (low, middle), sample, np.less)
    (brightest,) = _outermost(parts, (last - high,), sample[::-1], np.greater)
    return darkest, dark, brightest


def _outermost(
    parts: Sequence[NDArray[np.float32]],
    ranks: Sequence[int],
    sample: NDArray[np.float32],
    outside: np.ufunc,
) -> list[float]:
    """Return the values that have certain ranks, from 0, among the values of all parts.

    ranks: increasing; of the smallest values for `outside` np.less, of the largest for np.greater.
    sample: some of the values in that order.
    """
    steps, last = (1, np.inf) if outside is np.less else (-1, -np.inf)
    share = ranks[-1] * len(sample) / sum(map(len, parts))
    place = share + SURELY * np.sqrt(share) + SURELY
    while True:
        bound = sample[int(place)] if place < len(sample) else np.float32(last)
        outer = np.sort(np.concatenate([part[outside(part, bound)] for part in parts]))[::steps]
        alike = sum(int(np.count_nonzero(part == bound)) for part in parts)
        if ranks[-1] < len(outer) + alike:
            return [float(outer[rank] if rank < len(outer) else bound) for rank in ranks]
        place *= 2
