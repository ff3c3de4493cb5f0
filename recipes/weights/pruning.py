"""A smaller DeepWiener from a trained one, by channel pruning.

Of each level, and within each of its blocks, the channels are kept that the next layers use most.
Then each layer, from the first to the last, is fitted by least squares to what the large network
gives there, from what the small one has before it (He, Zhang and Sun, "Channel pruning for
accelerating very deep neural networks", ICCV 2017).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from unsmear.models.deep_wiener import DeepWiener

EVERY = 7
"""One of so many pixels of a plane is fitted to: neighbours say nearly the same."""
RIDGE = 1e-6
"""Regularisation of the fits, as a share of the inputs' mean square."""

Layer = nn.Conv2d | nn.ConvTranspose2d
Planes = Sequence[tuple[Tensor, Tensor, float]]
"""Versions and constants of planes, (1, ...) as a network takes them, and the plane's weight."""


@torch.inference_mode()
def prune(large: DeepWiener, small: DeepWiener, planes: Planes) -> Iterator[str]:
    """Fill the small network, which has the large one's fold, versions, levels and depth of 1.

    Yields the name of each layer that was fitted.
    """
    uses = _uses(large, planes)
    levels = range(len(small.before))
    widths = [len(_layer(small, f"before.{level}.0.two").weight) for level in levels]
    kept = [
        _most(uses[f"level.{level}"], width) for level, width in zip(levels, widths, strict=True)
    ]
    small.first.weight.copy_(large.first.weight[kept[0]])
    for name in _names(len(levels)):
        count = len(_layer(small, name).weight)
        part, *place = name.split(".")
        if part == "last":
            channels = list(range(count))
        elif name.endswith("one"):
            channels = _most(uses[name[:-3] + "two"], count)
        else:
            channels = kept[int(place[0]) + (part == "down")]
        _fit(name, channels, large, small, planes)
        yield name


def _layer(network: DeepWiener, name: str) -> Layer:
    return cast(Layer, network.get_submodule(name))


def _names(levels: int) -> list[str]:
    """Return the layers after the first one, in their order."""
    names = []
    for level in range(levels):
        names += [f"down.{level - 1}"] * (level > 0)
        names += [f"before.{level}.0.{layer}" for layer in ("one", "two")]
    for level in reversed(range(levels)):
        names += [f"after.{level}.0.{layer}" for layer in ("one", "two")]
        names += [f"up.{level - 1}"] * (level > 0)
    return [*names, "last"]


def _uses(network: DeepWiener, planes: Planes) -> dict[str, Tensor]:
    """Return how much the layers use each of their inputs, and those of each level."""
    names = _names(len(network.before))
    sums: dict[str, Tensor] = {}
    for versions, constants, weight in planes:
        seen = _Seen(network, names)
        seen.run(versions, constants)
        for name in names:
            squares = weight * seen.inputs[name].square().mean((0, 2, 3))
            sums[name] = sums.get(name, torch.zeros_like(squares)) + squares
    uses: dict[str, Tensor] = {}
    for name, squares in sums.items():
        kernel = _layer(network, name).weight
        by_input = kernel.square().sum((1, 2, 3) if name.startswith("up") else (0, 2, 3))
        uses[name] = squares * by_input / (squares * by_input).sum()
        if not name.endswith("two"):
            part, *place = name.split(".")
            level = f"level.{0 if part == 'last' else int(place[0]) + (part == 'up')}"
            uses[level] = uses.get(level, torch.zeros_like(squares)) + uses[name]
    return uses


def _most(values: Tensor, count: int) -> list[int]:
    """Return the places of the largest values, in their order."""
    return sorted(values.argsort(descending=True)[:count].tolist())


def _fit(
    name: str, channels: list[int], large: DeepWiener, small: DeepWiener, planes: Planes
) -> None:
    """Fit a layer of the small network to the channels that the large one has after it."""
    layer = _layer(small, name)
    inner: Any = 0
    outer: Any = 0
    for versions, constants, weight in planes:
        before, after = _Seen(small, [name]), _Seen(large, [name])
        before.run(versions, constants)
        after.run(versions, constants)
        wanted = after.results[name][:, channels] - before.added[name]
        inputs, outputs = _columns(layer, before.inputs[name], wanted)
        share = weight / inputs.shape[1]
        inner = inner + share * inputs @ inputs.T
        outer = outer + share * outputs @ inputs.T
    ridge = RIDGE * inner.diagonal().mean() * torch.eye(len(inner), dtype=inner.dtype)
    fitted = torch.linalg.solve(inner + ridge, outer.T).T.to(layer.weight.dtype)
    if isinstance(layer, nn.ConvTranspose2d):
        shape = layer.weight.shape  # its inputs come first
        layer.weight.copy_(fitted.reshape(*shape[1:], shape[0]).permute(3, 0, 1, 2))
    else:
        layer.weight.copy_(fitted.reshape(layer.weight.shape))


def _columns(layer: Layer, inputs: Tensor, outputs: Tensor) -> tuple[Tensor, Tensor]:
    """Return a layer's inputs, (inputs of an output, pixels), and outputs, (channels, pixels)."""
    if isinstance(layer, nn.ConvTranspose2d):
        columns, outputs = inputs.flatten(2), functional.pixel_unshuffle(outputs, 2)
    else:
        size, stride = layer.kernel_size, layer.stride
        columns = functional.unfold(inputs, size, padding=int(size[0] == 3), stride=stride)
    return columns[0, :, ::EVERY].double(), outputs.flatten(2)[0, :, ::EVERY].double()


class _Seen:
    """What layers of a network, by name, have before and after them, of one plane.

    inputs: of the layers. results: what is there after them, with what is added to it. added: that.
    """

    def __init__(self, network: DeepWiener, names: Sequence[str]) -> None:
        self.network, self.names = network, names
        self.inputs: dict[str, Tensor] = {}
        self.results: dict[str, Tensor] = {}
        self.added: dict[str, Any] = dict.fromkeys(names, 0)

    def run(self, versions: Tensor, constants: Tensor) -> None:
        """Apply the network to a plane."""
        hooks = [hook for name in self.names for hook in self._hooks(name)]
        self.network(versions, constants)
        for hook in hooks:
            hook.remove()

    def _hooks(self, name: str) -> Iterator[Any]:
        layer, (part, *place) = self.network.get_submodule(name), name.split(".")
        yield layer.register_forward_pre_hook(_keep_input(self.inputs, name))
        if name.endswith("two"):
            block = self.network.get_submodule(name[:-4])
            yield block.register_forward_pre_hook(_keep_input(self.added, name))
            yield block.register_forward_hook(_keep_output(self.results, name))
        elif part == "up":
            level = int(place[0])
            yield self.network.before[level].register_forward_hook(_keep_output(self.added, name))
            yield self.network.after[level].register_forward_pre_hook(
                _keep_input(self.results, name)
            )
        else:
            yield layer.register_forward_hook(_keep_output(self.results, name))


def _keep_input(values: dict[str, Any], name: str) -> Any:
    def hook(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        values[name] = inputs[0].clone()

    return hook


def _keep_output(values: dict[str, Any], name: str) -> Any:
    def hook(_: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        values[name] = output.clone()  # others change it in place

    return hook
