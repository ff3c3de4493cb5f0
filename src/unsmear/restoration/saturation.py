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
from unsmear.images import white
from unsmear.images.nodata import Mask
from unsmear.restoration import filling
from unsmear.restoration.base import Batch
from unsmear.restoration.classical import wiener

AGAIN, FEW = 20, 50_000
"""Largest side of a kernel, pixels, and largest number of a plane's saturated pixels with which
they are continued twice: the spectrum is then that of an image whose peaks are not cut off."""


def find(planes: NDArray[Any], unknown: Mask | None = None) -> Mask | None:
    """Return the saturated pixels of planes (batch, channel, y, x); None where there are none.

    unknown: pixels without data, and defects.
    """
    mask = np.zeros(planes.shape, bool)
    for index in np.ndindex(planes.shape[:2]):
        at = white.pixels_at(planes[index])
        if at is None or at.all():
            continue
        if unknown is not None:
            at &= ~unknown[index]
        # Many defects of one value are no saturated area.
        if np.count_nonzero(at) >= white.LEAST:
            mask[index] = at
    return mask if mask.any() else None


def continued(units: Batch, mask: Mask, kernel: Kernel) -> Batch:
    """Return units whose saturated pixels have their most probable values, never below white."""
    result = units.copy()
    short = len(wiener.trim(kernel)) <= AGAIN
    for channel in range(units.shape[1]):
        part = np.s_[:, channel : channel + 1]
        few = np.count_nonzero(mask[part], axis=(2, 3), keepdims=True) <= FEW
        for masked in (mask[part], mask[part] & few & short):
            # A pixel that is not masked is as it was.
            filled = filling.continued(result[part], masked, kernel)
            result[part] = np.maximum(units[part], filled)
    return result


def excess(restored: Batch, recorded: Batch, mask: Mask) -> Batch:
    """Return how far each pixel of a saturated plane is above white, 0 or more.

    The camera ends there, and what would be above is conjecture. mask: the saturated pixels.
    """
    saturated = mask.any(axis=(2, 3), keepdims=True)
    highest = np.where(mask, recorded, -np.inf).max(axis=(2, 3), keepdims=True)
    highest[~saturated] = np.inf
    return np.asarray(np.maximum(restored - highest, 0), np.float32)
