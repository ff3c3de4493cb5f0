"""Wiener results, mended by a small network: the restorer that the package ships.

Channel by channel; nothing of one channel enters another but the kernel. What the network gets is
measured on the whole image: the fitted filters, the level of the darkest pixels and the noise. It
has no biases, so gain and offset of the counts change nothing (see `models.deep_wiener`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unsmear.blur import Kernel
from unsmear.classical import wiener
from unsmear.errors import OptionError
from unsmear.learned import network
from unsmear.learned.network import Network, Runtime
from unsmear.light import percentiles
from unsmear.restorer import Batch

FACTORS = (1.0, 0.1, 10.0)
"""Of the noise-to-signal ratio: the filter as it was fitted, a bolder one, a more careful one."""


def fit(
    weights: str, blurred: Batch, kernel: Kernel | None, *, runtime: Runtime = "torch"
) -> DeepWiener:
    """Return the restorer for this image.

    weights: the name of shipped ones. blurred: (batch, channel, y, x), any unit.
    kernel: the point spread function. runtime: torch, or onnx for ONNX Runtime.

    Raises OptionError for no kernel or an unknown runtime, KernelError for no kernel of a camera,
    and MissingExtra where ONNX Runtime is not installed.
    """
    if kernel is None:
        raise OptionError(f"kernel must be given for {weights}, got None.")
    return DeepWiener(measure(blurred, kernel), network.load(weights, runtime))


@dataclass(frozen=True, eq=False)
class DeepWiener:
    """Filters that were fitted to an image, and the network that mends their results."""

    measured: Measured
    network: Network

    @property
    def halo(self) -> int:
        """Pixels around a tile that its result depends on: the filters' and the network's."""
        return self.measured.filters.halo and self.measured.filters.halo + self.network.halo

    def restore(self, batch: Batch) -> Batch:
        """Return the restored batch; nothing is clipped."""
        return self.restore_with_error(batch)[:, : batch.shape[1]]

    def restore_with_error(self, batch: Batch) -> Batch:
        """Return (batch, 2 channel, y, x): the restored channels, then half the width of a band
        around each that holds the sharp pixel nine times of ten.
        """
        channels = batch.shape[1]
        results = np.concatenate([batch, np.zeros_like(batch)], axis=1)
        if not self.measured.filters.radius:
            return results
        factors = FACTORS[: self.network.versions - 1]
        for index, versions in enumerate(self.measured.versions(batch, factors)):
            for channel, level in enumerate(self.measured.levels):
                if not any(self.measured.constants[channel]):
                    continue  # nothing is in this channel
                planes = versions[channel] - np.float32(level)
                constants = np.asarray(self.measured.constants[channel], np.float32)
                restored, scale = self.network(planes, constants)
                results[index, channel] = restored + np.float32(level)
                results[index, channels + channel] = scale * np.float32(self.network.quantile)
        return results


@dataclass(frozen=True, eq=False)
class Measured:
    """What the network is given of a whole image beside its pixels.

    filters: the Wiener filter. levels: each channel's darkest pixels. constants: for each channel,
    the standard deviations of the noise and of what the filter makes of it.
    """

    filters: wiener.Wiener
    levels: tuple[float, ...]
    constants: tuple[tuple[float, float], ...]

    def versions(self, batch: Batch, factors: tuple[float, ...] = FACTORS) -> NDArray[np.float32]:
        """Return (batch, channel, version, y, x): the filters' results, then the batch itself."""
        results = self.filters.restore_all(batch, factors)
        return np.ascontiguousarray(np.moveaxis(np.concatenate([results, batch[None]]), 0, 2))


def measure(blurred: Batch, kernel: Kernel) -> Measured:
    """Return what the network needs to know of this image, (batch, channel, y, x) in any unit."""
    filters = wiener.fit(blurred, kernel)
    channels = range(blurred.shape[1])
    levels = [percentiles(blurred[:, channel])[0] for channel in channels]
    noises = [float(np.sqrt(filters.powers[channel].noise)) for channel in channels]
    gains = [_gain(filters, channel) for channel in channels]
    # A channel without light has no noise that its pixels tell of.
    lit = [bool(np.ptp(blurred[:, channel]) > 0) for channel in channels]
    constants = [(n * on, n * gain * on) for n, gain, on in zip(noises, gains, lit, strict=True)]
    return Measured(filters, tuple(levels), tuple(constants))


def _gain(filters: wiener.Wiener, channel: int) -> float:
    """Return how many times stronger white noise is behind a channel's filter."""
    return float(np.sqrt(np.square(filters.filter(channel)).sum())) if filters.radius else 1.0
