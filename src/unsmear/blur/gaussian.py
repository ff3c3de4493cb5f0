"""Gaussian blur, as by optics or scattering."""

from __future__ import annotations

from dataclasses import dataclass
from math import erf, sqrt

import numpy as np

from unsmear.blur.kernel import Kernel
from unsmear.blur.motion import LONGEST
from unsmear.errors import KernelError


@dataclass(frozen=True)
class Gaussian:
    """A round Gaussian.

    Attributes
    ----------
    sigma
        Standard deviation, pixels; 0 is no blur.

    Raises
    ------
    KernelError
        For a sigma out of range.

    Examples
    --------
    >>> import unsmear
    >>> unsmear.Gaussian(1).kernel().shape
    (9, 9)
    """

    sigma: float

    def __post_init__(self) -> None:
        if not 0 <= self.sigma <= LONGEST / 8:
            raise KernelError(f"sigma must be 0 to {LONGEST / 8:g} pixels, got {self.sigma}.")

    def kernel(self) -> Kernel:
        """Return the Gaussian integrated over each pixel, out to four sigma."""
        reach = max(1, int(np.ceil(4 * self.sigma)))
        if self.sigma == 0:
            return np.pad(np.ones((1, 1)), reach)
        edges = (np.arange(-reach, reach + 2) - 0.5) / (self.sigma * sqrt(2))
        profile = np.diff([erf(edge) for edge in edges])
        kernel: Kernel = np.outer(profile, profile)
        return np.asarray(kernel / kernel.sum(), np.float64)
