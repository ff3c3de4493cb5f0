"""Noise and signal, told apart by the frequencies that a kernel does not pass.

In a ring of the spectrum the power is noise + |K|^2 * signal. A kernel of motion has zeros in some
directions and not in others, so noise and signal follow from one ring, whatever the signal is.
Figures: docs/design/harm.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import convolve1d

RINGS = np.geomspace(0.02, 0.5, 13)
"""Edges of the rings in which noise that neighbours share is measured, cycles a pixel."""
DARK = 0.15
"""Fraction of a ring's frequencies where the kernel passes least: what is there is noise."""
OVER_WHITE = 2.0
"""Least ratio of the noise in a ring to that at high frequencies for noise that is shared."""
OVER_SIGNAL = 0.02
"""Least ratio of that noise to the sharp signal's power in its ring; the window, and a spectrum
that is not the same in all directions, leave up to 0.01 where there is none."""
FEWEST = 3
"""Least number of rings with such noise."""


def shared(rings: Rings, white: float) -> tuple[tuple[float, float], ...]:
    """Return noise that neighbours share as in `Power`; () where it is white."""
    shared = rings.noise > np.maximum(OVER_WHITE * white, OVER_SIGNAL * rings.signal)
    if np.count_nonzero(shared) < FEWEST:
        return ()
    powers = np.where(shared, rings.noise, white)
    return tuple(zip(rings.radius.tolist(), powers.tolist(), strict=True))


@dataclass(frozen=True, eq=False)
class Rings:
    """Noise and sharp signal in rings of the spectrum where the kernel has zeros, as in `Power`.

    radius: (n,), cycles a pixel, ascending. noise, signal: (n,), units squared.
    """

    radius: NDArray[np.float64]
    noise: NDArray[np.float64]
    signal: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Sides:
    """A ring of the spectrum in two: where the kernel passes least, and the rest.

    radius: cycles a pixel. dark, bright: indices of the flattened spectrum. least, most: the
    fractions of the power that the kernel passes there.
    """

    radius: float
    dark: NDArray[np.intp]
    bright: NDArray[np.intp]
    least: float
    most: float


def sides_of(passed: NDArray[np.float32], radius: NDArray[np.float32]) -> tuple[Sides, ...]:
    """Return the rings in which a kernel passes much more in some directions than in others.

    passed: the fraction of the power that the kernel passes, on the grid of `rfft2`; it is averaged
    over neighbouring frequencies, as the Hann window averages the spectrum. radius: cycles a pixel.
    """
    blurred = _windowed(passed)
    sides = []
    for low, high in pairwise(RINGS):
        ring = np.flatnonzero((radius >= low) & (radius < high))
        if len(ring) < FEWEST / DARK:
            continue
        part = blurred.flat[ring]
        dark = part <= np.quantile(part, DARK)
        if dark.all():
            continue
        least, most = float(part[dark].mean()), float(part[~dark].mean())
        if least < 0.1 * most:
            sides.append(Sides(float(np.sqrt(low * high)), ring[dark], ring[~dark], least, most))
    return tuple(sides)


def rings_of(spectrum: NDArray[np.float64], sides: tuple[Sides, ...]) -> Rings:
    """Return noise and signal, taken to be the same in all directions of a ring.

    The power is noise + passed * signal.
    """
    points = []
    for side in sides:
        dim, bright = (float(spectrum.flat[part].mean()) for part in (side.dark, side.bright))
        signal = (bright - dim) / (side.most - side.least)
        # Where a kernel is wrong, more may be at its zeros than elsewhere.
        points.append((side.radius, dim - side.least * signal, max(signal, bright)))
    return Rings(*np.array(points, np.float64).reshape(-1, 3).T)


def _windowed(passed: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return a spectrum on the grid of `rfft2`, averaged as a Hann window averages it."""
    mirrored = np.roll(passed[::-1], 1, axis=0)  # the columns beyond both ends
    padded = np.concatenate([mirrored[:, 1:2], passed, mirrored[:, -2:-1]], axis=1)
    weights = np.array([1, 4, 1]) / 6
    across = convolve1d(padded.astype(np.float64), weights, axis=1)[:, 1:-1]
    return np.asarray(convolve1d(across, weights, axis=0, mode="wrap"))
