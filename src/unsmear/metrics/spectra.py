"""Tapered spectra of planes, and sectors of their frequencies near a direction."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.fft
from numpy.typing import NDArray

Plane = NDArray[np.float64]
Spectrum = NDArray[np.complex128]
"""On the grid of `fft2`."""

NYQUIST = 0.5
"""Highest frequency in every direction, cycles a pixel; only the corners of the grid are beyond."""
HALF_WIDTH = 15.0
"""Half-width of a sector, degrees."""
LOWEST = 3
"""Number of the first ring: below, the taper mixes every frequency with the mean."""
COUNT = 100
"""Number of frequencies in a window of rings, where so many are near."""
NEAR = 0.15
"""Half-width of a window at most, as a fraction of its frequency."""
STEEPNESS = 3
"""Exponent of the frequency that evens out what frequencies of a window count: power falls about
so in images of cells."""


def spectrum(plane: Plane) -> Spectrum:
    """Return the spectrum of a plane, tapered and without its mean.

    Its squares have the variance of the noise, where it is white.
    """
    weights = taper(plane.shape)
    centred = plane - (plane * weights).sum() / weights.sum()
    return np.asarray(scipy.fft.fft2(centred * weights) / np.sqrt(np.square(weights).sum()))


def power(values: Spectrum) -> Plane:
    """Return the squares of a spectrum."""
    return np.square(np.abs(values))


def taper(shape: tuple[int, ...]) -> Plane:
    """Return Hann's window, above 0 everywhere."""
    down, across = (np.hanning(side + 2)[1:-1] for side in shape)
    return np.asarray(np.outer(down, across))


def frequencies(shape: tuple[int, ...], angle: float = 0.0) -> tuple[Plane, Plane]:
    """Return the frequencies along an angle, degrees, and across it, cycles a pixel."""
    turn = np.deg2rad(angle)
    up, right = -np.fft.fftfreq(shape[0])[:, None], np.fft.fftfreq(shape[1])[None]
    return right * np.cos(turn) + up * np.sin(turn), up * np.cos(turn) - right * np.sin(turn)


def radius(shape: tuple[int, ...]) -> Plane:
    """Return the length of every frequency, cycles a pixel."""
    return np.asarray(np.hypot(*frequencies(shape)))


@dataclass(frozen=True, eq=False)
class Sector:
    """Frequencies near a direction, and windows of rings among them.

    Rings are counted by the frequency along the direction: all of a ring has the same place in the
    transfer function of a linear motion along it, or across.

    indices: of the frequencies on the flat grid. along: them, cycles a pixel. rings: their numbers.
    low, high: first ring of each window, and the one after the last. middles: the windows'
    frequencies, cycles a pixel.
    """

    indices: NDArray[np.intp]
    along: Plane
    rings: NDArray[np.intp]
    low: NDArray[np.intp]
    high: NDArray[np.intp]
    middles: Plane

    @classmethod
    def of(cls, shape: tuple[int, ...], angle: float, widest: float = NYQUIST) -> Sector:
        """Return the sector of a grid. widest: its half-width at most, cycles a pixel."""
        along, across = (part.ravel() for part in frequencies(shape, angle))
        step = 1 / min(shape)
        most = max(widest, 1.5 * step)
        width = np.clip(along * np.tan(np.deg2rad(HALF_WIDTH)), step, most)
        inside = (along > 0) & (np.abs(across) <= width) & (np.hypot(along, across) < NYQUIST)
        indices = np.flatnonzero(inside)
        rings = (along[indices] / step).astype(np.intp)
        counts = np.bincount(rings)
        numbers = np.arange(LOWEST, len(counts) - 1)
        low, high = _windows(counts, numbers)
        middles = np.asarray((numbers + 0.5) * step, np.float64)
        return cls(indices, along[indices], rings, low, high, middles)

    def sums(self, values: Plane) -> Plane:
        """Return the sums over each window of values on the grid, evened out by STEEPNESS."""
        weighted = values.ravel()[self.indices] * self.along**STEEPNESS
        total = np.concatenate([[0.0], np.cumsum(np.bincount(self.rings, weighted))])
        return np.asarray(total[self.high] - total[self.low])

    def below(self, values: Plane, frequency: float) -> float:
        """Return the sum of values on the grid over all that is below a frequency."""
        return float(values.ravel()[self.indices][self.along < frequency].sum())


def _windows(
    counts: NDArray[np.intp], numbers: NDArray[np.intp]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return first ring and the one after the last of the window around each ring.

    A window is the narrowest with COUNT frequencies; it is no wider than NEAR, or three rings.
    """
    total = np.concatenate([[0], np.cumsum(counts)])
    reach = np.ones_like(numbers)
    while True:
        low, high = numbers - reach, np.minimum(numbers + reach + 1, len(counts))
        wider = (total[high] - total[low] < COUNT) & (reach + 1 <= NEAR * numbers)
        if not wider.any():
            return low, high
        reach += wider
