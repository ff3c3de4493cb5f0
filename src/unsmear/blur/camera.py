"""What a camera makes of light: photon noise, read noise, offset, saturation, bit depth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsmear.errors import OptionError


@dataclass(frozen=True)
class Camera:
    """A camera; units of 1 are its white level unless it saturates elsewhere.

    photons: electrons counted at units of 1; None is no photon noise.
    read_noise: standard deviation, electrons (of the white level where photons is None).
    offset: counts added so that noise stays above 0.
    bits: 8 to 16 give integer counts from 0 to 2**bits - 1; above 8 they are stored in uint16.
    saturation: units at which the camera is white.
    """

    photons: float | None = None
    read_noise: float = 0.0
    offset: float = 0.0
    bits: int = 8
    saturation: float = 1.0

    def __post_init__(self) -> None:
        if self.photons is not None and not 0 < self.photons < 1e12:
            raise OptionError(f"photons must be above 0, got {self.photons}.")
        if not 0 <= self.read_noise < np.inf:
            raise OptionError(f"read_noise must be 0 or more, got {self.read_noise}.")
        if not (8 <= self.bits <= 16 and self.bits == int(self.bits)):
            raise OptionError(f"bits must be a whole number from 8 to 16, got {self.bits}.")
        if not 0 <= self.offset < self.white:
            raise OptionError(f"offset must be 0 to {self.white} counts, got {self.offset}.")
        if not 0 < self.saturation < np.inf:
            raise OptionError(f"saturation must be above 0, got {self.saturation}.")

    @property
    def white(self) -> int:
        """The largest count."""
        return int(2**self.bits - 1)

    def expose(self, units: NDArray[Any], generator: np.random.Generator) -> NDArray[Any]:
        """Return counts, uint8 or uint16, of an image in units; negative light is none."""
        light = np.maximum(np.asarray(units, np.float64), 0)
        electrons = light * (self.photons or 1.0)
        if self.photons is not None:
            electrons = generator.poisson(electrons).astype(np.float64)
        if self.read_noise:
            electrons += generator.normal(0, self.read_noise, electrons.shape)
        gain = (self.white - self.offset) / ((self.photons or 1.0) * self.saturation)
        counts = np.rint(self.offset + gain * electrons).clip(0, self.white)
        return counts.astype(np.uint8 if self.bits == 8 else np.uint16)
