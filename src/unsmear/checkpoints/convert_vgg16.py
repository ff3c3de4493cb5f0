"""Converter of VGG16's weights, and the preprocessing that each set of weights needs.

Three layouts are read, told apart by the names of the arrays:

- ours: LAYER/kernel (out, in, y, x) and LAYER/bias, in .npz or .safetensors;
- Keras: LAYER/... of rank 4 (y, x, in, out) and of rank 1, in .h5 (needs h5py);
- torchvision: features.N.weight and features.N.bias, in .pth or .safetensors.

The weights of the first two are the authors' own (Oxford, in Caffe): BGR from 0 to 255 minus a
mean. torchvision trained its own. Nothing is unpickled.
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
from unsmear.models.vgg16 import LAYERS, shapes, up_to

TORCHVISION = dict(
    zip((0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28), LAYERS, strict=True),
)
"""Index in torchvision's `features` of each convolution."""
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


def read(path: str | Path, layer: str) -> tuple[dict[str, Tensor], Preprocessing]:
    """Return the parameters of `VGG16(layer)` in a file, float32, and their preprocessing.

    Raises WeightsError where the file is missing, cannot be read, does not reach the layer, or has
    arrays that are missing, unknown or of another shape; MissingExtra for .h5 without h5py.
    """
    path = Path(path)
    if path.suffix not in ENDINGS:
        raise WeightsError(
            f"{path.name}: VGG16's weights must be a file ending in {', '.join(ENDINGS)}."
        )
    if not path.is_file():
        raise WeightsError(f"{path}: VGG16's weights must be a file, got none of that name.")
    arrays = _arrays(path)
    preprocessing = CAFFE
    if path.suffix == ".h5":
        named = from_keras(arrays)
    elif any(name.startswith("features.") for name in arrays):
        named, preprocessing = from_torchvision(arrays), IMAGENET
    else:
        named = from_ours(arrays)
    return _checked(path.name, named, layer), preprocessing


def from_ours(arrays: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename LAYER/kernel and LAYER/bias as the network has them."""
    parts = {"/kernel": ".weight", "/bias": ".bias"}
    return {
        re.sub("/(kernel|bias)$", lambda match: parts[match[0]], name): array
        for name, array in arrays.items()
    }


def from_keras(arrays: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename the arrays of any version of Keras, and permute kernels to (out, in, y, x)."""
    named = {}
    for name, array in arrays.items():
        layer = next((part for part in name.split("/") if part in LAYERS), None)
        part = {4: "weight", 1: "bias"}.get(array.ndim)
        key = f"{layer}.{part}" if layer and part else name
        named[key] = array.permute(3, 2, 0, 1) if array.ndim == 4 else array
    return named


def from_torchvision(arrays: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename torchvision's arrays; those of its classifier are left out."""
    named = {}
    for name, array in arrays.items():
        if name.startswith("classifier."):
            continue
        match = re.fullmatch(r"features\.(\d+)\.(weight|bias)", name)
        layer = TORCHVISION.get(int(match[1])) if match else None
        named[f"{layer}.{match[2]}" if match and layer else name] = array
    return named


def _arrays(path: Path) -> dict[str, Tensor]:
    damaged = (
        f"{path.name}: VGG16 must be a {path.suffix} file of arrays by name and nothing else; "
        f"this one is damaged or of another kind."
    )
    with opened(path, ENDINGS[path.suffix], damaged, install="h5py") as stored:
        return {array.name: torch.from_numpy(_whole(array)) for array in stored}


def _whole(array: Stored) -> Array:
    array.claim()  # a small compressed file must not expand to a huge array
    return array.read()


def _checked(file: str, arrays: Mapping[str, Tensor], layer: str) -> dict[str, Tensor]:
    wanted = _shapes(up_to(layer))
    known = _shapes(LAYERS)
    reached = [name for name in LAYERS if {f"{name}.weight", f"{name}.bias"} & set(arrays)]
    if reached and layer not in up_to(reached[-1]) and _shapes(reached).keys() <= arrays.keys():
        raise WeightsError(
            f"{file}: layer must be one that the file has, up to {reached[-1]}, got {layer}."
        )
    faults = [f"{name} is missing" for name in wanted if name not in arrays]
    for name, array in arrays.items():
        if name not in known:
            faults.append(f"{name} does not belong to VGG16")
        elif tuple(array.shape) != known[name]:
            faults.append(f"{name} must be {_size(known[name])}, is {_size(array.shape)}")
        elif name in wanted and not (array.is_floating_point() and bool(array.isfinite().all())):
            faults.append(f"{name} must be finite floating-point numbers")
    if faults:
        raise WeightsError(f"{file}: the arrays must be VGG16's; {'; '.join(faults)}.")
    return {name: arrays[name].float().contiguous() for name in wanted}


def _shapes(layers: Iterable[str]) -> dict[str, tuple[int, ...]]:
    return {f"{name}.{part}": shape for name in layers for part, shape in shapes(name).items()}


def _size(shape: Iterable[int]) -> str:
    return "x".join(map(str, shape)) or "a number"
