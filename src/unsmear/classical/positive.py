"""No light below the background: take negative values out of a restored plane, keep the light.

A linear filter leaves dark waves beside bright edges. Cutting them off would add light, and
change with the offset of a camera whose counts cannot go below 0. Here what is cut off is taken
from the bright pixels around it: a factor, the light of a window before over that after.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

WIDE = 65
"""Pixels; a last factor over a wide window mends what the narrow one left."""


def above(plane: NDArray[np.floating[Any]], floor: float, side: int) -> NDArray[np.floating[Any]]:
    """Return a plane (y, x) that is nowhere below `floor`, with the light kept where it was.

    side: pixels along the narrow window, odd. A plane that is nowhere below comes back as it is,
    to rounding. Pixels at a distance of side // 2 + WIDE // 2 and more do not matter.
    """
    light = plane - plane.dtype.type(floor)
    result = np.maximum(light, 0)
    for window in (side, WIDE):
        before, after = _mean(light, window), _mean(result, window)
        # Where all is dark both are 0; the running sums of cv2 can leave rounding errors there.
        np.divide(before, np.maximum(after, 1e-30), out=before)
        result *= np.clip(before, 0, 1 if window == side else 2, out=before)
    result += plane.dtype.type(floor)
    return np.asarray(result)


def reach(side: int) -> int:
    """Return how many pixels around a pixel matter to it."""
    return side // 2 + WIDE // 2


def _mean(plane: NDArray[np.floating[Any]], side: int) -> NDArray[np.floating[Any]]:
    return np.asarray(cv2.blur(plane, (side, side), borderType=cv2.BORDER_REFLECT_101))
