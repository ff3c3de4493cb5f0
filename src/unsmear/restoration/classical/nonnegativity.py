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

from unsmear.filters import window_sums
from unsmear.restoration.classical.power_spectrum import WORKERS

STRIP = 128
"""Number of rows that are processed together."""


def above(plane: NDArray[Any], floor: float, side: int, out: NDArray[Any]) -> None:
    """Write the plane (y, x) to `out`, nowhere below `floor`, with its local flux kept.

    side: side of the window, pixels, odd. A plane that is nowhere below `floor` does not change,
    except by rounding. A pixel depends on those up to side // 2 away.
    """
    height, halo = len(plane), reach(side)
    level = plane.dtype.type(floor)
    light = np.pad(plane - level, halo, mode="reflect")

    def work(start: int) -> None:
        stop = min(start + STRIP, height)
        _keep_above(light[start : stop + 2 * halo], side, out[start:stop])
        out[start:stop] += level

    # NumPy releases the interpreter's lock, and strips stay in the processor's cache.
    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(work, range(0, height, STRIP)))


def _keep_above(light: NDArray[Any], side: int, out: NDArray[Any]) -> None:
    """Write a strip, that goes on by half a window around what is written, nowhere below 0."""
    bright, halo = np.maximum(light, 0), reach(side)
    before, after = (window_sums(source, (side, side)) for source in (light, bright))
    # In dark areas both are 0.
    ratio = np.maximum(after, 1e-30)
    np.divide(before, ratio, out=ratio)
    np.clip(ratio, 0, 1, out=ratio)
    inside = bright[halo : halo + len(out), halo : halo + out.shape[1]]
    np.multiply(inside, ratio, out=out)


def reach(side: int) -> int:
    """Return the distance, pixels, up to which other pixels affect a pixel."""
    return side // 2
