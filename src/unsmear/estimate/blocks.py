"""JPEG's blocks: their edges and what was rounded away in them look like a movement on an axis."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

SIDE = 8
"""Pixels of a block."""

VISIBLE = 1.08
"""Steps across the blocks' edges over steps within; chance stays below in images of 64 pixels."""

NEAR = 10.0
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
    """Return the mean step at the most striking of eight phases over the mean of all others."""
    steps = np.abs(np.diff(planes.astype(np.float32), axis=axis))
    profile = steps.mean(axis=tuple(a for a in range(3) if a != axis), dtype=np.float64)
    phases = np.array([profile[phase::SIDE].mean() for phase in range(min(SIDE, len(profile)))])
    others = (phases.sum() - phases) / max(len(phases) - 1, 1)
    return float((phases / np.maximum(others, 1e-12)).max()) if len(phases) == SIDE else 1.0
