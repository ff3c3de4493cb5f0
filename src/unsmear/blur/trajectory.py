"""Irregular motion (camera shake): a random trajectory with inertia and sudden jerks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unsmear.blur.kernel import Kernel
from unsmear.blur.motion import LONGEST, path_kernel
from unsmear.errors import KernelError

STEPS = 96
"""Number of line segments of a path."""


@dataclass(frozen=True)
class Trajectory:
    """Irregular motion (camera shake) along a random path.

    Attributes
    ----------
    length
        Of the whole path, pixels; its extent is smaller.
    shake
        0 is a straight line at constant speed, 1 a nervous scribble.
    seed
        Of the path's random source.

    Raises
    ------
    KernelError
        For a parameter out of range.

    References
    ----------
    Boracchi and Foi, "Modeling the performance of image restoration from motion blur", IEEE
    Transactions on Image Processing 21 (2012).

    Examples
    --------
    >>> import unsmear
    >>> kernel = unsmear.Trajectory(length=12, shake=0.5, seed=3).kernel()
    >>> round(float(kernel.sum()), 6)
    1.0
    """

    length: float
    shake: float = 0.3
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.length <= LONGEST:
            raise KernelError(f"length must be 0 to {LONGEST:g} pixels, got {self.length}.")
        if not 0 <= self.shake <= 1:
            raise KernelError(f"shake must be 0 to 1, got {self.shake}.")
        if not (self.seed >= 0 and self.seed == int(self.seed)):
            raise KernelError(f"seed must be a whole number from 0, got {self.seed}.")

    def kernel(self) -> Kernel:
        """Return the exact integral of the path, its centroid at the kernel's centre."""
        points = self._points()
        return path_kernel(points - (points[:-1] + points[1:]).mean(0) / 2)

    def _points(self) -> NDArray[np.float64]:
        """Return the vertices of the path, (STEPS + 1, 2), in pixels."""
        generator = np.random.default_rng(self.seed)
        velocity = np.exp(2j * np.pi * generator.random())
        drift = generator.normal(size=(STEPS, 2)) @ [1, 1j]
        jerks = generator.random(STEPS) < 0.04 * self.shake
        turns = np.exp(1j * (np.pi + generator.uniform(-0.5, 0.5, STEPS)))
        position, points = 0j, [0j]
        for drifting, jerked, turn in zip(drift, jerks, turns, strict=True):
            pull = 0.7 * position  # towards the start: a hand corrects itself
            velocity += self.shake * (0.5 * drifting - pull) + (
                2 * velocity * turn if jerked else 0
            )
            velocity /= abs(velocity)
            position += velocity / STEPS * 4
            points.append(position)
        path = np.array(points)
        path *= self.length / 4
        return np.stack([path.real, path.imag], 1)
