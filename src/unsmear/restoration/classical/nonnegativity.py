"""No light below the background: take negative values out of a restored plane, keep the light.

A linear filter leaves dark waves beside bright edges. Cutting them off would add light, and
change with the offset of a camera whose counts cannot go below 0. Here what is cut off is taken
from the bright pixels around it: a factor, the light of a window before over that after.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from unsmear.restoration.classical.power_spectrum import WORKERS

STRIP = 128
"""Rows that are worked together."""


def above(plane: NDArray[Any], floor: float, side: int, out: NDArray[Any]) -> None:
    """Write a plane (y, x) that is nowhere below `floor` to `out`, the light kept where it was.

    side: pixels along the window, odd. A plane that is nowhere below comes back as it is,
    to rounding. Pixels further than side // 2 do not matter.
    """
    height, halo = len(plane), reach(side)

    def work(start: int) -> None:
        stop, first = min(start + STRIP, height), max(0, start - halo)
        strip = plane[first : stop + halo]
        out[start:stop] = _strip(strip, floor, side)[start - first : stop - first]

    # cv2 and NumPy let go of the interpreter's lock, and strips stay in the processor's cache.
    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(work, range(0, height, STRIP)))


def _strip(plane: NDArray[Any], floor: float, side: int) -> NDArray[Any]:
    light = plane - plane.dtype.type(floor)
    result = np.maximum(light, 0)
    before, after = (
        cv2.blur(source, (side, side), borderType=cv2.BORDER_REFLECT_101)
        for source in (light, result)
    )
    # Where all is dark both are 0; the running sums of cv2 can leave rounding errors there.
    np.divide(before, np.maximum(after, 1e-30, out=after), out=before)
    result *= np.clip(before, 0, 1, out=before)
    result += plane.dtype.type(floor)
    return np.asarray(result)


def reach(side: int) -> int:
    """Return how many pixels around a pixel matter to it."""
    return side // 2
