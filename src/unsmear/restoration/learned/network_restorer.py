"""A network from image to image, as `unsmear train` makes it: the restorer of a path.

It is not told the movement. How the channels of an image meet those of the network is a rule:

- together: as they are; there must be as many.
- groups: in their order, as many at once as the network has, so three at once for a network of
  colours. A last group that is not full is filled up with its last channel.
- alone: each by itself, in all the network's channels.
- auto: together where there are as many, else alone; images for training are drawn likewise.

Where a channel is given more than once, what the network makes of it is averaged.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from unsmear import models
from unsmear.blur import Kernel
from unsmear.checkpoints import checkpoint
from unsmear.checkpoints.checkpoint import Place
from unsmear.errors import ImageError, OptionError, WeightsError
from unsmear.restoration.base import Batch, Restorer
from unsmear.restoration.learned.blocks import Array, as_whole, grid, in_blocks, reach
from unsmear.restoration.learned.inference import CACHED_NETWORKS
from unsmear.restoration.learned.loading import build_network, describe, tiles

if TYPE_CHECKING:
    pass

Channels = Literal["auto", "together", "groups", "alone"]
"""How the channels of an image meet those of a network."""


def fit(
    weights: str | Place,
    blurred: Batch,
    kernel: Kernel | None = None,
    *,
    channels: Channels = "auto",
) -> Plain:
    """Return the restorer for this image.

    weights: a path as for `checkpoint.load`, or the place where they were found.
    blurred: (batch, channel, y, x) in units. kernel: not looked at. channels: the rule.

    Raises OptionError for a rule that there is not, and WeightsError for weights that are damaged,
    or of no listed network.
    """
    del kernel
    if channels not in get_args(Channels):
        raise OptionError(f"channels must be {', '.join(get_args(Channels))}, got {channels!r}.")
    network = load(weights)
    if channels == "auto":
        channels = "together" if blurred.shape[1] == network.channels else "alone"
    return Plain(network, channels)


@dataclass(frozen=True, eq=False)
class Plain(Restorer):
    """A network, and the rule by which an image's channels are given to it; never "auto"."""

    network: Network
    rule: Channels

    @property
    def channel_rule(self) -> str:
        """The rule by which an image's channels are given to the network."""
        return self.rule

    @property
    def halo(self) -> int | None:
        """Pixels around a tile that its result depends on; None: any pixel of the image."""
        return self.network.halo

    @property
    def grid(self) -> int:
        """Pixels; tiles are read from multiples of it."""
        return grid(self.network.stride)

    @property
    def tile(self) -> int | None:
        """Side of the tiles of large images, pixels, where there is no halo; None: never tiled."""
        return self.network.tile

    @property
    def overlap(self) -> int | None:
        """Pixels over which such tiles fade into each other."""
        return self.network.overlap

    def restore(self, batch: Batch) -> Batch:
        """Return the restored batch; nothing is clipped.

        Raises ImageError where channels that must go together are not as many as the network's.
        """
        results = np.empty(batch.shape, np.float32)
        groups = grouped(batch.shape[1], self.network.channels, self.rule)
        for (planes, result), group in product(zip(batch, results, strict=True), groups):
            output = self.network(planes[group])
            for channel in dict.fromkeys(group):
                result[channel] = output[np.equal(group, channel)].mean(axis=0)
        return results


def grouped(count: int, takes: int, rule: Channels) -> list[list[int]]:
    """Return the channels of an image that a network is given at once, group by group.

    count: the image's. takes: the network's, and so the length of every group.

    Raises ImageError where channels that must go together are not as many as the network's.
    """
    if rule == "alone":
        return [[channel] * takes for channel in range(count)]
    if rule == "together" and count != takes:
        raise ImageError(f"channels must be {takes} to go together into the network, got {count}.")
    order = [*range(count), *[count - 1] * (-count % takes)]
    return [order[start : start + takes] for start in range(0, len(order), takes)]


class Network:
    """A listed network with a checkpoint's weights, as a function of arrays.

    channels: how many it takes and gives. halo: pixels in whole strides; None: the whole image.
    tile, overlap: pixels, of the tiles that it takes in place of a whole image; None for neither.
    """

    def __init__(self, weights: str | Place) -> None:
        import torch

        loaded = checkpoint.load(weights)
        self.name = loaded.name
        model: Any = build_network(loaded)
        self.channels, self.stride, halo, self.values = describe(model, loaded)
        self._model = model.float().to(memory_format=torch.channels_last)
        self.halo = None if halo is None else reach(halo, self.stride)
        blended = tiles(model, loaded)
        self.tile: int | None = blended and blended[0]
        self.overlap: int | None = blended and blended[1]

    def __call__(self, planes: Array) -> Array:
        """Return the restored planes; both (channel, y, x) in units, of any size.

        Raises WeightsError for a network that gives another shape, or values that are no numbers.
        """
        if self.halo is None:
            return as_whole(self._forward, planes, self.stride)
        return in_blocks(self._forward, planes, self.channels, self.halo, self.stride, "reflect")

    def _forward(self, block: Array) -> Array:
        """Return the restored planes of (1, channel, y, x), sides multiples of the stride."""
        import torch

        low, high = self.values
        inputs = torch.from_numpy(low + (high - low) * np.ascontiguousarray(block))
        with torch.inference_mode():
            outputs = self._model(inputs.to(memory_format=torch.channels_last))
            output = models.final(outputs)
        if output.shape != inputs.shape:
            raise WeightsError(
                f"{self.name}: the network must give the shape that it takes, "
                f"{tuple(inputs.shape)}, got {tuple(output.shape)}."
            )
        restored = (output[0].numpy() - np.float32(low)) / np.float32(high - low)
        if not np.isfinite(restored).all():
            raise WeightsError(
                f"{self.name}: the network must give finite values, got others; "
                "its training may have failed."
            )
        return np.asarray(restored, np.float32)


def load(weights: str | Place) -> Network:
    """Return weights' network, loaded once for a process while the weights stay the same."""
    return _load(checkpoint.locate(weights))


@lru_cache(CACHED_NETWORKS)
def _load(place: Place) -> Network:
    return Network(place)
