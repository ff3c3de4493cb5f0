"""What no restoration may do to light: lose it, make it, or take more than there was."""

from __future__ import annotations

import numpy as np

from unsmear.restorer import Batch


def conserve(restored: Batch, blurred: Batch) -> Batch:
    """Return the nearest images that hold the light of the blurred ones, and no darker pixel.

    Both are (batch, channel, y, x); each plane is taken for itself. A movement averages, so it
    keeps the sum and cannot make a dark pixel darker than the darkest before it; where ringing
    says otherwise it is wrong. The nearest such plane is max(restored - shift, darkest), with the
    one shift that keeps the sum (Euclidean projection on a simplex; Held, Wolfe and Crowder, Math.
    Program. 6, 62 (1974)). Gain and offset of the counts change nothing.
    """
    return np.stack(
        [
            [_conserve_plane(*planes) for planes in zip(*channels, strict=True)]
            for channels in zip(restored, blurred, strict=True)
        ]
    )


def _conserve_plane(restored: Batch, blurred: Batch) -> Batch:
    darkest = blurred.min()
    wanted = float(blurred.mean(dtype=np.float64) - darkest)
    above = restored - darkest
    shift = 0.0
    # Newton's method on a convex, piecewise straight function: it ends after a few steps.
    for _ in range(30):
        lit = above > shift
        count = int(lit.sum())
        if not count:
            return np.asarray(blurred.copy())
        step = float(above[lit].sum(dtype=np.float64)) / count - wanted * above.size / count
        if abs(step - shift) <= 1e-9 * (wanted + 1e-30):
            break
        shift = step
    return np.asarray(np.maximum(above - np.float32(shift), 0) + darkest, np.float32)
