"""Drawn images whose movement and light are known."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from unsmear.blur import Motion, convolve
from unsmear.metrics import spectra

SIDE, PHOTONS, ANGLE = 256, 1000, 30.0
Plane = NDArray[np.float64]


@cache
def sharp() -> Plane:
    """Return light (y, x) from 0 to 1: patches of texture whose power falls as that of cells, on a
    faint background.
    """
    generator = np.random.default_rng(0)
    radius = np.maximum(spectra.radius((SIDE, SIDE)), 1 / SIDE)
    drawn = np.fft.fft2(generator.standard_normal((SIDE, SIDE))) * radius**-1.5
    texture = gaussian_filter(np.fft.ifft2(drawn).real, 0.8, mode="wrap")
    light = np.maximum(texture - np.quantile(texture, 0.6), 0)
    return np.asarray(0.02 + light / light.max(), np.float64)


def recorded(length: float, photons: float = PHOTONS) -> Plane:
    """Return photons of the drawn image after a movement of so many pixels at ANGLE."""
    moved = convolve(sharp(), Motion(length, ANGLE).kernel()) if length else sharp()
    return np.random.default_rng(1).poisson(np.maximum(moved, 0) * photons).astype(np.float64)
