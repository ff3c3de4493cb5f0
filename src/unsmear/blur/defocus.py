"""Defocus: the disc that a thin lens makes of a point."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsmear.blur.kernel import Kernel
from unsmear.blur.motion import LONGEST
from unsmear.errors import KernelError


@dataclass(frozen=True)
class Defocus:
    """Out of focus: a uniform disc, the geometric image of a point through a thin lens.

    Attributes
    ----------
    radius
        Pixels; 0 is no blur.

    Raises
    ------
    KernelError
        For a radius out of range.

    Examples
    --------
    >>> import unsmear
    >>> unsmear.Defocus(2.5).kernel().shape
    (5, 5)
    """

    radius: float

    def __post_init__(self) -> None:
        if not 0 <= self.radius <= LONGEST / 2:
            raise KernelError(f"radius must be 0 to {LONGEST / 2:g} pixels, got {self.radius}.")

    def kernel(self) -> Kernel:
        """Return the exact area that the disc has in common with each pixel."""
        reach = max(1, int(np.ceil(self.radius - 0.5)))
        if self.radius == 0:
            return np.pad(np.ones((1, 1)), reach)
        edges = np.arange(-reach, reach + 2) - 0.5
        area = _area_below(edges[None, :] / self.radius, edges[:, None] / self.radius)
        kernel: Kernel = np.diff(np.diff(area, axis=0), axis=1).clip(0)
        return np.asarray(kernel / kernel.sum(), np.float64)


def _area_below(x: NDArray[Any], y: NDArray[Any]) -> NDArray[np.float64]:
    """Return the area of the unit disc left of x and below y."""
    x, y = np.broadcast_arrays(np.clip(x, -1, 1), np.clip(y, -1, 1))
    width = np.sqrt(1 - y**2)
    inner = np.clip(x, -width, width)
    below = _half_disc(inner) + y * inner + _half_disc(width) + y * width
    # Above the equator the caps left and right of the chord lie below y as a whole.
    caps = _half_disc(np.minimum(x, -width)) + np.pi / 4
    caps = caps + np.where(x > width, _half_disc(np.maximum(x, width)) - _half_disc(width), 0)
    area: NDArray[np.float64] = np.where(y > 0, below + 2 * caps, below)
    return area


def _half_disc(x: NDArray[Any]) -> NDArray[np.float64]:
    """Return the integral of the upper half circle from 0 to x."""
    area: NDArray[np.float64] = (x * np.sqrt(1 - x**2) + np.arcsin(x)) / 2
    return area
