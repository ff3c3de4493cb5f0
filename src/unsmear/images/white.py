"""Pixels at a camera's white, the highest value that it gives: there was as much light, or more."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

LEAST = 16
"""Least number of pixels at the brightest value of a saturated plane."""
NEAR = 0.01
"""Part of a plane's range below its brightest value that holds fewer pixels than are at it."""


def pixels_at(plane: NDArray[Any]) -> NDArray[np.bool_] | None:
    """Return the saturated pixels of a plane (y, x); None where it is not saturated.

    A plane is saturated where many of its pixels have its brightest value, more than there are just
    below it.
    """
    white, black = float(plane.max()), float(plane.min())
    at = np.asarray(plane == white)
    below = np.count_nonzero(plane >= white - NEAR * (white - black))
    count = np.count_nonzero(at)
    return at if count >= LEAST and 2 * count > below else None
