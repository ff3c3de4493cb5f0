"""The smooth bases in which a texture's power and that of its noise are modelled."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from unsmear.estimate.frequencies import KEPT, Frequencies
from unsmear.estimate.spectrum import Array, Noise

NOISE_SHIFTS = 3
"""Longest shift in the cepstrum of noise that is not white, pixels."""
HARMONIC_KNOTS = 4
"""Number of knots along the radius for each harmonic of the direction."""


@lru_cache(KEPT)
def bases(
    frequencies: Frequencies, knots: int, harmonics: int, noise: Noise
) -> tuple[Array, Array]:
    """Return the bases (frequency, value) of the logarithms of texture and noise."""
    direction = frequencies.direction
    return (
        basis(frequencies.height, direction, knots, harmonics),
        grain(frequencies.places, frequencies.radius, direction, noise),
    )


@lru_cache(KEPT)
def single_bases(
    frequencies: Frequencies, knots: int, harmonics: int, noise: Noise
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return `bases` in single precision."""
    both = bases(frequencies, knots, harmonics, noise)
    return both[0].astype(np.float32), both[1].astype(np.float32)


def basis(height: Array, direction: Array, knots: int, harmonics: int) -> Array:
    """Return (frequency, basis) for the logarithm of the radius, 0 to 1, and the direction."""
    parts = [_hats(height, knots)]
    turns = _hats(height, HARMONIC_KNOTS)
    for order in range(1, harmonics + 1):
        for wave in (np.cos, np.sin):
            parts.append(turns * wave(2 * order * direction)[:, None])
    return np.concatenate(parts, axis=1)


def grain(frequencies: Array, radius: Array, direction: Array, noise: Noise) -> Array:
    """Return (frequency, basis) for the logarithm of the noise's power."""
    waves = [wave(2 * direction) for wave in (np.cos, np.sin)]
    stiff = [np.ones_like(radius), np.log(4 * radius), *waves]
    return np.stack([*stiff, *_cepstrum(frequencies, noise)], axis=1)


def _cepstrum(frequencies: Array, noise: Noise) -> list[Array]:
    """Return further terms of the logarithm of the noise's power, cosines of short shifts.

    Noise that neighbours share is white noise after a short filter, and the logarithm of its power
    a cepstrum of a few pixels; a motion's dark bands need its length. JPEG rounds the products of
    cosines along the axes, so its noise is a function of each.
    """
    if noise == "camera":
        return []
    orders = range(NOISE_SHIFTS + 1)
    if noise == "correlated":
        radius = np.hypot(*frequencies.T)
        return [np.cos(2 * np.pi * order * radius) for order in orders[1:]]
    across, down = (np.cos(2 * np.pi * np.outer(orders, axis)) for axis in frequencies.T)
    return [across[i] * down[j] for i in orders for j in orders if i or j]


def _hats(height: Array, knots: int) -> Array:
    distance = height[:, None] * (knots - 1) - np.arange(knots)
    return np.asarray(np.clip(1 - np.abs(distance), 0, 1))
