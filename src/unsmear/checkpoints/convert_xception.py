"""Converter of Xception's weights from Keras and timm, for 3 channels, without the last layer.

- Keras: LAYER/.../PART in .h5 (needs h5py), kernels (y, x, in, out), of a depthwise convolution
  (y, x, in, 1). Each version has its own words for the parts. The convolutions past the blocks and
  their BatchNorm have numbers for names, which begin anywhere: conv2d_7, conv2d_8 ...
- timm (`legacy_xception`, before it `xception`) and its ancestor, pretrainedmodels: .pth or
  .safetensors. BatchNorm adds 1e-5 to the variance there, and 1e-3 in Keras and here: gamma is
  multiplied by what that changes, so that a layer gives what it gives there. timm's maximum over
  3x3 pixels begins a pixel earlier where a side is even; that stays as Keras has it.
- ours: .safetensors, as `unsmear weights get xception` keeps it.

Nothing is unpickled, and no array of a .h5 file is read unless it declares the right size.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor

from unsmear.checkpoints.arrays import OPTIMISER, Format, Stored, kind_of, opened, refusing
from unsmear.checkpoints.fitting import fitting
from unsmear.errors import WeightsError
from unsmear.models.xception import BLOCKS, Xception

Arrays = dict[str, Tensor]
Key = TypeVar("Key", str, int)

EPSILON, TIMM_EPSILON = 1e-3, 1e-5
"""Term that batch normalisation adds to the variance: in Keras and here, and in timm."""
_CONV = (("weight", "kernel", "weight"),)
_SEPARABLE = (
    ("depthwise.weight", "depthwise_kernel", "conv1.weight"),
    ("pointwise.weight", "pointwise_kernel", "pointwise.weight"),
)
_NORM = (
    ("weight", "gamma", "weight"),
    ("bias", "beta", "bias"),
    ("running_mean", "moving_mean", "running_mean"),
    ("running_var", "moving_variance", "running_var"),
)
_PART = re.compile(
    r"(?:^|_)(depthwise|pointwise|kernel|W|gamma|beta|moving_mean|moving_variance|running_mean"
    r"|running_std)(?:_kernel)?(?:_\d+)?(?::0)?$"
)
_PARTS = {
    "depthwise": "depthwise_kernel",
    "pointwise": "pointwise_kernel",
    "W": "kernel",
    "running_mean": "moving_mean",
    "running_std": "moving_variance",  # Keras 1 called it so, and kept the variance in it
}
_NUMBERED = re.compile(r"(conv|batch)(?:olution)?(?:2d|_?normalization)(?:_(\d+))?")


def read(path: str | Path) -> Arrays:
    """Return the tensors of a file of any layout, float32, by our names, without `head`.

    `models.transfer.fit_weights` makes a network's whole `state_dict` of them.

    Raises WeightsError that names every array that is missing, of another shape or not finite;
    MissingExtra for .h5 without h5py.
    """
    path = Path(path)
    _must_be_there(path)
    with refusing(_damaged(path)):
        kind = kind_of(path, "pth")
    if kind == "h5":
        return from_keras(path)
    arrays = _tensors(path, kind)
    if "stem.conv1.weight" not in arrays:
        return _from_timm(path.name, arrays)
    return _checked(path.name, {ours: arrays[ours] for ours in names() if ours in arrays})


def from_keras(path: str | Path) -> Arrays:
    """Return the tensors of a file of Keras; see `read`."""
    path = Path(path)
    _must_be_there(path)
    with opened(path, "h5", _damaged(path)) as stored:
        by_layer = _by_layer(path.name, _parameters(path, stored))
        arrays = {
            ours: _from_stored(ours, by_layer[keras])
            for ours, (keras, _) in names().items()
            if keras in by_layer
        }
    return _checked(path.name, arrays)


def from_timm(path: str | Path) -> Arrays:
    """Return the tensors of a file of timm; see `read`."""
    path = Path(path)
    _must_be_there(path)
    with refusing(_damaged(path)):
        kind = kind_of(path, "pth")
    return _from_timm(path.name, _tensors(path, kind))


def names() -> dict[str, tuple[str, str]]:
    """Return, by our name of each tensor, Keras's layer/part and timm's name."""
    return {
        f"{ours}.{mine}": (f"{keras}/{theirs}", f"{timm}.{others}")
        for parts, ours, keras, timm in _layers()
        for mine, theirs, others in parts
    }


def _layers() -> Iterator[tuple[tuple[tuple[str, str, str], ...], str, str, str]]:
    """Yield the parts of each layer, and its name here, in Keras and in timm.

    The skip connections of Keras are called conv/0, batch/0 ... here, in their order.
    """
    for at in (1, 2):
        yield _CONV, f"stem.conv{at}", f"block1_conv{at}", f"conv{at}"
        yield _NORM, f"stem.norm{at}", f"block1_conv{at}_bn", f"bn{at}"
        yield _SEPARABLE, f"tail.conv{at}", f"block14_sepconv{at}", f"conv{at + 2}"
        yield _NORM, f"tail.norm{at}", f"block14_sepconv{at}_bn", f"bn{at + 2}"
    skips = 0
    for block, widths in enumerate(BLOCKS):
        ours, keras, timm = f"blocks.{block}", f"block{block + 2}", f"block{block + 1}"
        for at in range(len(widths) - 1):
            index = 3 * at + (block > 0)  # timm counts ReLUs, and leaves out the very first
            name = f"{keras}_sepconv{at + 1}"
            yield _SEPARABLE, f"{ours}.convs.{at}", name, f"{timm}.rep.{index}"
            yield _NORM, f"{ours}.norms.{at}", f"{name}_bn", f"{timm}.rep.{index + 1}"
        if widths[0] != widths[-1]:
            yield _CONV, f"{ours}.skip.conv", f"conv/{skips}", f"{timm}.skip"
            yield _NORM, f"{ours}.skip.norm", f"batch/{skips}", f"{timm}.skipbn"
            skips += 1


def _parameters(path: Path, stored: Iterable[Stored]) -> dict[str, Stored]:
    """Return the arrays of a Keras file by their full name, without those of an optimiser."""
    parameters = {array.name: array for array in stored if not array.name.startswith(OPTIMISER)}
    if any("/vars/" in name for name in parameters):
        raise WeightsError(
            f"{path.name}: Keras 3's .weights.h5 keeps no names of layers and cannot be "
            "read; write the file with model.save('xception.h5')."
        )
    return parameters


def _by_layer(file: str, parameters: Mapping[str, Stored]) -> dict[str, Stored]:
    """Return the arrays by layer/part, named as in `_layers`."""
    known = {keras.rpartition("/")[0] for keras, _ in names().values()}
    by_layer: dict[str, Stored] = {}
    numbered: dict[tuple[str, str], dict[int, Stored]] = {}
    for name, array in parameters.items():
        *groups, leaf = name.split("/")
        part = _PART.search(leaf)
        if part is None:
            continue
        called = _PARTS.get(part[1], part[1])
        groups.append(leaf[: part.start()])
        for group in groups:
            if group in known:
                _add_once(file, by_layer, f"{group}/{called}", array)
                break
            if number := _NUMBERED.fullmatch(group):
                of_kind = numbered.setdefault((number[1], called), {})
                _add_once(file, of_kind, int(number[2] or 0), array)
                break
    for (kind, called), arrays in numbered.items():
        for place, (_, array) in enumerate(sorted(arrays.items())):
            by_layer[f"{kind}/{place}/{called}"] = array
    return by_layer


def _add_once(file: str, arrays: dict[Key, Stored], name: Key, array: Stored) -> None:
    if name in arrays:
        raise WeightsError(f"{file}: /{array.name} must be in the file once, got two.")
    arrays[name] = array


def _from_stored(ours: str, array: Stored) -> Tensor:
    """Return an array as our tensor; only a placeholder where its declared shape is wrong."""
    claim = _turned(ours, torch.empty(array.claim().shape, device="meta"))
    if claim.shape != _shapes()[ours]:
        return claim
    return _turned(ours, torch.from_numpy(array.read()))


def _turned(ours: str, array: Tensor) -> Tensor:
    if array.ndim != 4:
        return array
    return array.permute(2, 3, 0, 1) if ".depthwise." in ours else array.permute(3, 2, 0, 1)


def _from_timm(file: str, arrays: Mapping[str, Tensor]) -> Arrays:
    given = {name.removeprefix("module."): array for name, array in arrays.items()}
    renamed = {ours: given[timm] for ours, (_, timm) in names().items() if timm in given}
    for ours, array in renamed.items():  # pretrainedmodels has pointwise kernels without sides
        if ".pointwise." in ours and array.ndim == 2:
            renamed[ours] = array[:, :, None, None]
    checked = _checked(file, renamed)
    for name, variance in checked.items():
        if name.endswith(".running_var"):
            factor = ((variance + EPSILON) / (variance + TIMM_EPSILON)).sqrt()
            checked[name.replace("running_var", "weight")] *= factor
    return checked


def _tensors(path: Path, kind: Format) -> Arrays:
    with opened(path, kind, _damaged(path)) as stored:
        return {array.name: torch.from_numpy(array.read()) for array in stored}


def _must_be_there(path: Path) -> None:
    if not path.is_file():
        raise WeightsError(f"{path}: Xception's weights must be a file, got none of that name.")


def _damaged(path: Path) -> str:
    return (
        f"{path.name}: Xception's weights must be an .h5 file of Keras, or a .pth or "
        ".safetensors file of tensors by name; this one is damaged or of another kind."
    )


@cache
def _shapes() -> dict[str, tuple[int, ...]]:
    """Return the shapes of the arrays that a file must have."""
    with torch.device("meta"):
        own = Xception().state_dict()
    return {name: tuple(own[name].shape) for name in names()}


def _checked(file: str, arrays: Mapping[str, Tensor]) -> Arrays:
    return fitting(file, "Xception", arrays, _shapes())
