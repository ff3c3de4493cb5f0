"""Deep Wiener restoration: Wiener filters, refined by a small network; the shipped method.

Channels are restored one by one and share only the kernel. The network's inputs are measured on the
whole image: the fitted filters, the level of the darkest pixels and the noise. It has no biases, so
gain and offset of the counts change nothing (see `models.deep_wiener`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from unsmear.blur import Kernel
from unsmear.checkpoints.checkpoint import Place
from unsmear.choices import Runtime
from unsmear.errors import OptionError
from unsmear.restoration.base import Batch, UncertainRestorer
from unsmear.restoration.classical import wiener
from unsmear.restoration.classical.power_spectrum import WORKERS
from unsmear.restoration.flux import percentiles
from unsmear.restoration.learned import inference, interval
from unsmear.restoration.learned.blocks import Array
from unsmear.restoration.learned.inference import Network

FACTORS = (1.0, 0.1, 10.0)
"""Factors on the noise-to-signal ratio: the filter as fitted, a sharper one, a smoother one."""

SMALL = 2**20
"""Largest image whose channels are processed in parallel, pixels.

The channels of larger images are processed in turn, which saves memory; each uses all cores."""


def fit(
    weights: str | Place,
    blurred: Batch,
    kernel: Kernel | None,
    *,
    runtime: Runtime = "auto",
    exact: bool = False,
) -> DeepWiener:
    """Return the restorer for this image.

    weights: as for `inference.load`. blurred: (batch, channel, y, x), any unit.
    kernel: the point spread function. runtime: see `choices.Runtime`. exact: see `derived.start`.

    Raises OptionError for no kernel or an unknown runtime, KernelError for no kernel of a camera,
    and MissingExtra where the runtime is not installed.
    """
    if kernel is None:
        raise OptionError(f"kernel must be given for {weights}, got None.")
    return DeepWiener(measure(blurred, kernel), inference.load(weights, runtime, exact))


def precision(weights: str | Place, *, runtime: Runtime = "auto", exact: bool = False) -> str:
    """Return what the network multiplies in, "float32" or "bfloat16"; the options are as in `fit`.

    Raises as `fit` does.
    """
    return inference.load(weights, runtime, exact).precision


@dataclass(frozen=True, eq=False)
class DeepWiener(UncertainRestorer):
    """Wiener filters fitted to an image's channels, and the network that refines their results.

    whole: what the half-widths of parts of a plane follow from; None for those of whole planes.
    """

    channels: tuple[Channel, ...]
    network: Network
    whole: interval.Whole | None = None

    @property
    def halo(self) -> int:
        """Pixels around a tile that its result depends on: the filters' and the network's."""
        filters = max(channel.filter.halo for channel in self.channels)
        return filters and filters + self.network.halo

    def precise(self) -> DeepWiener:
        """Return the same restorer with filters in double precision for tiles of any size."""
        precise = (replace(one, filter=one.filter.precise()) for one in self.channels)
        return replace(self, channels=tuple(precise))

    def restore(self, batch: Batch) -> Batch:
        """Return the restored batch; nothing is clipped."""
        results = batch.copy()
        if self.halo:
            for planes, result in zip(batch, results, strict=True):
                self._restore(planes, result)
        return results

    def restore_with_uncertainty(self, batch: Batch) -> Batch:
        """Return (batch, 2 channel, y, x): the restored channels, then the half-width of a 90 %
        prediction interval around each.
        """
        results = np.concatenate([batch, np.zeros_like(batch)], axis=1)
        if self.halo:
            # One time point after the other: all versions of a long movie are many times its size.
            for planes, result in zip(batch, results, strict=True):
                self._restore(planes, result[: len(planes)], result[len(planes) :])
        return results

    def widths_of(self, half_widths: Batch, blurred: Batch, kernel: Kernel) -> Batch:
        """Return the half-widths of the whole image, fitted to it (`interval`)."""
        factors = self.network.interval
        if factors is None:
            return half_widths
        return factors.widths(half_widths, blurred, kernel, self.whole)

    def with_widths_of(self, half_widths: Batch, blurred: Batch, kernel: Kernel) -> DeepWiener:
        """Return the same restorer, whose half-widths are those of parts of one plane."""
        whole = interval.Whole.of(half_widths[:, 0], blurred[:, 0], kernel)
        return replace(self, whole=whole)

    def _restore(self, planes: Array, result: Array, widths: Array | None = None) -> None:
        """Write restored planes, and the half-widths of their intervals; all (channel, y, x)."""
        factors = FACTORS[: self.network.versions - 1]
        # A channel without light does not change.
        lit = [index for index, channel in enumerate(self.channels) if any(channel.constants)]

        def filtered(index: int) -> Array:
            (versions,) = self.channels[index].versions(planes[index : index + 1], factors)
            return np.asarray(versions)

        ahead = _ahead(filtered, lit, planes[0].size)
        for index in lit:
            channel = self.channels[index]
            written = [result[index]] if widths is None else [result[index], widths[index]]
            # No name holds the versions, four times the plane's size, while the next are made.
            self.network(next(ahead), np.asarray(channel.constants, np.float32), written)
            result[index] += np.float32(channel.level)
            if widths is not None:
                widths[index] *= np.float32(self.network.quantile)
            if len(lit) > wiener.MOST_KEPT:
                channel.filter.forget()


@dataclass(frozen=True, eq=False)
class Channel:
    """The network's inputs that are measured on a whole channel.

    filter: the Wiener filter. level: of the darkest pixels. constants: the standard deviations of
    the noise and of the filtered noise; 0 in a channel without light.
    """

    filter: wiener.Wiener
    level: float
    constants: tuple[float, float]

    def versions(self, planes: Array, factors: tuple[float, ...] = FACTORS) -> Array:
        """Return (n, version, y, x): the filter's results for planes (n, y, x), then the planes,
        with the level subtracted from all of them.
        """
        versions = np.empty((len(planes), len(factors) + 1, *planes.shape[1:]), np.float32)
        results = versions[:, :-1].swapaxes(0, 1)[:, :, None]
        self.filter.restore_all(planes[:, None], factors, out=results)
        versions[:, -1] = planes
        versions -= np.float32(self.level)
        return versions


def measure(blurred: Batch, kernel: Kernel) -> tuple[Channel, ...]:
    """Return the network's inputs for each channel of an image.

    blurred: (batch, channel, y, x) in any unit.
    """

    def measured(index: int) -> Channel:
        return _measure(blurred[:, index : index + 1], kernel)

    return tuple(_ahead(measured, range(blurred.shape[1]), blurred[:, 0].size))


def _measure(blurred: Batch, kernel: Kernel) -> Channel:
    """Return the network's inputs for a channel, (batch, 1, y, x)."""
    filter_ = wiener.fit(blurred, kernel)
    level = percentiles(blurred)[0]
    # The noise of a channel without light cannot be measured.
    lit = bool(np.ptp(blurred) > 0)
    noise = float(np.sqrt(filter_.powers[0].variance)) * lit
    return Channel(filter_, level, (noise, filter_.filtered_noise() * lit))


def _ahead(work: Callable[[int], Any], items: Iterable[int], size: int) -> Iterator[Any]:
    """Yield the results of `work` in order, small items in parallel; size: pixels of an item."""
    if size > SMALL:
        yield from map(work, items)
        return
    with ThreadPoolExecutor(WORKERS) as pool:
        yield from pool.map(work, items)
