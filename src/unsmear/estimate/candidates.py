"""Likely movements, from the pattern of the log spectrum in polar coordinates.

In polar coordinates another angle is a shift, so that all angles are tried by one transform.
"""

from __future__ import annotations

import numpy as np
from scipy import fft, ndimage

from unsmear.estimate.spectrum import Array, Spectrum

ANGLES = 180
"""Steps of one degree over half a turn; the spectrum of a real image has no more."""
SHORTEST = 2.5
LONGEST = 48.0
STEP = 1.06


def lengths(window: tuple[int, int]) -> Array:
    """Return the lengths to try, pixels: up to a fifth of the window."""
    longest = min(LONGEST, min(window) / 4)
    count = int(np.log(longest / SHORTEST) / np.log(STEP)) + 1
    return np.asarray(SHORTEST * STEP ** np.arange(count))


def find(spectrum: Spectrum, count: int = 4) -> list[tuple[float, float]]:
    """Return up to `count` (length, angle) in pixels and degrees, for each of two scores."""
    radii = np.arange(max(3, 0.012 * spectrum.side), spectrum.side / 2) / spectrum.side
    tried = lengths(spectrum.window)
    found: list[tuple[float, float]] = []
    polar = [_polar(power, radii) for power in spectrum.whole()]
    for lowest in (1, 2):
        score = _score(polar, radii, tried, lowest)
        found += _peaks(score, tried, count)
    return found


def _polar(full: Array, radii: Array) -> Array:
    """Return (radius, angle): the power on rings, angles clockwise in rows that grow downwards."""
    side = len(full)
    smooth = ndimage.gaussian_filter(full, 1.0 if side == 256 else 0.7, mode="wrap")
    angles = np.deg2rad(np.arange(ANGLES))
    rows = -radii[:, None] * np.sin(angles) * side
    columns = radii[:, None] * np.cos(angles) * side
    return np.asarray(ndimage.map_coordinates(smooth, [rows, columns], order=1, mode="grid-wrap"))


def _score(polar: list[Array], radii: Array, tried: Array, lowest: int) -> Array:
    """Return (length, angle): how well the pattern of each movement fits.

    lowest: harmonics of the angle below it are left out, 1 for the mean alone, 2 for the one of
    a texture's direction too.
    """
    phase = radii[:, None] * np.cos(np.deg2rad(np.arange(ANGLES)))
    bands = np.sinc(tried[:, None, None] * phase) ** 2
    along = np.zeros((len(tried), ANGLES // 2 + 1), complex)
    norm = np.zeros(len(tried))
    for power in polar:
        ring = power.mean(1)
        noise = 0.9 * np.percentile(ring, 2)
        floor = noise / np.maximum(ring - noise, noise * 1e-3)
        level = bands.mean(2, keepdims=True) * floor[:, None]
        pattern = fft.rfft(np.log(bands + np.clip(level, 3e-3, 1e3)), axis=2)
        image = fft.rfft(np.log(power + 1e-9 * ring.max()), axis=1)
        pattern[:, :, :lowest] = 0
        weighted = pattern.conj() * radii[:, None]
        along += (weighted * image).sum(1)
        norm += (np.abs(pattern) ** 2 * radii[:, None]).sum((1, 2))
    return np.asarray(fft.irfft(along, ANGLES, axis=1) / np.sqrt(norm + 1e-12)[:, None])


def _peaks(score: Array, tried: Array, count: int) -> list[tuple[float, float]]:
    top = ndimage.maximum_filter(score, (5, 9), mode=("nearest", "wrap"))
    rows, columns = np.nonzero((score == top) & (score > 0))
    order = np.argsort(-score[rows, columns])[:count]
    return [(float(tried[rows[i]]), float(columns[i])) for i in order]
