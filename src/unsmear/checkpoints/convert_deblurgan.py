"""Converter of the published weights of DeblurGAN and of DeblurGAN-v2's light network.

Files of torch (latest_net_G.pth; fpn_mobilenet.h5, which is one of torch too) and our own
.safetensors are read. Names follow from the place of a layer; no axis is exchanged and no kernel
flipped, since ours are PyTorch's layers too:

- DeblurGAN: model.N.weight, and model.N.conv_block.M.weight in residual blocks, where M depends on
  whether there is dropout;
- DeblurGAN-v2: fpn.features.N of MobileNetV2, fpn.tdN, fpn.lateralN, headN and so on, mostly behind
  "module."; fpn.encN are the same features once more.

Running statistics are left out, because both restore with the statistics of each image. So are the
features of MobileNetV2 that DeblurGAN-v2 does not use.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from unsmear import models
from unsmear.checkpoints.arrays import kind_of, opened, refusing
from unsmear.checkpoints.fitting import fitting
from unsmear.errors import WeightsError
from unsmear.models.deblurgan_v2 import STAGES

Arrays = dict[str, Tensor]

STATISTICS = ("running_mean", "running_var", "num_batches_tracked")
"""Parts of a normalisation that nothing restores with."""
FIRST = 10
"""Number of layers before DeblurGAN's residual blocks, those without weights included."""


@dataclass(frozen=True)
class Layout:
    """How a network is published.

    owner: its name in sentences. renamed: the tensors of a file by our names; unknown ones keep
    theirs. options: the network's options that follow from them.
    """

    owner: str
    renamed: Callable[[Arrays], Arrays]
    options: Callable[[Arrays], dict[str, Any]]


def read(path: str | Path, network: str) -> tuple[dict[str, Any], Arrays]:
    """Return a network's options, and its tensors from a file, float32, by our names.

    network: "deblurgan" or "deblurgan-v2-mobile". The number of channels, filters and residual
    blocks follows from the file.

    Raises WeightsError for a file that is missing, damaged or of another kind, and for tensors that
    are missing, unknown, of another shape or not finite, all of them named.
    """
    path, layout = Path(path), LAYOUTS[network]
    arrays = layout.renamed(_tensors(path, layout.owner))
    options = models.options_of(network) | layout.options(arrays)
    with torch.device("meta"):  # no memory or random weights before the arrays are checked
        own = models.build(network, **options).state_dict()
    shapes = {name: tuple(tensor.shape) for name, tensor in own.items()}
    return options, fitting(path.name, layout.owner, arrays, shapes)


def _tensors(path: Path, owner: str) -> Arrays:
    """Return a file's tensors, without "module." before their names and without statistics."""
    if not path.is_file():
        raise WeightsError(f"{path}: {owner}'s weights must be a file, got none of that name.")
    damaged = (
        f"{path.name}: {owner}'s weights must be a file of torch or a .safetensors file of tensors "
        "by name; this one is damaged or of another kind."
    )
    with refusing(damaged):
        kind = kind_of(path, "pth")
    with opened(path, kind, damaged) as stored:
        return {
            array.name.removeprefix("module."): torch.from_numpy(array.read())
            for array in stored
            if not array.name.endswith(STATISTICS)
        }


def _from_deblurgan(arrays: Arrays) -> Arrays:
    places = {name: re.match(r"model\.(\d+)\.(?:conv_block\.(\d+)\.)?", name) for name in arrays}
    inner = {(int(place[1]), int(place[2])) for place in places.values() if place and place[2]}
    blocks = len({outer for outer, _ in inner})
    second = {5: 6} if not any(layer == 6 for _, layer in inner) else {}  # without dropout

    def named(name: str) -> str:
        place = places[name]
        if place is None:
            return name
        layer, part = int(place[1]), name[place.end() :]
        if place[2]:
            at = int(place[2])
            return f"blocks.{layer - FIRST}.layers.{second.get(at, at)}.{part}"
        if layer < FIRST:
            return f"first.{layer}.{part}"
        return f"last.{layer - FIRST - blocks}.{part}"

    return {named(name): array for name, array in arrays.items()}


def _deblurgan_options(arrays: Arrays) -> dict[str, Any]:
    blocks = {match[1] for name in arrays if (match := re.match(r"blocks\.(\d+)\.", name))}
    return {"blocks": len(blocks)} | _widths(arrays, "first.1.weight", ("filters", "channels"))


def _from_mobile(arrays: Arrays) -> Arrays:
    features = _features()
    unused = re.compile(r"fpn\.(enc\d|features\.1[678])\.")
    rules: tuple[tuple[str, Callable[[re.Match[str]], str]], ...] = (
        (r"fpn\.features\.0\.", lambda _: "stages.0.0."),
        (r"fpn\.features\.(\d+)\.conv\.", lambda place: features.get(int(place[1]), place[0])),
        (r"fpn\.lateral(\d)\.", lambda place: f"laterals.{place[1]}."),
        (r"fpn\.td(\d)\.", lambda place: f"merges.{int(place[1]) - 1}."),
        (
            r"head(\d)\.block(\d)\.",
            lambda place: f"heads.{int(place[1]) - 1}.{2 * int(place[2])}.",
        ),
    )

    def named(name: str) -> str:
        for pattern, ours in rules:
            if place := re.match(pattern, name):
                return ours(place) + name[place.end() :]
        return name

    return {named(name): array for name, array in arrays.items() if not unused.match(name)}


def _features() -> dict[int, str]:
    """Return our names of MobileNetV2's features by their number; the first is a convolution."""
    names = ["stages.0.0."]
    for stage, blocks in enumerate(STAGES):
        count = sum(number for *_, number, _ in blocks)
        names += [f"stages.{stage}.{at + (not stage)}.layers." for at in range(count)]
    return dict(enumerate(names))


def _mobile_options(arrays: Arrays) -> dict[str, Any]:
    filters = _widths(arrays, "smooth.0.weight", ("filters",))
    return filters | _widths(arrays, "final.weight", ("channels",))


def _widths(arrays: Mapping[str, Tensor], name: str, options: tuple[str, ...]) -> dict[str, Any]:
    """Return options that are the first sides of a kernel; none where it is no kernel."""
    array = arrays.get(name)
    if array is None or array.ndim != 4 or not array.numel():
        return {}
    return dict(zip(options, array.shape, strict=False))


LAYOUTS = {
    "deblurgan": Layout("DeblurGAN", _from_deblurgan, _deblurgan_options),
    "deblurgan-v2-mobile": Layout("DeblurGAN-v2", _from_mobile, _mobile_options),
}
"""The layouts by the network's name."""
