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

EVIDENT = 5.0
"""Least height of the third differences at the block edges along both axes, in standard errors,
above which there are blocks. Without blocks 4.2 was reached along both axes at most, at a quality
of 90 5.8 and more."""

NEAR = 15.0
"""Angle to an axis within which a motion cannot be distinguished from blocks, degrees."""

LARGEST, MOST_SLICES = 2048, 8
"""Largest side of the part of a plane, pixels, and number of slices, that are looked at."""


def are_visible(planes: NDArray[Any]) -> bool:
    """Return whether any channel of planes (batch, channel, y, x) shows blocks of eight pixels."""
    return any(
        _contrast(channel, axis) > VISIBLE
        for channel in _middle(planes).swapaxes(0, 1)
        for axis in (1, 2)
    )


def are_present(planes: NDArray[Any]) -> bool:
    """Return whether any channel of planes (batch, channel, y, x) has blocks, visible or not."""
    return are_visible(planes) or any(
        min(_height(channel, axis) for axis in (1, 2)) > EVIDENT
        for channel in _middle(planes).swapaxes(0, 1)
    )


def _middle(planes: NDArray[Any]) -> NDArray[Any]:
    """Return the middle of large planes: blocks are everywhere."""
    down, across = (max(0, (side - LARGEST) // 2) for side in planes.shape[2:])
    return planes[:MOST_SLICES, :, down : down + LARGEST, across : across + LARGEST]


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


def _height(planes: NDArray[Any], axis: int) -> float:
    """Return the height of the third differences at the strongest of eight phases over the others,
    in standard errors of its median.

    They hardly pass what is smooth in a cell, and pass the steps between blocks.
    """
    rough = np.abs(np.diff(planes.astype(np.float32), n=3, axis=axis))
    profile = rough.mean(axis=tuple(a for a in range(3) if a != axis), dtype=np.float64)
    periods = profile[: len(profile) // SIDE * SIDE].reshape(-1, SIDE)
    if len(periods) < 4:
        return 0.0
    logs = np.log(periods + 1e-9 * max(float(profile.max()), 1e-300))
    logs -= np.median(logs, axis=1, keepdims=True)
    heights = []
    for phase in range(SIDE):
        others = np.delete(logs, [(phase + by) % SIDE for by in (-1, 0, 1)], axis=1)
        error = np.sqrt(np.pi / 2 / len(logs)) * max(float(others.std()), 1e-9)
        heights.append(float(np.median(logs[:, phase])) / error)
    return float(max(heights))
