"""Blind restoration by a network from image to image, such as those that `unsmear train` writes.

A rule assigns the channels of an image to those of the network:

- together: as they are; the numbers of channels must be equal.
- groups: in order, as many at once as the network has, for example three for a colour network. An
  incomplete last group is filled up with its last channel.
- alone: each by itself, repeated in all the network's channels.
- auto: together if the numbers of channels are equal, else alone; as in training.

If a channel is given more than once, the network's outputs for it are averaged.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import Any, get_args

import numpy as np

from unsmear import models
from unsmear.blur import Kernel
from unsmear.checkpoints import checkpoint, derived, loading
from unsmear.checkpoints.checkpoint import Place
from unsmear.choices import Channels, Runtime
from unsmear.errors import ImageError, OptionError, WeightsError
from unsmear.restoration.base import Batch, Restorer
from unsmear.restoration.learned.blocks import Array, as_whole, grid, in_blocks, reach
from unsmear.restoration.learned.inference import CACHED_NETWORKS

RULES: Mapping[str, Callable[[Any], bool]] = {
    "channels": derived.is_count,
    "stride": derived.is_count,
    "halo": lambda halo: halo is None or derived.is_whole(halo),
    "values": lambda values: derived.are_finite(values) and values[0] < values[1],
    "tile": lambda tile: tile is None or derived.is_count(tile),
    "overlap": derived.is_whole,
}
"""What an ONNX file must say: pixels, and the values of black and white."""


def fit(
    weights: str | Place,
    blurred: Batch,
    kernel: Kernel | None = None,
    *,
    channels: Channels = "auto",
    runtime: Runtime = "auto",
    exact: bool = False,
) -> Plain:
    """Return the restorer for this image.

    weights: a path as for `checkpoint.load`, or a place from `checkpoint.locate`.
    blurred: (batch, channel, y, x), normalised. kernel: ignored. channels: the rule.
    runtime: what computes the network. exact: see `derived.start`.

    Raises OptionError for an unknown rule, and WeightsError for weights that are damaged, or of no
    listed network.
    """
    del kernel
    if channels not in get_args(Channels):
        raise OptionError(f"channels must be {', '.join(get_args(Channels))}, got {channels!r}.")
    network = load(weights, runtime, exact)
    if channels == "auto":
        channels = "together" if blurred.shape[1] == network.channels else "alone"
    return Plain(network, channels)


@dataclass(frozen=True, eq=False)
class Plain(Restorer):
    """A network, and the rule that assigns an image's channels to it; never "auto"."""

    network: Network
    rule: Channels

    @property
    def channel_rule(self) -> str:
        """Rule that assigns an image's channels to the network's."""
        return self.rule

    @property
    def halo(self) -> int | None:
        """Pixels around a tile that its result depends on; None: any pixel of the image."""
        return self.network.halo

    @property
    def grid(self) -> int:
        """Spacing of the positions at which the area read for a tile may begin, pixels."""
        return grid(self.network.stride)

    @property
    def tile(self) -> int | None:
        """Side of the tiles of large images, pixels, where there is no halo; None: never tiled."""
        return self.network.tile

    @property
    def overlap(self) -> int | None:
        """Pixels over which such tiles are blended."""
        return self.network.overlap

    def restore(self, batch: Batch) -> Batch:
        """Return the restored batch; nothing is clipped.

        Raises ImageError for the rule "together" and another number of channels than the network's.
        """
        results = np.empty(batch.shape, np.float32)
        groups = grouped(batch.shape[1], self.network.channels, self.rule)
        for (planes, result), group in product(zip(batch, results, strict=True), groups):
            output = self.network(planes[group])
            for channel in dict.fromkeys(group):
                result[channel] = output[np.equal(group, channel)].mean(axis=0)
        return results


def grouped(count: int, takes: int, rule: Channels) -> list[list[int]]:
    """Return groups of an image's channels, each of which is one input of the network.

    count: number of channels of the image. takes: that of the network, the length of each group.

    Raises ImageError for the rule "together" and another number of channels than the network's.
    """
    if rule == "alone":
        return [[channel] * takes for channel in range(count)]
    if rule == "together" and count != takes:
        raise ImageError(f"channels must be {takes} to go together into the network, got {count}.")
    order = [*range(count), *[count - 1] * (-count % takes)]
    return [order[start : start + takes] for start in range(0, len(order), takes)]


class Network:
    """A listed network with a checkpoint's weights, as a function of arrays.

    channels: number of input and output channels. halo: pixels in whole strides; None: the whole
    image. tile, overlap: of the tiles that replace a whole image, pixels; None for no tiles.
    """

    def __init__(
        self, weights: str | Place, runtime: Runtime = "auto", exact: bool = False
    ) -> None:
        place, card = checkpoint.card_of(weights)
        self.name, self._network = str(place), str(card["network"])
        if not place.is_one_file:  # which holds the network itself
            loading.check_listed(self.name, self._network)
        engine = derived.engine(place, card, runtime)
        facts = derived.facts(place, card)
        if engine == "torch" or facts is None:
            model: Any = loading.build_network(checkpoint.load(place))
            facts = _facts(model)
        else:
            complete = {"tile": None, "overlap": 0, **facts}
            derived.check_facts(place, "a network that restores", complete, RULES)
        self._run = _torch(model) if engine == "torch" else _run(place, card, engine, exact)
        self.channels, self.stride = int(facts["channels"]), int(facts["stride"])
        low, high = facts["values"]
        self.values = float(low), float(high)
        halo: int | None = facts["halo"]
        self.halo = None if halo is None else reach(halo, self.stride)
        blended = self._tiles(facts)
        self.tile: int | None = blended and blended[0]
        self.overlap: int | None = blended and blended[1]

    def _tiles(self, facts: Mapping[str, Any]) -> tuple[int, int] | None:
        """Return side and overlap of the tiles that replace a whole image; None for no such tiles.

        Raises WeightsError for tiles that do not fit the network.
        """
        tile: int | None = facts.get("tile")
        if self.halo is not None or tile is None:
            return None
        overlap: int = facts.get("overlap", 0)
        if tile < 1 or tile % grid(self.stride) or not 0 <= overlap <= tile // 2:
            raise WeightsError(
                f"{self.name}: the network {self._network} must have a tile that is a multiple of "
                f"{grid(self.stride)} pixels, and an overlap of at most half of it, "
                f"got {tile} and {overlap}."
            )
        return tile, overlap

    def __call__(self, planes: Array) -> Array:
        """Return the restored planes; both (channel, y, x), normalised, of any size.

        Raises WeightsError for a network that returns another shape or values that are not finite.
        """
        if self.halo is None:
            return as_whole(self._forward, planes, self.stride)
        results = np.empty((self.channels, *planes.shape[1:]), np.float32)
        in_blocks(self._forward, planes, results, self.halo, self.stride, "reflect")
        return results

    def _forward(self, block: Array) -> Array:
        """Return the restored planes of (1, channel, y, x), sides multiples of the stride."""
        low, high = self.values
        inputs = low + (high - low) * np.ascontiguousarray(block)
        output = self._run(inputs)
        if output.shape != inputs.shape:
            raise WeightsError(
                f"{self.name}: the network must give the shape that it takes, "
                f"{inputs.shape}, got {output.shape}."
            )
        restored = (output[0] - np.float32(low)) / np.float32(high - low)
        if not np.isfinite(restored).all():
            raise WeightsError(
                f"{self.name}: the network must give finite values, got others; "
                "its training may have failed."
            )
        return np.asarray(restored, np.float32)


def _facts(model: Any) -> Mapping[str, Any]:
    names = (*loading.ATTRIBUTES, "tile", "overlap")
    return {name: getattr(model, name) for name in names if hasattr(model, name)}


def _run(
    place: Place, card: Mapping[str, Any], engine: derived.Engine, exact: bool
) -> Callable[[Array], Array]:
    """Return the network of the file beside the weights, or of one made for this process."""
    if derived.facts(place, card) is not None:
        run = derived.load(place, card, engine, exact).run
    else:
        from unsmear.checkpoints import onnx_export, onnx_interface

        model = loading.build_network(checkpoint.load(place))
        data = onnx_export.to_bytes(onnx_interface.from_image_to_image(model), {})
        run = derived.start(data, engine, exact)
    return lambda inputs: run({"blurred": inputs})[0]


def _torch(model: Any) -> Callable[[Array], Array]:
    import torch

    model = model.float().to(memory_format=torch.channels_last)

    def run(inputs: Array) -> Array:
        with torch.inference_mode():
            given = torch.from_numpy(inputs).to(memory_format=torch.channels_last)
            return np.asarray(models.final(model(given)).numpy())

    return run


def load(weights: str | Place, runtime: Runtime = "auto", exact: bool = False) -> Network:
    """Return the network of weights, cached in this process until the weights change."""
    return _load(checkpoint.locate(weights), runtime, exact)


@lru_cache(CACHED_NETWORKS)
def _load(place: Place, runtime: Runtime, exact: bool) -> Network:
    return Network(place, runtime, exact)
