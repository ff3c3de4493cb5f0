"""Seams of a field: where two exposures meet, as the tiles of a mosaic do."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Box: TypeAlias = tuple[slice, slice]
"""Rows and columns of a part of a field."""

SMALLEST = 96
"""Least side of a part of a field that is looked at by itself, pixels."""
UNLIKELY = 7.0
"""Least excess of the logarithm of the step between two rows at a seam, in standard deviations of
those of the rows around it. Fields without a seam reached 5, those with one 10 and more."""
AROUND = 12
"""Rows on each side with which a step is compared."""
LINES, MOST_SLICES = 1024, 8
"""Most rows or columns across a seam, and slices, in which it is looked for."""
FAINTEST = 1e-3
"""Least step that counts, as a fraction of the standard deviation of the pixels."""
LEAST_KNOWN = 0.5
"""Least share of a row that must hold data for its step to count: of few pixels it is hazard."""
LEAST_SPREAD = 0.02
"""Least standard deviation of the logarithms of steps."""


def seam(planes: NDArray[Any], gaps: NDArray[np.bool_] | None = None) -> tuple[Box, Box] | None:
    """Return the two parts of a field on both sides of its clearest seam; None without one.

    A seam runs through the whole field: along it, neighbouring rows (or columns) differ more than
    all around. planes: (batch, channel, y, x) counts. gaps: in that shape, pixels without data and
    saturated ones, whose edges are none.
    """
    height, width = planes.shape[2:]
    best, clearest = None, UNLIKELY
    for axis, side in ((2, height), (3, width)):
        if side < 2 * SMALLEST + 4:
            continue
        step, unlikely = _clearest_step(planes, gaps, axis)
        if unlikely > clearest:
            clearest = unlikely
            first, last = slice(0, step), slice(step, side)
            whole = slice(0, width if axis == 2 else height)
            best = ((first, whole), (last, whole)) if axis == 2 else ((whole, first), (whole, last))
    return best


def _clearest_step(
    planes: NDArray[Any], gaps: NDArray[np.bool_] | None, axis: int
) -> tuple[int, float]:
    """Return the first row (axis 2) or column after the clearest step, and how unlikely it is.

    Third differences vanish in what a motion has smoothed, and not across a seam.
    """
    # A seam runs through the whole field: some of the rows or columns across it show it.
    step = max(1, planes.shape[5 - axis] // LINES)
    few = np.s_[:MOST_SLICES, :, :, ::step] if axis == 2 else np.s_[:MOST_SLICES, :, ::step]
    values = planes[few].astype(np.float64)
    values = values / max(np.abs(values).max(), np.finfo(np.float64).tiny)
    if values.std() == 0:
        return SMALLEST, 0.0
    lines = np.moveaxis(values, axis, 0).reshape(planes.shape[axis], -1)
    thirds = np.square(np.diff(lines, 3, axis=0))
    sizes = np.sqrt(thirds.mean(axis=1))
    if gaps is not None:
        lacking = np.moveaxis(gaps[few], axis, 0).reshape(len(lines), -1)
        usable = ~(lacking[:-3] | lacking[1:-2] | lacking[2:-1] | lacking[3:])
        number = usable.sum(axis=1)
        sizes = np.sqrt((thirds * usable).sum(axis=1) / np.maximum(number, 1))
        enough = number > LEAST_KNOWN * usable.shape[1]
        sizes[~enough] = np.median(sizes[enough]) if enough.any() else 0.0
    steps = np.log(sizes + FAINTEST * lines.std())
    excess = steps - ndimage.median_filter(steps, 2 * AROUND + 1, mode="nearest")
    spread = 1.4826 * float(np.median(np.abs(excess))) + LEAST_SPREAD
    unlikely = (excess / spread)[SMALLEST - 2 : len(excess) - SMALLEST + 1]
    step = int(unlikely.argmax())
    return step + SMALLEST, float(unlikely[step])
