"""What no restoration may do to light: make it, lose it, or take more than there was."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsmear.restorer import Batch

DARK = (0.1, 5.0)
"""Percentiles of a plane's counts between which a background must lie, if there is one."""

FLAT = 0.02
"""Of the plane's range: a background is no wider."""


def background(blurred: NDArray[Any]) -> float:
    """Return the level of an image's dark background; -inf where none is evident.

    blurred: planes of one channel, any shape. A background is evident where the darkest twentieth
    of the pixels is nearly flat. There a blur has left the darkest pixels as they were, and nothing
    in the sharp image was darker; elsewhere it has made dark details brighter, and says no bound.
    A few dead pixels do not matter. Gain and offset change nothing.
    """
    low, high, brightest = np.percentile(blurred, (*DARK, 100 - DARK[0]), method="lower")
    return float(low) if high - low <= FLAT * (brightest - low) else -np.inf


def conserve(restored: Batch, blurred: Batch) -> Batch:
    """Return the nearest images with the light of the blurred ones and nothing below background.

    Both are (batch, channel, y, x); each plane is taken for itself. A movement keeps the sum, and
    where there is a background nothing is darker; where ringing says otherwise it is wrong. The
    nearest such plane is max(restored - shift, background), with the one shift that keeps the sum
    (Euclidean projection on a simplex; Held, Wolfe and Crowder, Math. Program. 6, 62 (1974)). Gain
    and offset of the counts change nothing; a plane that is not finite comes back as it is.
    """
    return np.stack(
        [
            np.stack([_conserve_plane(*planes) for planes in zip(*channels, strict=True)])
            for channels in zip(restored, blurred, strict=True)
        ]
    )


def _conserve_plane(restored: Batch, blurred: Batch) -> Batch:
    floor = background(blurred)
    surplus = float(restored.mean(dtype=np.float64) - blurred.mean(dtype=np.float64))
    if not np.isfinite(surplus) or not np.isfinite(floor):
        return restored - np.float32(surplus if np.isfinite(surplus) else 0)
    wanted = float(blurred.mean(dtype=np.float64)) - floor
    above = restored - np.float32(floor)
    shift = 0.0
    # Newton's method on a convex, piecewise straight function: it ends after a few steps.
    for _ in range(30):
        lit = above > shift
        count = int(lit.sum())
        if not count:
            return blurred.copy()
        step = float(above[lit].sum(dtype=np.float64)) / count - wanted * above.size / count
        if abs(step - shift) <= 1e-9 * (abs(wanted) + 1e-30):
            break
        shift = step
    return np.asarray(np.maximum(above - np.float32(shift), 0) + np.float32(floor), np.float32)
