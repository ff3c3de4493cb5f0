"""Inference of a deep-wiener's network on arrays, with PyTorch or ONNX Runtime."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import numpy as np

from unsmear.checkpoints import checkpoint
from unsmear.checkpoints.checkpoint import Place
from unsmear.errors import OptionError
from unsmear.restoration.learned.blocks import Array, Forward, in_blocks, reach
from unsmear.restoration.learned.interval import Interval
from unsmear.restoration.learned.loading import build_deep_wiener, error_quantile, interval

if TYPE_CHECKING:
    from torch import nn

    Model = TypeVar("Model", bound=nn.Module)

Runtime = Literal["torch", "onnx"]

CACHED_NETWORKS = 4
"""Number of loaded networks that a process caches."""


class Network:
    """A loaded network of a deep-wiener.

    name: of the weights. runtime: torch or onnx. versions: number of input versions.
    halo, stride: of the network alone, pixels.
    """

    def __init__(self, name: str | Place, runtime: Runtime = "torch") -> None:
        loaded = checkpoint.load(name)
        model = build_deep_wiener(loaded)
        self.versions, self.stride = model.versions, model.stride
        self.halo = reach(model.halo, model.stride)
        self._loaded = loaded
        if runtime == "torch":
            self._forward = _torch(model)
        elif runtime == "onnx":
            from unsmear.restoration.learned.onnx_export import session

            self._forward = session(model)
        else:
            raise OptionError(f"runtime must be torch or onnx, got {runtime!r}.")

    @property
    def quantile(self) -> float:
        """Factor from the scale to the half-width of a 90 % interval; see `error_quantile`."""
        return error_quantile(self._loaded)

    @property
    def interval(self) -> Interval | None:
        """Factors that fit the interval to an image; None where the card has none."""
        return interval(self._loaded)

    def __call__(self, versions: Array, constants: Array) -> tuple[Array, Array]:
        """Return the restored plane and the scale of its error, (y, x) both.

        versions: (version, y, x), of any size, the level subtracted. constants: (constant,).
        """

        def forward(block: Array) -> list[Array]:
            return [part[0, 0] for part in self._forward(block, constants[None])]

        restored, scale = in_blocks(forward, versions, 2, self.halo, self.stride, "constant")
        return restored, scale


def load(weights: str | Place, runtime: Runtime = "torch") -> Network:
    """Return the network of weights, cached in this process until the weights change.

    weights: a name or a path as for `checkpoint.load`, or a place from `checkpoint.locate`.
    """
    return _load(checkpoint.locate(weights), runtime)


@lru_cache(CACHED_NETWORKS)
def _load(place: Place, runtime: Runtime) -> Network:
    return Network(place, runtime)


def _torch(model: Any) -> Forward:
    import torch

    model = model.to(memory_format=torch.channels_last)

    def forward(versions: Array, constants: Array) -> tuple[Array, Array]:
        with torch.inference_mode():
            inputs = torch.from_numpy(np.ascontiguousarray(versions))
            inputs = inputs.to(memory_format=torch.channels_last)
            restored, scale = model(inputs, torch.from_numpy(constants))
        return restored.numpy(), scale.numpy()

    return forward
