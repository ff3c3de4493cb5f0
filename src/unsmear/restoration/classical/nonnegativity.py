"""Nonnegativity: remove values below the background from a restored plane, with local flux kept.

A linear filter leaves dark ripples beside bright edges. Clipping them would add intensity. Here the
intensity that clipping adds is taken from the bright pixels around: each pixel is multiplied by the
ratio of a window's intensity before clipping to that after.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsmear.filters import box_mean
from unsmear.restoration.classical.power_spectrum import WORKERS

STRIP = 128
"""Number of rows that are processed together."""


def above(plane: NDArray[Any], floor: float, side: int, out: NDArray[Any]) -> None:
    """Write the plane (y, x) to `out`, nowhere below `floor`, with its local flux kept.

    side: side of the window, pixels, odd. A plane that is nowhere below `floor` does not change,
    except by rounding. A pixel depends on those up to side // 2 away.
    """
    height, halo = len(plane), reach(side)

    def work(start: int) -> None:
        stop, first = min(start + STRIP, height), max(0, start - halo)
        strip = plane[first : stop + halo]
        out[start:stop] = _strip(strip, floor, side)[start - first : stop - first]

    # NumPy releases the interpreter's lock, and strips stay in the processor's cache.
    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(work, range(0, height, STRIP)))


def _strip(plane: NDArray[Any], floor: float, side: int) -> NDArray[Any]:
    light = plane - plane.dtype.type(floor)
    result = np.maximum(light, 0)
    before, after = (box_mean(source, (side, side)) for source in (light, result))
    # In dark areas both are 0.
    np.divide(before, np.maximum(after, 1e-30, out=after), out=before)
    result *= np.clip(before, 0, 1, out=before)
    result += plane.dtype.type(floor)
    return np.asarray(result)


def reach(side: int) -> int:
    """Return the distance, pixels, up to which other pixels affect a pixel."""
    return side // 2
