"""One recorded plane as two of the same light, whose noise is uncorrelated.

A plane becomes plane + z and plane - z, where z is random with the variance of the plane's own
noise, in proportion to the light. For pure photon noise these are, in mean and variance, twice the
halves of a binomial split of the photons (Rieger et al., "Single image Fourier ring correlation",
Opt. Express 32 (2024)). A binomial split must know the camera's gain and offset; this one reads the
variance where no light can be, at the frequencies beyond the Nyquist circle (as Heintzmann et al.,
"Calibrating photon counts from a single image", arXiv (2016)), and takes read noise and
rounding in. So it holds for 8 and for 16 bit, however the counts were scaled.

Splitting by every second pixel instead (Koho et al., "Fourier ring correlation simplifies image
restoration in fluorescence microscopy", Nat. Commun. 10 (2019)) cannot show detail below 4 px, and
fails as this one does where neighbours share noise.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from unsmear.metrics import spectra
from unsmear.metrics.spectra import Plane, Spectrum

SMALLEST = 128
"""Smallest side of a plane that is split, pixels: a sector of a smaller one has too few
frequencies."""
BLOCK = 16
"""Side of the blocks in which noise is compared between frequencies, pixels."""
FEWEST = 16
"""Least number of blocks that are not constant."""
MIDDLE = (0.3, 0.4)
"""Frequencies whose power is compared with that beyond the Nyquist circle, cycles a pixel."""
EMPTIEST = 0.2
"""Quantile of the blocks, from the emptiest."""
UNEVEN = 1.3
"""Ratio of these powers above which neighbours share noise (benchmarks/resolution.md)."""


@dataclass(frozen=True, eq=False)
class Halves:
    """Two planes (y, x) of the same light, counts, whose noise is uncorrelated and twice as strong
    (in variance) as in the plane that was split.
    """

    first: Plane
    second: Plane

    @cached_property
    def spectra(self) -> tuple[Spectrum, Spectrum]:
        """Their tapered spectra."""
        return spectra.spectrum(self.first), spectra.spectrum(self.second)


def split(plane: NDArray[Any], generator: np.random.Generator) -> Halves | None:
    """Return a plane (y, x) of recorded counts as two, or None where its noise cannot be told.

    That is where it has a side below 128 px or missing values (NaN), where fewer than 16 blocks of
    16 px vary, and where neighbours share noise: after JPEG, smoothing or interpolation. A plane
    that is full of bright fine detail, without an empty fifth, cannot be told from these.
    """
    counts = np.asarray(plane, np.float64)
    if min(counts.shape) < SMALLEST or np.isnan(counts).any() or not has_white_noise(counts):
        return None
    light = counts - counts.min()
    weights = np.square(spectra.taper(counts.shape))
    mean = float((light * weights).sum() / weights.sum())
    deviation = np.sqrt(light * (_variance(counts) / mean))
    added = deviation * generator.standard_normal(counts.shape)
    return Halves(counts + added, counts - added)


def has_white_noise(plane: NDArray[Any]) -> bool:
    """Return whether the noise of a plane (y, x) is no stronger at middle frequencies than at the
    highest, in its emptiest blocks: elsewhere light is more than noise.
    """
    rows, columns = (side // BLOCK for side in plane.shape)
    whole = np.asarray(plane[: rows * BLOCK, : columns * BLOCK], np.float64)
    blocks = whole.reshape(rows, BLOCK, columns, BLOCK).swapaxes(1, 2).reshape(-1, BLOCK, BLOCK)
    blocks = blocks[np.ptp(blocks, axis=(1, 2)) > 0]
    if len(blocks) < FEWEST:
        return False
    centred = blocks - blocks.mean(axis=(1, 2), keepdims=True)
    power = spectra.power(scipy.fft.fft2(centred * spectra.taper((BLOCK, BLOCK))))
    radius = spectra.radius((BLOCK, BLOCK))
    middle = power[:, (radius >= MIDDLE[0]) & (radius < MIDDLE[1])].mean(axis=1)
    beyond = power[:, radius > spectra.NYQUIST].mean(axis=1)
    return bool(np.quantile(middle / np.maximum(beyond, 1e-300), EMPTIEST) < UNEVEN)


def _variance(plane: Plane) -> float:
    """Return the variance of white noise, from the frequencies that no round pupil passes."""
    beyond = spectra.radius(plane.shape) > spectra.NYQUIST
    return float(spectra.power(spectra.spectrum(plane))[beyond].mean())
