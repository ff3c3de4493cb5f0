"""Converter of VGG16's and VGG19's weights, and the preprocessing that each set of them needs.

Three layouts are read, told apart by the names of the arrays:

- ours: LAYER/kernel (out, in, y, x) and LAYER/bias, in .npz or .safetensors;
- Keras: LAYER/... of rank 4 (y, x, in, out) and of rank 1, in .h5 (needs h5py);
- torchvision: features.N.weight and features.N.bias, in .pth or .safetensors.

The weights of the first two are the authors' own (Oxford, in Caffe): BGR from 0 to 255 minus a
mean. torchvision trained its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from unsmear.checkpoints.arrays import Array, Format, Stored, opened
from unsmear.errors import WeightsError
from unsmear.models.vgg import DEPTHS, LAYERS, Network, shapes, up_to

ENDINGS: dict[str, Format] = {
    ".npz": "npz",
    ".h5": "h5",
    ".pth": "pth",
    ".safetensors": "safetensors",
}


@dataclass(frozen=True)
class Preprocessing:
    """Standardisation (image - mean) / deviation of RGB images in normalised intensity.

    mean, deviation: of the channels in RGB order, normalised intensity. reverse: whether the
    network takes BGR.
    """

    mean: tuple[float, float, float]
    deviation: tuple[float, float, float]
    reverse: bool

    @property
    def unit(self) -> float:
        """Half the network's input range from black to white, averaged over the channels."""
        return sum(0.5 / deviation for deviation in self.deviation) / 3


CAFFE = Preprocessing((123.68 / 255, 116.779 / 255, 103.939 / 255), (1 / 255,) * 3, True)
"""Preprocessing of the authors' weights, which Keras also has."""
IMAGENET = Preprocessing((0.485, 0.456, 0.406), (0.229, 0.224, 0.225), False)
"""Preprocessing of torchvision's weights."""


def read(
    path: str | Path, layer: str, network: Network = "vgg16"
) -> tuple[dict[str, Tensor], Preprocessing]:
    """Return the parameters of `VGG(layer, network)` in a file, float32, and their preprocessing.

    Raises WeightsError where the file is missing, cannot be read, does not reach the layer, or has
    arrays that are missing, unknown or of another shape; MissingExtra for .h5 without h5py.
    """
    path, title = Path(path), network.upper()
    if path.suffix not in ENDINGS:
        raise WeightsError(
            f"{path.name}: {title}'s weights must be a file ending in {', '.join(ENDINGS)}."
        )
    if not path.is_file():
        raise WeightsError(f"{path}: {title}'s weights must be a file, got none of that name.")
    arrays = _arrays(path, title)
    preprocessing = CAFFE
    if path.suffix == ".h5":
        named = from_keras(arrays, network)
    elif any(name.startswith("features.") for name in arrays):
        named, preprocessing = from_torchvision(arrays, network), IMAGENET
    else:
        named = from_ours(arrays)
    return _checked(path.name, named, layer, network), preprocessing


def from_ours(arrays: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename LAYER/kernel and LAYER/bias as the network has them."""
    parts = {"/kernel": ".weight", "/bias": ".bias"}
    return {
        re.sub("/(kernel|bias)$", lambda match: parts[match[0]], name): array
        for name, array in arrays.items()
    }


def from_keras(arrays: Mapping[str, Tensor], network: Network = "vgg16") -> dict[str, Tensor]:
    """Rename the arrays of any version of Keras, and permute kernels to (out, in, y, x)."""
    named = {}
    for name, array in arrays.items():
        layer = next((part for part in name.split("/") if part in LAYERS[network]), None)
        part = {4: "weight", 1: "bias"}.get(array.ndim)
        key = f"{layer}.{part}" if layer and part else name
        named[key] = array.permute(3, 2, 0, 1) if array.ndim == 4 else array
    return named


def from_torchvision(arrays: Mapping[str, Tensor], network: Network = "vgg16") -> dict[str, Tensor]:
    """Rename torchvision's arrays; those of its classifier are left out."""
    named, layers = {}, _torchvision(network)
    for name, array in arrays.items():
        if name.startswith("classifier."):
            continue
        match = re.fullmatch(r"features\.(\d+)\.(weight|bias)", name)
        layer = layers.get(int(match[1])) if match else None
        named[f"{layer}.{match[2]}" if match and layer else name] = array
    return named


def _torchvision(network: Network) -> dict[int, str]:
    """Return the convolutions by their index in torchvision's `features`.

    A convolution is followed by its ReLU, a block by its maximum.
    """
    before = [block for block, depth in enumerate(DEPTHS[network]) for _ in range(depth)]
    return {
        2 * number + block: layer
        for number, (block, layer) in enumerate(zip(before, LAYERS[network], strict=True))
    }


def _arrays(path: Path, title: str) -> dict[str, Tensor]:
    damaged = (
        f"{path.name}: {title} must be a {path.suffix} file of arrays by name and nothing else; "
        f"this one is damaged or of another kind."
    )
    with opened(path, ENDINGS[path.suffix], damaged, install="h5py") as stored:
        return {array.name: torch.from_numpy(_whole(array)) for array in stored}


def _whole(array: Stored) -> Array:
    array.claim()  # a small compressed file must not expand to a huge array
    return array.read()


def _checked(
    file: str, arrays: Mapping[str, Tensor], layer: str, network: Network
) -> dict[str, Tensor]:
    title = network.upper()
    wanted, known = _shapes(up_to(layer, network)), _shapes(LAYERS[network])
    reached = [name for name in LAYERS[network] if {f"{name}.weight", f"{name}.bias"} & set(arrays)]
    whole = bool(reached) and _shapes(reached).keys() <= arrays.keys()
    if whole and layer not in up_to(reached[-1], network):
        raise WeightsError(
            f"{file}: layer must be one that the file has, up to {reached[-1]}, got {layer}."
        )
    # A file that goes on must have all on its way: VGG16's names are VGG19's but for three.
    held = wanted | _shapes(up_to(reached[-1], network) if reached else ())
    faults = [f"{name} is missing" for name in held if name not in arrays]
    for name, array in arrays.items():
        if name not in known:
            faults.append(f"{name} does not belong to {title}")
        elif tuple(array.shape) != known[name]:
            faults.append(f"{name} must be {_size(known[name])}, is {_size(array.shape)}")
        elif name in wanted and not (array.is_floating_point() and bool(array.isfinite().all())):
            faults.append(f"{name} must be finite floating-point numbers")
    if faults:
        raise WeightsError(f"{file}: the arrays must be {title}'s; {'; '.join(faults)}.")
    return {name: arrays[name].float().contiguous() for name in wanted}


def _shapes(layers: Iterable[str]) -> dict[str, tuple[int, ...]]:
    return {f"{name}.{part}": shape for name in layers for part, shape in shapes(name).items()}


def _size(shape: Iterable[int]) -> str:
    return "x".join(map(str, shape)) or "a number"
