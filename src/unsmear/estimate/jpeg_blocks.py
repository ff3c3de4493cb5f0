"""Detection of JPEG blocks, whose edges and rounding look like a motion along an axis."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

SIDE = 8
"""Side of a JPEG block, pixels."""

VISIBLE = 1.25
"""Ratio of the gradients at block edges to those beside them, above which blocks are visible.

In cells without blocks, 256 pixels wide and blurred along an axis, chance reached 1.16. Weaker
blocks hide in the texture and do no harm."""

NEAR = 15.0
"""Angle to an axis within which a motion cannot be distinguished from blocks, degrees."""


def are_visible(planes: NDArray[Any]) -> bool:
    """Return whether any channel of planes (batch, channel, y, x) shows blocks of eight pixels."""
    return any(
        _contrast(channel, axis) > VISIBLE for channel in planes.swapaxes(0, 1) for axis in (1, 2)
    )


def may_explain(angle: float) -> bool:
    """Return whether blocks could be taken for a motion at this angle, degrees."""
    return abs((angle + 45) % 90 - 45) <= NEAR


def _contrast(planes: NDArray[Any], axis: int) -> float:
    """Return the median gradient at the strongest of eight phases, relative to its neighbours.

    Neighbours, because a cell's own profile is uneven but smooth; the median, because a few edges
    of cells are stronger than all others.
    """
    steps = np.abs(np.diff(planes.astype(np.float32), axis=axis))
    profile = steps.mean(axis=tuple(a for a in range(3) if a != axis), dtype=np.float64)
    if len(profile) < 4 * SIDE:
        return 1.0
    beside = np.maximum((profile[:-2] + profile[2:]) / 2, 1e-12)
    ratio = profile[1:-1] / beside
    return float(max(np.median(ratio[phase::SIDE]) for phase in range(SIDE)))
