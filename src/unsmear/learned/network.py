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
    pixels, of the network alone. quantile: times the scale, a 90 % half-width of the error.
    """

    def __init__(self, name: str, runtime: Runtime = "torch") -> None:
        loaded = checkpoint.load(name)
        model = build(loaded)
        self.versions, self.stride = model.versions, model.stride
        self.halo = -(-model.halo // model.stride) * model.stride
        self.quantile = error_quantile(loaded)
        if runtime == "torch":
            self._forward = _torch(model)
        elif runtime == "onnx":
            from unsmear.learned.onnx import session

            self._forward = session(model)
        else:
            raise OptionError(f"runtime must be torch or onnx, got {runtime!r}.")

    def __call__(self, versions: Array, constants: Array) -> tuple[Array, Array]:
        """Return the restored plane and the scale of its error, (y, x) both.

        versions: (version, y, x), of any size, the level taken off. constants: (constant,).
        """
        sides = versions.shape[1:]
        pad = [(0, 0), *((0, -side % self.stride) for side in sides)]
        padded = np.pad(versions, pad)
        results = np.empty((2, *padded.shape[1:]), np.float32)
        for rows, columns in product(*map(self._blocks, padded.shape[1:])):
            (row_from, row_to, row), (column_from, column_to, column) = rows, columns
            block = padded[None, :, row_from:row_to, column_from:column_to]
            for result, part in zip(results, self._forward(block, constants[None]), strict=True):
                high, wide = row.stop - row.start, column.stop - column.start
                top, left = row.start - row_from, column.start - column_from
                result[row, column] = part[0, 0, top : top + high, left : left + wide]
        restored, scale = results[:, : sides[0], : sides[1]]
        return restored, scale

    def _blocks(self, side: int) -> list[tuple[int, int, slice]]:
        """Return (first read, last read, kept) along one axis."""
        starts = range(0, side, BLOCK)
        return [
            (
                max(0, start - self.halo),
                min(side, start + BLOCK + self.halo),
                slice(start, min(side, start + BLOCK)),
            )
            for start in starts
        ]


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
    """Return what times the scale is half the width of a band that holds 90 % of the errors."""
    return float(loaded.card.get("error_quantile", 1.0))


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
