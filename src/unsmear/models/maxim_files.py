"""Files with MAXIM's weights: the authors' checkpoint.npz, Keras' copies of it, and our own.

Three layouts are read, told apart by the file's first bytes:

- Flax: a/b/kernel, bias and scale, in .npz, mostly behind opt/target/: what else an optimiser
  left in the file (opt/state/...) is not even read;
- Keras: the same numbers in .h5 (needs h5py), by names of one level: a_b/a_b/kernel:0. The
  transposed convolutions have their last two axes exchanged there and nothing else, though Keras
  would need them flipped too: to exchange them back is to have the authors' network again;
- ours: a.b.weight and a.b.bias, in .safetensors.

How an array is turned follows from the kind of its layer. Nothing is unpickled.
"""

from __future__ import annotations

import re
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib import import_module
from io import BytesIO
from math import prod
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from unsmear.errors import MissingExtra, WeightsError
from unsmear.images.files import write_aside
from unsmear.models.maxim_layers import Conv, Dense, Mix, Norm, Pointwise, Up

Array = NDArray[Any]
Arrays = dict[str, Array]
Layout = Literal["flax", "keras", "ours"]

TARGET = "opt/target/"
"""Before every parameter of a published checkpoint."""
_BIAS = "_bias$"
_ENLARGED = re.compile(r"UpSampleRatio_(\d+)_")
_DAMAGED = (
    OSError,
    ValueError,
    KeyError,
    TypeError,
    EOFError,
    RuntimeError,
    MemoryError,
    OverflowError,
    struct.error,
    zlib.error,
    zipfile.BadZipFile,
)
_Turn = tuple[Callable[[Array], Array], Callable[[Array], Array]]
_SAME: _Turn = (lambda array: array, lambda array: array)
_TURNS: dict[type, _Turn] = {
    Pointwise: (lambda kernel: kernel[0, 0].T, lambda weight: weight.T[None, None]),
    Dense: (lambda kernel: kernel.T, lambda weight: weight.T),
    Mix: (lambda kernel: kernel.T, lambda weight: weight.T),
    Conv: (
        lambda kernel: kernel.transpose(3, 2, 0, 1),
        lambda weight: weight.transpose(2, 3, 1, 0),
    ),
    # Flax does not flip the kernel of a transposed convolution, PyTorch and Keras do.
    Up: (
        lambda kernel: kernel[::-1, ::-1].transpose(2, 3, 0, 1),
        lambda weight: weight.transpose(2, 3, 0, 1)[::-1, ::-1],
    ),
    Norm: _SAME,
}
"""From Flax's array to ours, and back, by the kind of layer."""


def read(path: Path) -> tuple[Layout, Arrays]:
    """Return the arrays of a file, and whose names and axes they have.

    Raises WeightsError for a file that is missing, damaged or of another kind, and MissingExtra
    for .h5 without h5py.
    """
    _refuse_saved_model(path)
    if not path.is_file():
        raise WeightsError(f"{path}: MAXIM's weights must be a file, got none of that name.")
    try:
        with path.open("rb") as file:
            magic = file.read(8)
        if magic == b"\x89HDF\r\n\x1a\n":
            return "keras", _from_h5(path)
        if path.suffix == ".safetensors":
            return "ours", _from_safetensors(path)
        return "flax", _from_npz(path)
    except _DAMAGED as error:
        if isinstance(error, WeightsError):
            raise
        raise WeightsError(
            f"{path.name}: MAXIM's weights must be an .npz, .h5 or .safetensors file of arrays by "
            f"name and nothing else; this one is damaged or of another kind."
        ) from error


def options(file: str, arrays: Iterable[tuple[str, tuple[int, ...]]]) -> dict[str, int]:
    """Return the options of the MAXIM that has arrays of these names and shapes.

    Each is what most arrays say, so that a few that are missing or wrong change nothing and are
    named. Raises WeightsError where hardly any array is MAXIM's.
    """
    flat = {re.sub("[/.]", "_", name): shape for name, shape in arrays}
    biases = {name: shape[0] for name, shape in flat.items() if len(shape) == 1}
    levels = rf"stage_\d_(?:en|de)coder_block_(\d)_(?:UNetEncoderBlock_0_)?Conv_0{_BIAS}"
    widths = [(size, int(level)) for (level,), size in _matching(levels, biases)]
    features = _most(size >> level for size, level in widths)
    attended = rf"stage_\d_encoder_block_0_\w+_channel_attention_Conv_0{_BIAS}"
    reduced = _most(size for _, size in _matching(attended, biases))
    channels = _most(size for _, size in _matching(rf"stage_\d_output_conv_\d{_BIAS}", biases))
    stages = _highest(r"stage_(\d)_encoder_block_\d_", flat)
    # An array that only claims a size must not make a network of it.
    values = sum(prod(shape) for shape in flat.values())
    if not (features and reduced and channels and stages) or 9 * features**2 > values:
        raise WeightsError(
            f"{file}: the arrays must be MAXIM's, as in its authors' checkpoint.npz; got "
            f"{len(flat)} of which hardly any is ({', '.join(sorted(flat)[:3]) or 'none at all'})."
        )
    groups = _highest(r"stage_\d_encoder_block_\d_SplitHeadMultiAxisGmlpLayer_(\d)_", flat)
    return {
        "features": features,
        "stages": stages,
        "groups": max(1, groups),
        "bottlenecks": max(1, _highest(r"stage_\d_global_block_(\d)_", flat)),
        "reduction": max(1, features // reduced),
        "channels": channels,
    }


def state(network: nn.Module, file: str, layout: Layout, arrays: Arrays) -> dict[str, Tensor]:
    """Return a network's tensors from a file's arrays, float32.

    Raises WeightsError that names every array that is missing, unknown, of another shape, or not
    of finite numbers with a point.
    """
    parts = list(_parts(network))
    if layout == "keras":
        arrays = _from_keras(arrays, [flax for _, flax, _, _ in parts])
    ours = layout == "ours"
    turned = {
        name if ours else flax: (name, (lambda array: array) if ours else there, back)
        for name, flax, (there, back), _ in parts
    }
    shapes = {
        (name if ours else flax): tuple(weight.shape) if ours else _shape(back, weight)
        for name, flax, (_, back), weight in parts
    }
    _check(file, arrays, shapes)
    return {
        name: torch.from_numpy(np.ascontiguousarray(there(arrays[key]), np.float32))
        for key, (name, there, _) in turned.items()
    }


def write(network: nn.Module, path: Path) -> None:
    """Write a network's parameters as the authors published theirs; the file appears whole."""
    arrays = {
        TARGET + flax: np.ascontiguousarray(back(weight.detach().cpu().numpy()))
        for _, flax, (_, back), weight in _parts(network)
    }
    data = BytesIO()
    np.savez(data, **arrays)  # type: ignore[arg-type]  # no parameter is called allow_pickle
    write_aside(path, data.getvalue())


def _parts(network: nn.Module) -> Iterator[tuple[str, str, _Turn, Tensor]]:
    """Yield of every parameter our name, Flax's, how it is turned, and itself."""
    for name, layer in network.named_modules():
        for part, weight in layer.named_parameters(recurse=False):
            flax, turn = "bias", _SAME
            if part == "weight":
                flax = "scale" if isinstance(layer, Norm) else "kernel"
                turn = next(_TURNS[kind] for kind in type(layer).__mro__ if kind in _TURNS)
            yield f"{name}.{part}", f"{name.replace('.', '/')}/{flax}", turn, weight


def _shape(back: Callable[[Array], Array], weight: Tensor) -> tuple[int, ...]:
    return back(np.broadcast_to(np.float32(0), tuple(weight.shape))).shape


def _check(file: str, arrays: Arrays, shapes: Mapping[str, tuple[int, ...]]) -> None:
    missing = [name for name in shapes if name not in arrays]
    unknown = [name for name in arrays if name not in shapes]
    known = {name: array for name, array in arrays.items() if name in shapes}
    other = [
        f"{name} must be {_size(shapes[name])}, is {_size(array.shape)}"
        for name, array in known.items()
        if array.shape != shapes[name]
    ]
    odd = [name for name, array in known.items() if not _finite(array)]
    faults = {"missing": missing, "unknown": unknown, "of another shape": other}
    faults |= {"not of finite numbers with a point": odd}
    said = [f"{what}: {', '.join(names)}" for what, names in faults.items() if names]
    if said:
        raise WeightsError(f"{file}: the arrays must be MAXIM's; {'; '.join(said)}.")


def _finite(array: Array) -> bool:
    """Return whether these are numbers with a point, finite in float32 too."""
    if not np.issubdtype(array.dtype, np.floating):
        return False
    with np.errstate(over="ignore"):
        return bool(np.isfinite(array.astype(np.float32, copy=False)).all())


def _size(shape: Iterable[int]) -> str:
    return "x".join(map(str, shape)) or "a number"


def _matching(
    pattern: str, sizes: Mapping[str, int]
) -> Iterator[tuple[tuple[str | Any, ...], int]]:
    found = ((re.search(pattern, name), size) for name, size in sizes.items())
    return ((match.groups(), size) for match, size in found if match)


def _most(values: Iterable[int]) -> int:
    """Return the commonest value, 0 of none."""
    return max(Counter(values).items(), key=lambda item: item[1], default=(0, 0))[0]


def _highest(pattern: str, names: Iterable[str]) -> int:
    """Return how many there are where the last number of a name counts from 0; 0 of none."""
    return max(
        (int(found[1]) + 1 for name in names if (found := re.match(pattern, name))), default=0
    )


def _from_npz(path: Path) -> Arrays:
    with np.load(path, allow_pickle=False) as arrays:
        names = [name for name in arrays.files if name.startswith(TARGET)] or arrays.files
        return {name.removeprefix(TARGET): arrays[name] for name in names}


def _from_safetensors(path: Path) -> Arrays:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        return dict(load_file(path))
    except SafetensorError as error:
        raise ValueError(str(error)) from error


def _from_h5(path: Path) -> Arrays:
    """Return the arrays by layer/part, Keras' words for parts put back into Flax's."""
    try:
        h5py = import_module("h5py")
    except ImportError as error:
        raise MissingExtra(
            f"{path.name}: Keras's files need h5py: pip install 'unsmear[keras]'; or name another "
            f"file."
        ) from error
    arrays: Arrays = {}

    def take(name: str, node: Any) -> None:
        if isinstance(node, h5py.Dataset) and not name.startswith("optimizer_weights/"):
            layer, _, part = name.removesuffix(":0").rpartition("/")
            part = {"gamma": "scale", "beta": "bias"}.get(part, part)
            arrays[f"{layer.rpartition('/')[2]}/{part}"] = np.asarray(node)

    with h5py.File(path, "r") as file:
        file.visititems(take)
    if any(name.startswith("vars/") for name in arrays):
        raise _nameless(path)
    return arrays


def _from_keras(arrays: Arrays, names: Iterable[str]) -> Arrays:
    """Name Keras' arrays as Flax does, and undo what the copy did to transposed convolutions.

    names: of Flax. Keras counts the enlargements from 1, or goes on from a model made before.
    """
    numbers = [int(found[1]) for name in arrays if (found := _ENLARGED.match(name))]
    by_flat = {name.replace("/", "_"): name for name in names}
    named = {}
    for name, array in arrays.items():
        first = _ENLARGED.match(name)
        counted = f"UpSampleRatio_{int(first[1]) - min(numbers)}_" if first else ""
        flat = (counted + name[first.end() :] if first else name).replace("/", "_")
        swap = "ConvTranspose_0/kernel" in name and array.ndim == 4
        named[by_flat.get(flat, name)] = array.swapaxes(2, 3) if swap else array
    return named


def _refuse_saved_model(path: Path) -> None:
    """Raise WeightsError for what Keras saves in other ways: folders and .keras archives."""
    folder = path.is_dir() and ((path / "saved_model.pb").exists() or path.name == "variables")
    if folder or path.suffix in (".keras", ".pb", ".index"):
        raise _nameless(path)


def _nameless(path: Path) -> WeightsError:
    return WeightsError(
        f"{path.name}: Keras' SavedModel, .keras and .weights.h5 keep no names of layers and are "
        f"not read; TensorFlow up to 2.15 writes the weights by name, and that file is read: "
        f"tf.keras.models.load_model(FOLDER).save_weights('maxim.h5')"
    )
