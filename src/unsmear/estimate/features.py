"""Inputs of the estimator's network: cepstra and autocorrelation of a spectrum as small maps.

The dark bands of a motion spread over all frequencies. In the cepstrum (the transform of the log
spectrum) and in the autocorrelation they gather at shifts of about the motion's own length.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from unsmear.estimate.spectrum import Array, Spectrum

SIDE = 64
"""Side of the maps: shifts of -32 to 31 pixels, 0 in the middle, or of -64 to 62 in steps of 2."""
MAPS = 7
"""Number of maps."""
BINS = 48
"""Number of bins of the radial profile."""
PROFILE = 2 * BINS + 1
"""Length of the profile: log power and signal share in each bin, and the averaged spectra."""
KNOTS = 7
"""Number of knots of the smooth radial profile."""
FAINT = 1e-3
"""Lower limit of a whitened spectrum, relative to its mean."""


@dataclass(frozen=True)
class Maps:
    """Inputs of the network.

    shifts: (MAPS, SIDE, SIDE); the cepstrum whitened ring by ring, weighted by the signal's share
        and not, the weighted autocorrelation, and the cepstrum whitened by a smooth profile; then
        the first three again for shifts up to twice as long.
    profile: (PROFILE,); the log power and the signal's share along the radius, and the logarithm of
        the effective number of averaged spectra.
    """

    shifts: NDArray[np.float32]
    profile: NDArray[np.float32]


@dataclass(frozen=True)
class Rings:
    """Rings of equal frequency in a half plane.

    index: (side, side // 2 + 1), the ring of each frequency. count: (ring,), its frequencies.
    taken: (side, side // 2 + 1), false for the lowest frequencies and the corners.
    basis: (ring, KNOTS), of the smooth profile. bins: (ring,), of the profile.
    """

    index: NDArray[np.intp]
    count: Array
    taken: NDArray[np.bool_]
    basis: Array
    bins: NDArray[np.intp]


@lru_cache(maxsize=4)
def _rings(side: int, lowest: float) -> Rings:
    rows, columns = np.fft.fftfreq(side), np.fft.rfftfreq(side)
    radius = np.hypot(rows[:, None], columns[None])
    index = np.rint(radius * side).astype(np.intp)
    taken = (radius >= lowest) & (radius <= 0.5)
    count = np.bincount(index.ravel(), taken.ravel().astype(float)).astype(float)
    middle = np.clip(np.arange(len(count)) / side, lowest, 0.5)
    height = np.log(middle / lowest) / np.log(0.5 / lowest)
    basis = np.clip(1 - np.abs(height[:, None] * (KNOTS - 1) - np.arange(KNOTS)), 0, 1)
    bins = np.minimum((np.arange(len(count)) / side * 2 * BINS).astype(np.intp), BINS - 1)
    return Rings(index, count, taken, basis, bins)


def draw(spectrum: Spectrum) -> Maps:
    """Return the maps of a spectrum, its channels pooled by how much signal each one has."""
    rings = _rings(spectrum.side, 3.0 / min(spectrum.window))
    shape = rings.index.shape
    logarithm, above, smooth, total = (np.zeros(shape) for _ in range(4))
    plain = np.zeros(shape)
    profile, share = np.zeros(BINS), np.zeros(BINS)
    for power in spectrum.power:
        ring = _means(power, rings)
        signal = _share(ring, rings)
        weight = signal[rings.index] * rings.taken
        white = np.maximum(power / ring[rings.index], FAINT)
        logged = np.log(white)
        logarithm += weight * logged
        plain += rings.taken * logged
        above += weight * (np.minimum(white, 8) - 1)
        smooth += weight * (logged + _bumps(ring, rings)[rings.index])
        total += weight
        profile += _binned(np.log(ring), rings) / len(spectrum.power)
        share += _binned(signal, rings) / len(spectrum.power)
    total += 0.1 * len(spectrum.power)
    fields = (logarithm / total, plain / len(spectrum.power), above / total, smooth / total)
    whole = [fft.irfft2(field * rings.taken) for field in fields]
    shifts = np.stack([_near(field) for field in whole] + [_far(field) for field in whole[:3]])
    profile = np.r_[profile - profile.mean(), share, np.log(spectrum.averages)]
    return Maps((10 * shifts).astype(np.float32), profile.astype(np.float32))


def _means(power: Array, rings: Rings) -> Array:
    sums = np.bincount(rings.index.ravel(), (power * rings.taken).ravel())
    means = sums / np.maximum(rings.count, 1)
    held = rings.count > 0
    means[~held] = np.interp(np.flatnonzero(~held), np.flatnonzero(held), means[held])
    return np.asarray(np.maximum(means, 1e-12 * means.max()))


def _share(ring: Array, rings: Rings) -> Array:
    """Return the share of each ring's power that is no noise, the darkest rings taken as noise."""
    floor = 0.95 * np.percentile(ring[rings.count > 0], 3)
    return np.asarray(np.clip(1 - floor / ring, 0.01, 1))


def _bumps(ring: Array, rings: Rings) -> Array:
    """Return the log profile less a smooth one: the rings of a disc out of focus."""
    weight = np.sqrt(rings.count)[:, None]
    log = np.log(ring)
    knots = np.linalg.lstsq(rings.basis * weight, log * weight[:, 0], rcond=None)[0]
    return np.asarray(log - rings.basis @ knots)


def _binned(values: Array, rings: Rings) -> Array:
    sums = np.bincount(rings.bins, values * rings.count, BINS)
    count = np.bincount(rings.bins, rings.count, BINS)
    held = count > 0
    return np.interp(np.arange(BINS), np.flatnonzero(held), sums[held] / count[held])


def _near(field: Array) -> Array:
    """Return the shifts around 0, (SIDE, SIDE), with 0 at shift 0, which carries no information."""
    index = np.arange(-SIDE // 2, SIDE // 2)
    near = field[np.ix_(index, index)]
    near[SIDE // 2, SIDE // 2] = 0
    return near


def _far(field: Array) -> Array:
    """Return the shifts up to twice as long, (SIDE, SIDE), each the mean of its neighbours too."""
    far = field.copy()
    far[0, 0] = 0
    index = 2 * np.arange(-SIDE // 2, SIDE // 2)
    for axis in (0, 1):
        before, here, after = (far.take(index + by, axis, mode="wrap") for by in (-1, 0, 1))
        far = here + (before + after) / 2
    return np.asarray(far / 2)
