"""A network as a function of arrays, worked in blocks: by torch, or by ONNX Runtime."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from itertools import product
from math import lcm
from textwrap import shorten
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from unsmear.checkpoints import checkpoint
from unsmear.checkpoints.checkpoint import Checkpoint, Place
from unsmear.errors import OptionError, WeightsError
from unsmear.restore.tiling import GRID, spans

if TYPE_CHECKING:
    from torch import nn

    from unsmear.models.deep_wiener import DeepWiener

    Model = TypeVar("Model", bound=nn.Module)

Array = NDArray[np.float32]
Runtime = Literal["torch", "onnx"]
Forward = Callable[[Array, Array], tuple[Array, Array]]
"""(planes, version, y, x), (planes, constant) -> restored, scale; (planes, 1, y, x) each."""

BLOCK = 1024
"""Pixels; the network is worked in blocks of this side, so that memory stays small."""
KEPT = 4
"""Networks that a process holds ready."""
LONGEST = 240
"""Letters of what PyTorch says of weights that do not fit; of a large network it says pages."""


def grid(stride: int) -> int:
    """Return the pixels at whose multiples an area of a network of this stride may begin."""
    return lcm(stride, GRID)


def reach(halo: int, stride: int) -> int:
    """Return the halo in whole strides, pixels."""
    return -(-halo // stride) * stride


def in_blocks(
    forward: Callable[[Array], Iterable[Array]],
    planes: Array,
    count: int,
    halo: int,
    stride: int,
    border: Literal["constant", "reflect"],
) -> Array:
    """Return what a network makes of planes (channel, y, x), in blocks: (count, y, x).

    forward: from (1, channel, y, x), sides multiples of `stride`, to `count` planes (y, x).
    halo: pixels, a multiple of the stride.
    border: what is put below and on the right up to the stride: zeros, or the planes mirrored.
    """
    sides = planes.shape[1:]
    results = np.empty((count, *sides), np.float32)
    for rows, columns in product(*(spans(side, BLOCK, halo, grid(stride)) for side in sides)):
        part = planes[:, rows.read, columns.read]
        more = [(0, -side % stride) for side in part.shape[1:]]
        if any(map(any, more)):
            part = np.pad(part, [(0, 0), *more], mode=border)
        for result, made in zip(results, forward(part[None]), strict=True):
            result[rows.kept, columns.kept] = made[rows.inner, columns.inner]
    return results


def as_whole(forward: Callable[[Array], Array], planes: Array, stride: int) -> Array:
    """Return what a network that sees the whole image makes of planes (channel, y, x).

    forward: from (1, channel, y, x), sides multiples of `stride`, to (channel, y, x).

    The planes are mirrored around to multiples of the stride, half of it on each side, those of an
    odd side to an even one before, as the authors of MAXIM do (`run_eval.py`).
    """
    height, width = planes.shape[1:]
    if stride % 2 == 0:
        planes = _mirrored(planes, (0, height % 2), (0, width % 2))
    rows, columns = (-side % stride for side in planes.shape[1:])
    top, left = rows // 2, columns // 2
    made = forward(_mirrored(planes, (top, rows - top), (left, columns - left))[None])
    return made[:, top : top + height, left : left + width]


def _mirrored(planes: Array, *more: tuple[int, int]) -> Array:
    """Return the planes with mirrored pixels around them; more: before and behind, of y and x."""
    return np.pad(planes, [(0, 0), *more], mode="reflect") if any(map(any, more)) else planes


class Network:
    """Shipped weights, ready to work.

    name: of the weights. runtime: what computes. versions: how many it takes; halo, stride:
    pixels, of the network alone.
    """

    def __init__(self, name: str | Place, runtime: Runtime = "torch") -> None:
        loaded = checkpoint.load(name)
        model = build(loaded)
        self.versions, self.stride = model.versions, model.stride
        self.halo = reach(model.halo, model.stride)
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

        def forward(block: Array) -> list[Array]:
            return [part[0, 0] for part in self._forward(block, constants[None])]

        restored, scale = in_blocks(forward, versions, 2, self.halo, self.stride, "constant")
        return restored, scale


def load(weights: str | Place, runtime: Runtime = "torch") -> Network:
    """Return weights' network, loaded once for a process while the weights stay the same.

    weights: a name or a path as for `checkpoint.load`; or the place where they were found.
    """
    return _load(checkpoint.locate(weights), runtime)


@lru_cache(KEPT)
def _load(place: Place, runtime: Runtime) -> Network:
    return Network(place, runtime)


def build(loaded: Checkpoint) -> DeepWiener:
    """Return the network of a restorer's weights; raises WeightsError for any other weights."""
    from unsmear.models.deep_wiener import DeepWiener

    if loaded.network != DeepWiener.__name__:
        raise WeightsError(f"{loaded.name}: the network must be DeepWiener, got {loaded.network}.")
    try:
        model = DeepWiener(**loaded.options)
    except (TypeError, ValueError) as error:
        raise misfit(loaded, error) from error
    return fill(model, loaded)


def fill(model: Model, loaded: Checkpoint) -> Model:
    """Return a network with a checkpoint's tensors, ready to work; raises WeightsError."""
    try:
        model.load_state_dict(dict(loaded.tensors))
    except RuntimeError as error:
        raise misfit(loaded, error) from error
    return model.eval()


def misfit(loaded: Checkpoint, error: Exception) -> WeightsError:
    """Return the error of weights whose card says another network than theirs."""
    said = shorten(str(error), LONGEST, placeholder=" ...")
    return WeightsError(f"{loaded.name}: the weights must fit their card; {said}")


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
