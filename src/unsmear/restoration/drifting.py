"""Restoration with a kernel for each place: results of neighbouring kernels, blended.

Between two places with kernels of their own the result is linear in the distance to them. Each
kernel is used, and the result checked with it, on the whole field; the places decide which is seen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from unsmear.blur import Kernel
from unsmear.estimate.drift import Drift
from unsmear.restoration import consistency
from unsmear.restoration.base import Batch
from unsmear.restoration.consistency import Check

SHARE = 0.25
"""Part of the field around a place on which its filter is fitted: elsewhere there is light at the
zeros of its kernel."""
LEAST = 64
"""Least width of that part, pixels."""


def restore(
    drift: Drift, shape: Sequence[int], single: Callable[[Kernel, tuple[slice, slice]], Batch]
) -> Batch:
    """Return the blend of the results of all kernels of a drift.

    shape: (y, x) of the planes. single: gives the result (batch, channel, y, x) of one kernel,
    whose filter is fitted to these rows and columns.
    """
    nodes = drift.nodes()
    total: Batch | None = None
    for number, (place, motion) in enumerate(nodes):
        result = single(motion.kernel(), _around(drift, shape, place))
        weighted = result * _weights(drift, shape, number, len(nodes))
        total = weighted if total is None else total + weighted
    assert total is not None  # for mypy: there are two nodes or more
    return total


def check(drift: Drift, single: Callable[[Kernel], Check]) -> Check:
    """Return the check of a blended result, each tile with the kernel of the nearest place."""
    nodes = drift.nodes()
    checks = [single(motion.kernel()) for _, motion in nodes]
    misfit = checks[0].misfit.copy()
    axis = 2 if drift.down else 3
    count = misfit.shape[axis]
    nearest = np.rint((np.arange(count) + 0.5) / count * (len(nodes) - 1)).astype(int)
    for tile, node in enumerate(nearest):
        place = (slice(None),) * axis + (tile,)
        misfit[place] = checks[node].misfit[place]
    return consistency.Check(misfit, checks[0].empty)


def _weights(drift: Drift, shape: Sequence[int], number: int, count: int) -> NDArray[np.float32]:
    """Return the weights of a kernel's result, (y, 1) or (1, x): 1 at its place, 0 at the next."""
    side = shape[0 if drift.down else 1]
    place = np.linspace(0, count - 1, side)
    weights = np.clip(1 - np.abs(place - number), 0, 1).astype(np.float32)
    return np.expand_dims(weights, 1 if drift.down else 0)


def _around(drift: Drift, shape: Sequence[int], place: float) -> tuple[slice, slice]:
    """Return the rows and columns around a place."""
    side = shape[0 if drift.down else 1]
    width = min(max(LEAST, int(SHARE * side)), side)
    first = int(np.clip(place * side - width / 2, 0, side - width))
    near, whole = slice(first, first + width), slice(None)
    return (near, whole) if drift.down else (whole, near)
