"""Linear motion at uneven speed: a stage that starts, stops, waits, accelerates or vibrates."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from unsmear.blur.kernel import Kernel, points_kernel
from unsmear.blur.motion import LONGEST
from unsmear.errors import KernelError

Array = NDArray[np.float64]

DENSITY = 8
"""Points of the path for each pixel of its length."""


@dataclass(frozen=True)
class Profile:
    """Linear motion at uneven speed: how long each place of a straight line was exposed.

    Attributes
    ----------
    length
        Distance between the ends of the line, pixels, above 0 to 512.
    angle
        Direction of the line, degrees anticlockwise from +x, rows growing downwards.
    times
        Exposure of places in equal steps from the line's first end to its last, relative to each
        other, 0 or more; two or more, linear in between.

    Raises
    ------
    KernelError
        For a length, an angle or times out of range.

    Examples
    --------
    >>> import unsmear
    >>> unsmear.Profile(2, 0, (1, 1)).kernel().round(2)[1]
    array([0.25, 0.5 , 0.25])
    >>> rest_then_move = unsmear.Profile(12, 30, (8, 1, 1, 1, 1))
    """

    length: float
    angle: float
    times: tuple[float, ...]

    def __post_init__(self) -> None:
        if not 0 < self.length <= LONGEST:
            raise KernelError(f"length must be above 0 to {LONGEST:g} pixels, got {self.length}.")
        if not math.isfinite(self.angle):
            raise KernelError(f"angle must be finite degrees, got {self.angle}.")
        times = np.asarray(self.times, np.float64)
        if times.ndim != 1 or len(times) < 2 or not np.isfinite(times).all():
            raise KernelError(f"times must be two or more finite numbers, got {self.times}.")
        if times.min() < 0 or times.sum() <= 0:
            raise KernelError(f"times must be 0 or more and not all 0, got {self.times}.")

    def kernel(self) -> Kernel:
        """Return the sum over the line's points, each shared bilinearly by four pixels."""
        count = max(41, DENSITY * int(np.ceil(self.length)) + 1)
        place, shares = _line(count, len(self.times))
        weights = shares @ self.times
        along = self.length * (place - place @ weights / weights.sum())
        turn = math.radians(self.angle)
        return points_kernel(along * math.cos(turn), along * -math.sin(turn), weights)

    def turned(self) -> Profile:
        """Return the same path run in the opposite direction: its kernel is turned by 180
        degrees.
        """
        return Profile(self.length, self.angle, self.times[::-1])


@lru_cache(64)
def _line(count: int, times: int) -> tuple[Array, Array]:
    """Return the points' places on the line, 0 to 1, and their shares (point, time) of the times:
    linear in between, the ends halved by the trapezoidal rule.
    """
    place = np.linspace(0, 1, count)
    shares = np.maximum(1 - np.abs(place[:, None] * (times - 1) - np.arange(times)), 0)
    shares[[0, -1]] /= 2
    return place, shares
