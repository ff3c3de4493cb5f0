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


def rings_of(
    spectrum: NDArray[np.float64], passed: NDArray[np.float32], radius: NDArray[np.float32]
) -> Rings:
    """Return noise and signal, taken to be the same in all directions of a ring.

    The power is noise + passed * signal; `passed` is averaged over neighbouring frequencies, as the
    Hann window averages the spectrum.
    """
    blurred = _windowed(passed)
    points = []
    for low, high in pairwise(RINGS):
        ring = (radius >= low) & (radius < high)
        if ring.sum() < FEWEST / DARK:
            continue
        power, part = spectrum[ring], blurred[ring]
        dark = part <= np.quantile(part, DARK)
        if dark.all():
            continue
        (dim, least), (bright, most) = (
            (power[side].mean(), part[side].mean()) for side in (dark, ~dark)
        )
        if least < 0.1 * most:
            signal = (bright - dim) / (most - least)
            # Where a kernel is wrong, more may be at its zeros than elsewhere.
            points.append((np.sqrt(low * high), dim - least * signal, max(signal, bright)))
    return Rings(*np.array(points, np.float64).reshape(-1, 3).T)


def _windowed(passed: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return a spectrum on the grid of `rfft2`, averaged as a Hann window averages it."""
    mirrored = np.roll(passed[::-1], 1, axis=0)  # the columns beyond both ends
    padded = np.concatenate([mirrored[:, 1:2], passed, mirrored[:, -2:-1]], axis=1)
    weights = np.array([1, 4, 1]) / 6
    across = convolve1d(padded.astype(np.float64), weights, axis=1)[:, 1:-1]
    return np.asarray(convolve1d(across, weights, axis=0, mode="wrap"))
