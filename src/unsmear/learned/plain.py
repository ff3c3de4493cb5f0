"""A network from image to image, as `unsmear train` makes it: the restorer of a path.

It is not told the movement. An image with the network's number of channels is given whole; of one
with any other number each channel is given alone, in all the network's channels, and what these
make of it is averaged. That is also how such images are drawn for training.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from unsmear import checkpoint, models
from unsmear.blur import Kernel
from unsmear.checkpoint import Checkpoint, Place
from unsmear.errors import OptionError, WeightsError
from unsmear.learned.network import KEPT, Array, fill, grid, in_blocks, misfit, reach
from unsmear.restorer import Batch

if TYPE_CHECKING:
    from torch import nn

SAID = ("channels", "stride", "halo", "values")
"""What a listed network says of itself."""


def fit(weights: str | Place, blurred: Batch, kernel: Kernel | None = None) -> Plain:
    """Return the restorer for this image.

    weights: a path as for `checkpoint.load`, or the place where they were found.
    blurred: (batch, channel, y, x) in units. kernel: not looked at.

    Raises WeightsError for weights that are damaged, or of no listed network.
    """
    del kernel
    network = load(weights)
    return Plain(network, apart=blurred.shape[1] != network.channels)


@dataclass(frozen=True, eq=False)
class Plain:
    """A network, and whether each channel of the image is given to it alone."""

    network: Network
    apart: bool

    @property
    def halo(self) -> int | None:
        """Pixels around a tile that its result depends on; None: any pixel of the image."""
        return self.network.halo

    @property
    def grid(self) -> int:
        """Pixels; tiles are read from multiples of it."""
        return grid(self.network.stride)

    def restore(self, batch: Batch) -> Batch:
        """Return the restored batch; nothing is clipped."""
        results = np.empty(batch.shape, np.float32)
        for planes, result in zip(batch, results, strict=True):
            if self.apart:
                for plane, one in zip(planes, result, strict=True):
                    same = np.broadcast_to(plane, (self.network.channels, *plane.shape))
                    one[:] = self.network(same).mean(axis=0)
            else:
                result[:] = self.network(planes)
        return results


class Network:
    """A listed network with a checkpoint's weights, as a function of arrays.

    channels: how many it takes and gives. halo: pixels in whole strides; None: the whole image.
    """

    def __init__(self, weights: str | Place) -> None:
        import torch

        loaded = checkpoint.load(weights)
        self.name = loaded.name
        model: Any = build(loaded)
        self.channels, self.stride, halo, self.values = _said(model, loaded)
        self._model = model.float().to(memory_format=torch.channels_last)
        self.halo = None if halo is None else reach(halo, self.stride)

    def __call__(self, planes: Array) -> Array:
        """Return the restored planes; both (channel, y, x) in units, of any size.

        Raises WeightsError for a network that gives another shape, or values that are no numbers.
        """
        return in_blocks(self._forward, planes, self.channels, self.halo, self.stride, "reflect")

    def _forward(self, block: Array) -> Array:
        """Return the restored planes of (1, channel, y, x), sides multiples of the stride."""
        import torch

        low, high = self.values
        inputs = torch.from_numpy(low + (high - low) * np.ascontiguousarray(block))
        with torch.inference_mode():
            outputs = self._model(inputs.to(memory_format=torch.channels_last))
        if outputs.shape != inputs.shape:
            raise WeightsError(
                f"{self.name}: the network must give the shape that it takes, "
                f"{tuple(inputs.shape)}, got {tuple(outputs.shape)}."
            )
        restored = (outputs[0].numpy() - np.float32(low)) / np.float32(high - low)
        if not np.isfinite(restored).all():
            raise WeightsError(
                f"{self.name}: the network must give finite values, got others; "
                "its training may have failed."
            )
        return np.asarray(restored, np.float32)


def load(weights: str | Place) -> Network:
    """Return weights' network, loaded once for a process while the weights stay the same."""
    return _load(checkpoint.locate(weights))


@lru_cache(KEPT)
def _load(place: Place) -> Network:
    return Network(place)


def build(loaded: Checkpoint) -> nn.Module:
    """Return the listed network of weights, ready to work.

    Raises WeightsError for a network that is not listed, and for weights that do not fit it.
    """
    if loaded.network not in models.names():
        raise WeightsError(
            f"{loaded.name}: the network must be one of {', '.join(models.names())}, or of a file "
            f"in the folders of UNSMEAR_NETWORKS, got {loaded.network!r}."
        )
    try:
        model = models.build(loaded.network, **loaded.options)
    except (OptionError, TypeError, ValueError, RuntimeError) as error:
        raise misfit(loaded, error) from error
    _said(model, loaded)
    return fill(model, loaded)


def _said(model: Any, loaded: Checkpoint) -> tuple[int, int, int | None, tuple[float, float]]:
    """Return what a network says of itself; raises WeightsError where it says too little."""
    for name in SAID:
        if not hasattr(model, name):
            raise WeightsError(
                f"{loaded.name}: the network {loaded.network} must have the attributes "
                f"{', '.join(SAID)}, got none named {name}."
            )
    low, high = model.values
    return model.channels, model.stride, model.halo, (float(low), float(high))
