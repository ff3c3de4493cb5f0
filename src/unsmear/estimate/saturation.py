"""Saturated pixels, whose value is not what the motion made: they get no weight in a spectrum."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from unsmear.estimate import spectrum

SHARE = 0.005
"""Fraction of pixels at the brightest value above which a plane is saturated: what is cut off
changes a spectrum more than the kind of a motion does."""
LEFT = 0.1
"""Least mean weight of a plane's pixels that must be left for its saturated ones to be left out."""
DEEP = 2.0
"""Depth of a saturated area above which nothing is known of the light inside, as a multiple of the
motion's length. Areas of 1.3 times the length were restored without harm, one of 3.2 times was not.
"""
HIDDEN = "which large saturated areas hide"


def of(planes: NDArray[Any]) -> bool:
    """Return whether more of a plane of (batch, channel, y, x) than noise explains is saturated."""
    return any(_share(plane) > SHARE for batch in planes for plane in batch)


def masked(planes: NDArray[Any], gaps: NDArray[np.bool_] | None = None) -> NDArray[np.bool_] | None:
    """Return the pixels that a spectrum must not use: those without data, and saturated ones.

    planes: (batch, channel, y, x) counts. gaps: in that shape, true where a pixel holds no data.
    Where saturated pixels are everywhere, they stay.
    """
    result = gaps
    for index in np.ndindex(planes.shape[:2]) if planes.size else ():
        plane = planes[index]
        if _share(plane) <= SHARE:
            continue
        mask = plane == plane.max() if gaps is None else gaps[index] | (plane == plane.max())
        if np.square(spectrum.weights_of(mask[None, None])).mean() < LEFT:
            continue
        result = (
            np.zeros(planes.shape, bool)
            if result is None
            else result.copy()
            if result is gaps
            else result
        )
        result[index] = mask
    return result


def hides(planes: NDArray[Any], length: float) -> bool:
    """Return whether a plane has a saturated area so deep that a motion does not reach into it.

    length: of the motion, pixels.
    """
    return any(
        ndimage.distance_transform_edt(plane == plane.max()).max() > DEEP * length
        for batch in planes
        for plane in batch
        if _share(plane) > SHARE
    )


def _share(plane: NDArray[Any]) -> float:
    """Return the fraction of pixels at the brightest value; 0 where all have it."""
    share = float((plane == plane.max()).mean())
    return share if share < 1 else 0.0
