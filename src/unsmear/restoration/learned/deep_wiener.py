"""Wiener results, mended by a small network: the restorer that the package ships.

Channel by channel; nothing of one channel enters another but the kernel. What the network gets is
measured on the whole image: the fitted filters, the level of the darkest pixels and the noise. It
has no biases, so gain and offset of the counts change nothing (see `models.deep_wiener`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from unsmear.blur import Kernel
from unsmear.checkpoints.checkpoint import Place
from unsmear.errors import OptionError
from unsmear.restoration.base import Batch, UncertainRestorer
from unsmear.restoration.classical import wiener
from unsmear.restoration.classical.power_spectrum import WORKERS
from unsmear.restoration.flux import percentiles
from unsmear.restoration.learned import inference
from unsmear.restoration.learned.blocks import Array
from unsmear.restoration.learned.inference import Network, Runtime

FACTORS = (1.0, 0.1, 10.0)
"""Of the noise-to-signal ratio: the filter as it was fitted, a bolder one, a more careful one."""

SMALL = 2**20
"""Pixels; up to this size channels are measured and filtered at the same time. In larger images
one channel after the other is, which spares memory, and each keeps all cores busy itself."""


def fit(
    weights: str | Place, blurred: Batch, kernel: Kernel | None, *, runtime: Runtime = "torch"
) -> DeepWiener:
    """Return the restorer for this image.

    weights: as for `network.load`. blurred: (batch, channel, y, x), any unit.
    kernel: the point spread function. runtime: torch, or onnx for ONNX Runtime.

    Raises OptionError for no kernel or an unknown runtime, KernelError for no kernel of a camera,
    and MissingExtra where ONNX Runtime is not installed.
    """
    if kernel is None:
        raise OptionError(f"kernel must be given for {weights}, got None.")
    return DeepWiener(measure(blurred, kernel), inference.load(weights, runtime))


@dataclass(frozen=True, eq=False)
class DeepWiener(UncertainRestorer):
    """Filters that were fitted to an image's channels, and the network that mends their results."""

    channels: tuple[Channel, ...]
    network: Network

    @property
    def halo(self) -> int:
        """Pixels around a tile that its result depends on: the filters' and the network's."""
        filters = max(channel.filter.halo for channel in self.channels)
        return filters and filters + self.network.halo

    def restore(self, batch: Batch) -> Batch:
        """Return the restored batch; nothing is clipped."""
        return self.restore_with_uncertainty(batch)[:, : batch.shape[1]]

    def restore_with_uncertainty(self, batch: Batch) -> Batch:
        """Return (batch, 2 channel, y, x): the restored channels, then half the width of a band
        around each that holds the sharp pixel nine times of ten.
        """
        results = np.concatenate([batch, np.zeros_like(batch)], axis=1)
        if self.halo:
            # One moment after the other: all versions of a long movie are many times its size.
            for planes, result in zip(batch, results, strict=True):
                self._restore(planes, result)
        return results

    def _restore(self, planes: Array, result: Array) -> None:
        """Write what becomes of planes (channel, y, x) and the errors to (2 channel, y, x)."""
        factors = FACTORS[: self.network.versions - 1]
        # A channel without light stays as it is.
        lit = [index for index, channel in enumerate(self.channels) if any(channel.constants)]

        def filtered(index: int) -> Array:
            (versions,) = self.channels[index].versions(planes[index : index + 1], factors)
            return np.asarray(versions)

        for index, versions in zip(lit, _ahead(filtered, lit, planes[0].size), strict=True):
            channel = self.channels[index]
            restored, scale = self.network(versions, np.asarray(channel.constants, np.float32))
            result[index] = restored + np.float32(channel.level)
            result[len(planes) + index] = scale * np.float32(self.network.quantile)


@dataclass(frozen=True, eq=False)
class Channel:
    """What the network is given of a whole channel beside its pixels.

    filter: the Wiener filter. level: of the darkest pixels. constants: the standard deviations of
    the noise and of what the filter makes of it; 0 in a channel without light.
    """

    filter: wiener.Wiener
    level: float
    constants: tuple[float, float]

    def versions(self, planes: Array, factors: tuple[float, ...] = FACTORS) -> Array:
        """Return (n, version, y, x): the filter's results for planes (n, y, x), then the planes,
        the level taken off all of them.
        """
        versions = np.empty((len(planes), len(factors) + 1, *planes.shape[1:]), np.float32)
        results = self.filter.restore_all(planes[:, None], factors)
        versions[:, :-1] = results[:, :, 0].swapaxes(0, 1)
        versions[:, -1] = planes
        versions -= np.float32(self.level)
        return versions


def measure(blurred: Batch, kernel: Kernel) -> tuple[Channel, ...]:
    """Return what the network needs to know of an image's channels.

    blurred: (batch, channel, y, x) in any unit.
    """

    def measured(index: int) -> Channel:
        return _measure(blurred[:, index : index + 1], kernel)

    return tuple(_ahead(measured, range(blurred.shape[1]), blurred[:, 0].size))


def _measure(blurred: Batch, kernel: Kernel) -> Channel:
    """Return what the network needs to know of a channel, (batch, 1, y, x)."""
    filter_ = wiener.fit(blurred, kernel)
    level = percentiles(blurred)[0]
    # A channel without light has no noise that its pixels tell of.
    noise = float(np.sqrt(filter_.powers[0].noise)) * bool(np.ptp(blurred) > 0)
    # How many times stronger white noise is behind the filter.
    gain = float(np.sqrt(np.square(filter_.filter()).sum())) if filter_.radius else 1.0
    return Channel(filter_, level, (noise, noise * gain))


def _ahead(work: Callable[[int], Any], items: Iterable[int], size: int) -> Iterator[Any]:
    """Yield the work's results in order; it runs ahead on all cores where `size`, the pixels that
    each item takes, is small.
    """
    if size > SMALL:
        yield from map(work, items)
        return
    with ThreadPoolExecutor(WORKERS) as pool:
        yield from pool.map(work, items)
