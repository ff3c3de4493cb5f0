"""Saturated pixels: they say only that there was at least as much light.

A pixel at the camera's white is no measurement, and a deconvolution that takes it for one makes
rings around it. Its most probable value given the pixels around it (`filling`) takes its place
where that is above white.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsmear.blur import Kernel
from unsmear.images.nodata import Mask
from unsmear.restoration import filling
from unsmear.restoration.base import Batch

LEAST = 16
"""Least number of pixels at the brightest value of a saturated plane."""
MOST_IF_ESTIMATED = 0.01
"""Largest fraction of a plane that is continued where the kernel is only estimated."""
NEAR = 0.01
"""Part of a plane's range below its brightest value that holds fewer pixels than are at it."""


def find(planes: NDArray[Any], unknown: Mask | None = None, most: float = 1.0) -> Mask | None:
    """Return the saturated pixels of planes (batch, channel, y, x); None where there are none.

    unknown: pixels without data, and defects. most: fraction of a plane above which its saturated
    pixels are not reported.

    A plane is saturated where many of its pixels have its brightest value, more than there are just
    below it.
    """
    mask = np.zeros(planes.shape, bool)
    for index in np.ndindex(planes.shape[:2]):
        plane = planes[index]
        white, black = float(plane.max()), float(plane.min())
        at = plane == white
        below = np.count_nonzero(plane >= white - NEAR * (white - black))
        count = np.count_nonzero(at)
        if LEAST <= count < most * plane.size and 2 * count > below:
            mask[index] = at
    if unknown is not None:
        mask &= ~unknown
    return mask if mask.any() else None


def continued(units: Batch, mask: Mask, kernel: Kernel) -> Batch:
    """Return units whose saturated pixels have their most probable values, never below white."""
    # A pixel that is not masked is as it was.
    return np.maximum(units, filling.continued(units, mask, kernel))


def excess(restored: Batch, recorded: Batch, mask: Mask) -> Batch:
    """Return how far each pixel of a saturated plane is above white, 0 or more.

    The camera ends there, and what would be above is conjecture. mask: the saturated pixels.
    """
    saturated = mask.any(axis=(2, 3), keepdims=True)
    white = np.where(mask, recorded, -np.inf).max(axis=(2, 3), keepdims=True)
    white[~saturated] = np.inf
    return np.asarray(np.maximum(restored - white, 0), np.float32)
