"""Camera model: photon noise, read noise, offset, saturation and bit depth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsmear.errors import OptionError


@dataclass(frozen=True)
class Camera:
    """A camera; a normalised intensity of 1 is full scale unless `saturation` says otherwise.

    photons: photoelectrons at full scale (at an intensity of 1); None for no photon noise.
    read_noise: standard deviation, electrons; a fraction of full scale if photons is None.
    offset: counts that are added, so that noise does not fall below 0.
    bits: 8 to 16; counts go from 0 to 2**bits - 1, in uint16 above 8.
    saturation: normalised intensity at which the camera saturates.
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
        """Largest count."""
        return int(2**self.bits - 1)

    def expose(self, units: NDArray[Any], generator: np.random.Generator) -> NDArray[Any]:
        """Return counts, uint8 or uint16, of normalised intensities; negative ones count as 0."""
        intensity = np.maximum(np.asarray(units, np.float64), 0)
        electrons = intensity * (self.photons or 1.0)
        if self.photons is not None:
            electrons = generator.poisson(electrons).astype(np.float64)
        if self.read_noise:
            electrons += generator.normal(0, self.read_noise, electrons.shape)
        gain = (self.white - self.offset) / ((self.photons or 1.0) * self.saturation)
        counts = np.rint(self.offset + gain * electrons).clip(0, self.white)
        return counts.astype(np.uint8 if self.bits == 8 else np.uint16)
