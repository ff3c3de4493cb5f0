"""A network as a function of arrays, worked in blocks: by torch, or by ONNX Runtime."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from itertools import product
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from unsmear import checkpoint
from unsmear.checkpoint import Checkpoint
from unsmear.errors import OptionError, WeightsError
from unsmear.tiling import spans

if TYPE_CHECKING:
    from unsmear.models.deep_wiener import DeepWiener

Array = NDArray[np.float32]
Runtime = Literal["torch", "onnx"]
Forward = Callable[[Array, Array], tuple[Array, Array]]
"""(planes, version, y, x), (planes, constant) -> restored, scale; (planes, 1, y, x) each."""

BLOCK = 1024
"""Pixels; the network is worked in blocks of this side, so that memory stays small."""


class Network:
    """Shipped weights, ready to work.

    name: of the weights. runtime: what computes. versions: how many it takes; halo, stride:
    pixels, of the network alone.
    """

    def __init__(self, name: str, runtime: Runtime = "torch") -> None:
        loaded = checkpoint.load(name)
        model = build(loaded)
        self.versions, self.stride = model.versions, model.stride
        self.halo = -(-model.halo // model.stride) * model.stride
        self._loaded = loaded
        if runtime == "torch":
            self._forward = _torch(model)
        elif runtime == "onnx":
            from unsmear.learned.onnx import session

            self._forward = session(model)
        else:
            raise OptionError(f"runtime must be torch or onnx, got {runtime!r}.")

    @property
    def quantile(self) -> float:
        """Times the scale, a 90 % half-width of the error; see `error_quantile`."""
        return error_quantile(self._loaded)

    def __call__(self, versions: Array, constants: Array) -> tuple[Array, Array]:
        """Return the restored plane and the scale of its error, (y, x) both.

        versions: (version, y, x), of any size, the level taken off. constants: (constant,).
        """
        results = np.empty((2, *versions.shape[1:]), np.float32)
        axes = (spans(side, BLOCK, self.halo) for side in versions.shape[1:])
        for rows, columns in product(*axes):
            block = self._padded(versions[:, rows.read, columns.read])
            parts = self._forward(block[None], constants[None])
            for result, part in zip(results, parts, strict=True):
                result[rows.kept, columns.kept] = part[0, 0, rows.inner, columns.inner]
        restored, scale = results
        return restored, scale

    def _padded(self, block: Array) -> Array:
        """Return a block with zeros below and on the right, up to multiples of the stride."""
        more = [-side % self.stride for side in block.shape[1:]]
        return np.pad(block, [(0, 0), *((0, side) for side in more)]) if any(more) else block


@cache
def load(name: str, runtime: Runtime = "torch") -> Network:
    """Return weights' network, loaded once for a process."""
    return Network(name, runtime)


def build(loaded: Checkpoint) -> DeepWiener:
    """Return the network of a restorer's weights; raises WeightsError for any other weights."""
    from unsmear.models.deep_wiener import DeepWiener

    if loaded.network != DeepWiener.__name__:
        raise WeightsError(f"{loaded.name}: the network must be DeepWiener, got {loaded.network}.")
    try:
        model = DeepWiener(**loaded.options)
        model.load_state_dict(dict(loaded.tensors))
    except (TypeError, ValueError, RuntimeError) as error:
        said = " ".join(str(error).split())
        raise WeightsError(f"{loaded.name}: the weights must fit their card; {said}") from error
    return model.eval()


def error_quantile(loaded: Checkpoint) -> float:
    """Return what times the scale is half the width of a band that holds 90 % of the errors.

    Raises WeightsError where the card does not say it.
    """
    if "error_quantile" not in loaded.card:
        raise WeightsError(f"{loaded.name}.json: a restorer's card must say its error_quantile.")
    return float(loaded.card["error_quantile"])


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
