"""Wiener filter with its regularisation sampled from the posterior, by scikit-image.

F. Orieux, J.-F. Giovannelli, T. Rodet, J. Opt. Soc. Am. A 27, 1593 (2010). The signal is assumed to
be smooth (small second differences). Slow: about 100 filter runs for each plane.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unsmear.blur import Kernel
from unsmear.errors import OptionError
from unsmear.restoration.base import Batch, Restorer
from unsmear.restoration.classical import wiener


def fit(blurred: Batch, kernel: Kernel | None, *, seed: int = 0) -> UnsupervisedWiener:
    """Return the restorer for this image; the sampling is done in `restore`.

    blurred: (batch, channel, y, x), any unit. kernel: the point spread function.
    seed: random seed of the sampler, the same for every plane.

    Raises OptionError for no kernel, KernelError for no kernel of a camera.
    """
    if kernel is None:
        raise OptionError("kernel must be given for unsupervised-wiener, got None.")
    deviations = blurred.std(axis=(0, 2, 3), dtype=np.float64)
    return UnsupervisedWiener(wiener.fit(blurred, kernel), tuple(map(float, deviations)), seed)


@dataclass(frozen=True, eq=False)
class UnsupervisedWiener(Restorer):
    """The filter that handles kernel and borders, each channel's standard deviation, the seed."""

    borders: wiener.Wiener
    deviations: tuple[float, ...]
    seed: int

    @property
    def halo(self) -> None:
        """None: the regularisation is sampled with the image, so tiles would differ."""
        return

    def restore(self, batch: Batch) -> Batch:
        """Return the restored batch; nothing is clipped."""
        restored = batch.copy()
        if not self.borders.radius:
            return restored
        for channel, (mean, deviation) in enumerate(
            zip(self.borders.means, self.deviations, strict=True)
        ):
            if deviation <= 1e-6 * abs(mean):
                continue
            for plane in restored[:, channel]:
                plane[:] = self._sample(plane, channel, deviation) + mean
        return restored

    def _sample(
        self, plane: NDArray[np.float32], channel: int, deviation: float
    ) -> NDArray[np.float64]:
        """Return one restored plane, less the channel's mean."""
        from skimage.restoration import unsupervised_wiener  # slow: it imports scipy.signal

        radius, (height, width) = self.borders.radius, plane.shape
        extended = self.borders.extend(plane[None], channel)[0].astype(np.float64) / deviation
        extended = extended[: height + 2 * radius, : width + 2 * radius]
        # The ends of a periodic image meet, so both fade to the mean.
        rise = np.square(np.sin(np.pi / 2 * (np.arange(radius) + 0.5) / radius))
        down, across = (
            np.concatenate([rise, np.ones(side), rise[::-1]]) for side in (height, width)
        )
        extended *= down[:, None] * across
        sampled, _ = unsupervised_wiener(extended, self.borders.kernel, clip=False, rng=self.seed)
        inside = sampled[radius : radius + height, radius : radius + width]
        return np.asarray(inside * deviation, np.float64)
