"""A kernel that was found point by point, and belongs to no family of movements."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from unsmear.blur.kernel import Kernel, check_kernel


@dataclass(frozen=True)
class Sampled:
    """A kernel as values that can be compared and written down.

    rows: its values, top row first; odd, square.
    """

    rows: tuple[tuple[float, ...], ...]

    @classmethod
    def of(cls, kernel: Kernel) -> Sampled:
        """Return the kernel in an array, normalised; raises KernelError for no kernel."""
        return cls(tuple(tuple(map(float, row)) for row in check_kernel(kernel)))

    def kernel(self) -> Kernel:
        """Return the kernel, summing to 1; raises KernelError for rows that are none."""
        return check_kernel(np.array(self.rows, np.float64))
