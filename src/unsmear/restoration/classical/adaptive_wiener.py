"""Adaptive (local) Wiener filter over 5x5 pixels: the paper's blind baseline.

J. S. Lim, Two-Dimensional Signal and Image Processing (1990), 548; scipy.signal.wiener. It removes
noise and leaves blur unchanged. Borders are reflected; SciPy's own are black beyond the image.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import uniform_filter

from unsmear.blur import Kernel
from unsmear.errors import OptionError
from unsmear.restoration.base import Batch, Restorer


def fit(blurred: Batch, kernel: Kernel | None = None, *, side: int = 5) -> WienerLocal:
    """Return the local filter for this image.

    blurred: (batch, channel, y, x), any unit. kernel: ignored.
    side: side of the window, pixels; odd. The noise of a channel is the mean of its local
    variances, as in SciPy, over the whole batch.

    Raises OptionError for a side that is even or below 3.
    """
    del kernel
    if side < 3 or side % 2 == 0:
        raise OptionError(f"side must be an odd number from 3, got {side}.")
    channels = range(blurred.shape[1])
    return WienerLocal(side, tuple(_noise(blurred[:, channel], side) for channel in channels))


@dataclass(frozen=True)
class WienerLocal(Restorer):
    """A window of `side` pixels and the noise's variance of each channel."""

    side: int
    noises: tuple[float, ...]

    @property
    def halo(self) -> int:
        """Pixels around a tile that its result depends on: half the window."""
        return self.side // 2

    def restore(self, batch: Batch) -> Batch:
        """Return the batch without its noise."""
        from scipy.signal import wiener  # takes longer to import than most images to restore

        restored = batch.copy()
        inside = slice(self.halo, -self.halo)
        for channel, noise in enumerate(self.noises):
            if noise == 0:
                continue
            for plane in restored[:, channel]:
                padded = np.pad(plane.astype(np.float64), self.halo, mode="reflect")
                # A constant area has a variance of 0; SciPy then takes the local mean.
                with np.errstate(divide="ignore", invalid="ignore"):
                    plane[:] = wiener(padded, self.side, noise)[inside, inside]
        return restored


def _noise(planes: Batch, side: int) -> float:
    """Return the mean local variance of planes (n, y, x); 0 where it is only rounding."""
    centred = planes - planes.mean(dtype=np.float64)
    means, squares = (
        uniform_filter(values, (0, side, side), mode="mirror")
        for values in (centred, np.square(centred))
    )
    noise = float((squares - np.square(means)).mean())
    return noise if noise > 1e-12 * float(np.square(planes).mean()) else 0.0
