"""JPEG's blocks: their edges and what was rounded away in them look like a movement on an axis."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

SIDE = 8
"""Pixels of a block."""

VISIBLE = 1.25
"""Steps across the edges of blocks over those beside; in cells without blocks, 256 pixels wide and
smeared along an axis, chance reached 1.16. Weaker blocks hide in the texture and do no harm."""

NEAR = 15.0
"""Degrees from an axis within which a movement is not told from blocks."""


def are_visible(planes: NDArray[Any]) -> bool:
    """Return whether any channel of (batch, channel, y, x) shows blocks of eight pixels."""
    return any(
        _contrast(channel, axis) > VISIBLE for channel in planes.swapaxes(0, 1) for axis in (1, 2)
    )


def may_explain(angle: float) -> bool:
    """Return whether blocks could be taken for a movement at this angle, degrees."""
    return abs((angle + 45) % 90 - 45) <= NEAR


def _contrast(planes: NDArray[Any], axis: int) -> float:
    """Return the median step at the most striking of eight phases, its neighbours' taken as 1.

    Neighbours, since a cell's own profile is uneven but smooth; the median, since a few of its
    edges are stronger than all else.
    """
    steps = np.abs(np.diff(planes.astype(np.float32), axis=axis))
    profile = steps.mean(axis=tuple(a for a in range(3) if a != axis), dtype=np.float64)
    if len(profile) < 4 * SIDE:
        return 1.0
    beside = np.maximum((profile[:-2] + profile[2:]) / 2, 1e-12)
    ratio = profile[1:-1] / beside
    return float(max(np.median(ratio[phase::SIDE]) for phase in range(SIDE)))
