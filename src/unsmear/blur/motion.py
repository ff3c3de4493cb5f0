"""Linear motion at constant speed, as of a slide scanner's stage or by drift."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from unsmear.blur.kernel import Kernel
from unsmear.errors import KernelError

NODES = np.array([0.5 - np.sqrt(1 / 12), 0.5 + np.sqrt(1 / 12)])
"""Of the two-point Gauss-Legendre rule on an interval from 0 to 1."""
LONGEST = 512.0
"""Longest motion, pixels; a longer one would be a mistake in the unit."""


@dataclass(frozen=True)
class Motion:
    """Linear motion: a movement in a straight line at constant speed.

    Attributes
    ----------
    length
        Distance moved during the exposure, pixels, 0 to 512; 0 is no blur.
    angle
        Direction, degrees anticlockwise from +x, rows growing downwards.

    Raises
    ------
    KernelError
        For a length or an angle out of range.

    Examples
    --------
    >>> import unsmear
    >>> unsmear.Motion(2, 0).kernel()
    array([[0.  , 0.  , 0.  ],
           [0.25, 0.5 , 0.25],
           [0.  , 0.  , 0.  ]])
    >>> unsmear.Motion.of_stage(speed=200, exposure=0.01, pixel_size=0.2)
    Motion(length=10.0, angle=0.0)
    """

    length: float
    angle: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.length <= LONGEST:
            raise KernelError(f"length must be 0 to {LONGEST:g} pixels, got {self.length}.")
        if not np.isfinite(self.angle):
            raise KernelError(f"angle must be finite degrees, got {self.angle}.")

    @classmethod
    def of_stage(
        cls, speed: float, exposure: float, pixel_size: float, angle: float = 0.0
    ) -> Motion:
        """Return the motion of a stage during the exposure.

        speed: micrometres per second. exposure: seconds. pixel_size: micrometres in the sample.
        """
        for name, value in (("speed", speed), ("exposure", exposure)):
            if not (np.isfinite(value) and value >= 0):
                raise KernelError(f"{name} must be 0 or more, got {value}.")
        if not (np.isfinite(pixel_size) and pixel_size > 0):
            raise KernelError(f"pixel_size must be above 0 micrometres, got {pixel_size}.")
        return cls(speed * exposure / pixel_size, angle)

    def kernel(self) -> Kernel:
        """Return the exact integral of the path, each point shared bilinearly by four pixels."""
        ends = self.length / 2 * self._direction()
        return path_kernel(np.stack([-ends, ends]))

    def _direction(self) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        radians = np.deg2rad(self.angle % 360)
        return np.array([np.cos(radians), -np.sin(radians)]).round(12)


def path_kernel(points: np.ndarray[tuple[int, int], np.dtype[np.float64]]) -> Kernel:
    """Return the kernel of a path of line segments, each of the same duration.

    points: (n, 2), the vertices as (x, y) in pixels from the kernel's centre, y downwards.

    Between two crossings of pixel lines both bilinear weights are linear, so their product is a
    parabola, which the two-point Gauss-Legendre rule integrates exactly.
    """
    radius = max(1, int(np.ceil(np.abs(points).max() - 1e-9)))
    side = 2 * radius + 3  # a margin of one for the neighbours on the right
    places, shares = [], []
    for start, end in itertools.pairwise(points):
        cuts = np.sort(np.concatenate([[0.0, 1.0], *map(_crossings, start, end)]))
        widths = np.diff(cuts)
        times = (cuts[:-1, None] + widths[:, None] * NODES).ravel()
        weights = np.repeat(widths, 2) / 2
        x, y = (start + times[:, None] * (end - start)).T + radius + 1e-12
        column, row = np.floor(x), np.floor(y)
        right, down = x - column, y - row
        # What rounding puts before the first row or column is next to nothing: it is in the margin.
        rows, columns = (row % side, row + 1), (column % side, column + 1)
        places += [(each * side + beside).astype(np.intp) for each in rows for beside in columns]
        upper, lower = weights * (1 - down), weights * down
        shares += [upper * (1 - right), upper * right, lower * (1 - right), lower * right]
    summed = np.bincount(np.concatenate(places), np.concatenate(shares), side * side)
    kernel = summed.reshape(side, side)[:-2, :-2]
    kernel[kernel < 1e-11] = 0  # rounding errors beside the path
    return np.asarray(kernel / kernel.sum(), np.float64)


def _crossings(start: float, end: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return the times in (0, 1) at which a coordinate passes an integer."""
    if abs(end - start) < 1e-12:
        return np.zeros(0)
    low, high = sorted((start, end))
    times = (np.arange(np.ceil(low), np.floor(high) + 1) - start) / (end - start)
    inside: np.ndarray[tuple[int], np.dtype[np.float64]] = times[(times > 0) & (times < 1)]
    return inside
