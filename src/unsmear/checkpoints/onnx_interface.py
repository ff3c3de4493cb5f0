"""Networks as an ONNX file holds them: names and sizes of their inputs and outputs, and what must
be known to use them. PyTorch is needed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from unsmear import models
from unsmear.checkpoints import loading
from unsmear.checkpoints.checkpoint import Checkpoint
from unsmear.checkpoints.onnx_file import JOINED

SIDES = {0: "planes", 2: "y", 3: "x"}
"""Axes of variable size of an image; y and x must be multiples of the network's stride."""
TRACED, CHECKED = (128, 128), (72, 136)
"""Sides of the example with which a network is traced, and of that with which the file is checked,
pixels, rounded up to whole strides. The deepest level must have something to mirror."""


@dataclass(frozen=True, eq=False)
class Interface:
    """A network as a file holds it.

    named: the network's name. module: gives a tensor or a tuple. inputs, outputs: their names.
    traced, checked: two examples of its inputs. axes: those of variable size, by name.
    facts: what must be known to use it. channels: of the outputs that are images.
    """

    named: str
    module: Any
    inputs: Sequence[str]
    outputs: Sequence[str]
    traced: tuple[Any, ...]
    checked: tuple[Any, ...]
    axes: Mapping[str, Mapping[int, str]] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    channels: Mapping[str, int] = field(default_factory=dict)


def of(loaded: Checkpoint) -> Interface:
    """Return the network of weights as a file would hold it; raises WeightsError for others."""
    if loaded.network == "DeepWiener":
        return deep_wiener(loading.build_deep_wiener(loaded), loaded.card.get("error_quantile"))
    if loaded.network == "KernelNet":
        return _kernel_net(loaded)
    if loaded.network in models.classifiers():
        return _classifier(loading.build_classifier(loaded))
    return from_image_to_image(loading.build_network(loaded))


def deep_wiener(model: Any, error_quantile: float | None = None) -> Interface:
    """Return the interface of a deep-wiener's network."""
    import torch

    def example(planes: int, pixels: tuple[int, int]) -> tuple[Any, ...]:
        versions = torch.rand(planes, model.versions, *_whole(pixels, model.stride))
        return versions, torch.rand(planes, model.constants)

    facts = {"versions": model.versions, "stride": model.stride, "halo": model.halo}
    known = {} if error_quantile is None else {"error_quantile": error_quantile}
    return Interface(
        type(model).__name__,
        model,
        inputs=("versions", "constants"),
        outputs=("restored", "scale"),
        traced=example(2, (2 * model.stride,) * 2),
        checked=example(1, CHECKED),
        axes={"constants": {0: "planes"}} | dict.fromkeys(("versions", "restored", "scale"), SIDES),
        facts=facts | known,
        channels={"restored": 1, "scale": 1},
    )


def joined(wiener: Interface) -> Interface:
    """Return the interface of a deep-wiener with one input, for programs that cut it into tiles.

    The input `filtered` holds the versions, and then each constant as a plane of its own.
    """
    import torch
    from torch import Tensor, nn

    count = wiener.facts["versions"]

    class Joined(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = wiener.module

        def forward(self, filtered: Tensor) -> Any:
            # None is below 0, so that the largest is the constant where zeros were padded too.
            return self.network(filtered[:, :count], filtered[:, count:].amax((2, 3)))

    def together(versions: Tensor, constants: Tensor) -> tuple[Tensor]:
        planes = constants[:, :, None, None].expand(-1, -1, *versions.shape[2:])
        return (torch.cat([versions, planes], 1),)

    return replace(
        wiener,
        module=Joined(),
        inputs=(JOINED,),
        traced=together(*wiener.traced),
        checked=together(*wiener.checked),
        axes=dict.fromkeys((JOINED, "restored", "scale"), SIDES),
        facts={**wiener.facts, "input": JOINED},
    )


def from_image_to_image(model: Any) -> Interface:
    """Return the interface of a listed network; some have an output for each scale, of which the
    last is the result.
    """
    import torch
    from torch import Tensor, nn

    class Last(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = model

        def forward(self, blurred: Tensor) -> Any:
            return models.final(self.network(blurred))

    facts = {name: getattr(model, name) for name in ("channels", "stride", "halo", "values")}
    if model.halo is None and getattr(model, "tile", None):
        facts |= {"tile": model.tile, "overlap": getattr(model, "overlap", 0)}
    return Interface(
        type(model).__name__,
        Last(),
        inputs=("blurred",),
        outputs=("restored",),
        traced=(torch.rand(2, model.channels, *_whole(TRACED, model.stride)),),
        checked=(torch.rand(1, model.channels, *_whole(CHECKED, model.stride)),),
        axes=dict.fromkeys(("blurred", "restored"), SIDES),
        facts=facts,
        channels={"restored": model.channels},
    )


def _classifier(model: Any) -> Interface:
    import torch

    stride, least = (int(getattr(model, name, 1)) for name in ("stride", "smallest"))
    sides = [_whole([max(side, least) for side in pixels], stride) for pixels in (TRACED, CHECKED)]
    return Interface(
        type(model).__name__,
        model,
        inputs=("images",),
        outputs=("logits",),
        traced=(torch.rand(2, model.channels, *sides[0]),),
        checked=(torch.rand(3, model.channels, *sides[1]),),
        axes={"images": SIDES, "logits": {0: "planes"}},
        facts={
            "labels": model.labels,
            "channels": model.channels,
            "values": model.values,
            "stride": stride,
            "smallest": least,
        },
    )


def _kernel_net(loaded: Checkpoint) -> Interface:
    import torch
    from torch import Tensor, nn

    model = loading.build_kernel_net(loaded)

    class Parts(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = model

        def forward(self, shifts: Tensor, profile: Tensor) -> tuple[Tensor, ...]:
            guess = self.network(shifts, profile)
            return guess.kinds, guess.length, guess.radius, guess.turn, guess.kernel

    options = {"maps": 4, "profile": 97, "side": 64} | dict(loaded.options)
    shape = 1, options["maps"], options["side"], options["side"]
    examples = [(torch.rand(shape), torch.rand(1, options["profile"])) for _ in range(2)]
    return Interface(
        type(model).__name__,
        Parts(),
        inputs=("shifts", "profile"),
        outputs=("kinds", "length", "radius", "turn", "kernel"),
        traced=examples[0],
        checked=examples[1],
    )


def _whole(pixels: Sequence[int], stride: int) -> list[int]:
    return [-(-side // stride) * stride for side in pixels]
