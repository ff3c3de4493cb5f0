"""What no restoration may do to light: make it, lose it, or take more than there was."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsmear.restoration.base import Batch

DARK = (0.1, 5.0)
"""Percentiles of a plane's counts between which a background must lie, if there is one."""

FLAT = 0.02
"""Of the plane's range: a background is no wider."""

STRIP = 64
"""Rows that are looked at together."""


def background(blurred: NDArray[Any]) -> float:
    """Return the level of an image's dark background; -inf where none is evident.

    blurred: planes of one channel, any shape. A background is evident where the darkest twentieth
    of the pixels is nearly flat. There a blur has left the darkest pixels as they were, and nothing
    in the sharp image was darker; elsewhere it has made dark details brighter, and says no bound.
    A few dead pixels do not matter. Gain and offset change nothing.
    """
    low, high, brightest = percentiles(blurred)
    return low if high - low <= FLAT * (brightest - low) else -np.inf


def conserve(restored: Batch, blurred: Batch, out: Batch | None = None) -> Batch:
    """Return the nearest images with the light of the blurred ones and nothing below background.

    Both are (batch, channel, y, x); each plane is taken for itself. A movement keeps the sum, and
    where there is a background nothing is darker; where ringing says otherwise it is wrong. The
    nearest such plane is max(restored - shift, background), with the one shift that keeps the sum
    (Euclidean projection on a simplex; Held, Wolfe and Crowder, Math. Program. 6, 62 (1974)). Gain
    and offset of the counts change nothing; a plane that is not finite comes back as it is.
    out: where to write the result, float32; `restored` itself is allowed, and saves its size.
    """
    kept = np.empty(restored.shape, np.float32) if out is None else out
    for planes in zip(restored, blurred, kept, strict=True):
        for plane in zip(*planes, strict=True):
            _conserve_plane(*plane)
    return kept


def _conserve_plane(restored: Batch, blurred: Batch, kept: Batch) -> None:
    floor = background(blurred)
    light = float(blurred.mean(dtype=np.float64))
    surplus = float(restored.mean(dtype=np.float64)) - light
    if not np.isfinite(surplus) or not np.isfinite(floor):
        np.subtract(restored, np.float32(surplus if np.isfinite(surplus) else 0), out=kept)
        return
    np.subtract(restored, np.float32(floor), out=kept)
    shift = _shift(kept, light - floor)
    if shift is None:
        kept[...] = blurred
        return
    kept -= shift
    np.maximum(kept, 0, out=kept)
    kept += np.float32(floor)


def _shift(above: Batch, wanted: float) -> np.float32 | None:
    """Return the shift after which the mean of what is left above 0 is `wanted`, None for none.

    above: a plane's light above the background.
    """
    # Newton's method on a convex, piecewise straight function, from its left: what keeps the sum
    # where nothing is cut off. It ends after a few steps.
    shift = float(above.mean(dtype=np.float64)) - wanted
    for _ in range(30):
        count, light = _above(above, np.float32(shift))
        if not count:
            return None
        step = (light - wanted * above.size) / count
        if abs(step - shift) <= 1e-9 * (abs(wanted) + 1e-30):
            break
        shift = step
    return np.float32(shift)


def _above(plane: Batch, level: np.float32) -> tuple[int, float]:
    """Return how many pixels lie above a level, and their sum; strips stay in the cache."""
    count, light = 0, 0.0
    for start in range(0, len(plane), STRIP):
        strip = plane[start : start + STRIP]
        count += int(np.count_nonzero(strip > level))
        light += float(np.maximum(strip, level).sum(dtype=np.float64))
    return count, light - float(level) * (plane.size - count)


def percentiles(values: NDArray[Any]) -> tuple[float, float, float]:
    """Return the values at DARK and at what its first leaves at the other end; NaN if one is.

    As `np.percentile` with its method "lower", but several times as fast: NumPy parts an array
    quickly at one rank only, and where that rank's value is not that of many pixels.
    """
    ranks = (values.size - 1) * (np.array([*DARK, 100 - DARK[0]]) / 100)
    lowest, middle, highest = ranks.astype(int)
    ordered = values.flatten()
    low = high = ordered.min()
    if np.count_nonzero(ordered == low) <= middle:
        ordered.partition(middle)
        low = high = ordered[middle]
        if lowest < middle:
            low = np.partition(ordered[:middle], lowest)[lowest]
        ordered = ordered[middle:]
        highest -= middle
    ordered.partition(highest)
    if np.isnan(ordered[highest:].max()):
        return np.nan, np.nan, np.nan
    return float(low), float(high), float(ordered[highest])
