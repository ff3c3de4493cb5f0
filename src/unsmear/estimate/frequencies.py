"""The frequencies of a spectrum to which blurs are fitted."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from unsmear.estimate.spectrum import Array

KEPT = 4
"""Number of kinds of spectra whose frequencies and bases are kept for the next one."""


@dataclass(frozen=True, eq=False)
class Frequencies:
    """The fitted frequencies of spectra with a side and a window.

    index: on the flattened half plane. places: (frequency, 2), x and y in cycles a pixel, y
    downwards. radius: their lengths. height: its logarithm, 0 at the lowest and 1 at half a cycle.
    """

    index: NDArray[np.intp]
    places: Array
    radius: Array
    height: Array

    @property
    def direction(self) -> Array:
        """Angle of each frequency, radians anticlockwise from +x."""
        return np.asarray(np.arctan2(-self.places[:, 1], self.places[:, 0]))


@lru_cache(KEPT)
def taken(side: int, window: tuple[int, int], step: int) -> Frequencies:
    """Return the frequencies that a window resolves, one in `step` of them, taken at random."""
    rows, columns = np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None]
    radius = np.hypot(rows, columns)
    lowest = 3.0 / min(window)
    wanted = (radius >= lowest) & (radius <= 0.5)
    wanted[side // 2 + 1 :, 0] = False  # the conjugates of other rows
    index = np.flatnonzero(wanted)
    if step > 1:
        shuffled = np.random.default_rng(0).permutation(index)
        index = np.sort(shuffled[: len(shuffled) // step])
    places = [np.broadcast_to(axis, radius.shape).ravel()[index] for axis in (columns, rows)]
    radius = radius.ravel()[index]
    height = np.log(radius / lowest) / np.log(0.5 / lowest)
    return Frequencies(index, np.stack(places, axis=1), radius, height)
