"""Converter of MAXIM's weights: the authors' checkpoint.npz, copies of it in Keras, and our own.

Three layouts are read (`maxim_layouts` opens the files):

- Flax: a/b/kernel, bias and scale, in .npz, mostly behind opt/target/: what else an optimiser
  left in the file (opt/state/...) is not even read;
- Keras: the same numbers in .h5 (needs h5py), by names of one level: a_b/a_b/kernel:0. The
  transposed convolutions have their last two axes exchanged there and nothing else, though Keras
  would need them flipped too; exchanging them back restores the authors' network;
- ours: a.b.weight and a.b.bias, in .safetensors.

How the axes of an array are permuted follows from the kind of its layer.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from io import BytesIO
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from unsmear.atomic import write_aside
from unsmear.checkpoints import maxim_layouts
from unsmear.checkpoints.arrays import Array, Format
from unsmear.checkpoints.maxim_layouts import TARGET, Arrays
from unsmear.errors import OptionError, WeightsError
from unsmear.models.maxim import MAXIM
from unsmear.models.maxim_layers import Conv, Dense, Mix, Norm, Pointwise, Up

_BIAS = "_bias$"
_ENLARGED = re.compile(r"^UpSampleRatio_(\d+)_")
_Convert = Callable[[Array], Array]
_Conversion = tuple[_Convert, _Convert]
_SAME: _Conversion = (lambda array: array, lambda array: array)
_CONVERSIONS: dict[type, _Conversion] = {
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
"""Functions from Flax's array to ours and back, by the kind of layer."""


def from_flax(path: str | Path) -> MAXIM:
    """Return the network with the weights of a file, in evaluation mode, float32.

    path: of a published checkpoint.npz of any network size; of a Keras copy of it, .h5; or of our
    own .safetensors. The network's size follows from the names and shapes of the arrays.

    Raises WeightsError for a file that is missing, damaged or of another kind, and for arrays that
    are missing, unknown, of another shape or not finite, all of them named; MissingExtra for .h5
    without h5py.
    """
    path = Path(path)
    layout, claims = maxim_layouts.claims(path)
    shapes = ((name, claim.shape) for name, claim in claims.items())
    options = size_of(path.name, shapes)
    try:
        with torch.device("meta"):  # no memory or random weights before the arrays are checked
            network = MAXIM(**options)
    except OptionError as error:
        raise WeightsError(f"{path.name}: the arrays must be MAXIM's; {error}") from error
    network.load_state_dict(state(network, path, layout, claims), assign=True)
    return network.eval()


def to_flax(network: MAXIM, path: str | Path) -> None:
    """Write a network's weights as an .npz in the layout of the published ones.

    The file appears whole or not at all. Raises ImageError where it cannot be written.
    """
    write(network, Path(path))


def size_of(file: str, arrays: Iterable[tuple[str, tuple[int, ...]]]) -> dict[str, int]:
    """Return the options of the MAXIM that has arrays of these names and shapes.

    Each option is decided by a majority of the arrays, so that a few missing or wrong arrays do not
    change it and can be named. Raises WeightsError where hardly any array is MAXIM's.
    """
    flat = {re.sub("[/.]", "_", name): shape for name, shape in arrays}
    biases = {name: shape[0] for name, shape in flat.items() if len(shape) == 1}
    levels = rf"stage_\d+_(?:en|de)coder_block_(\d)_(?:UNetEncoderBlock_0_)?Conv_0{_BIAS}"
    widths = [(size, int(level)) for (level,), size in _matching(levels, biases)]
    features = _most(size >> level for size, level in widths)
    attended = rf"stage_\d+_encoder_block_0_\w+_channel_attention_Conv_0{_BIAS}"
    reduced = _most(size for _, size in _matching(attended, biases))
    channels = _most(size for _, size in _matching(rf"stage_\d+_output_conv_\d{_BIAS}", biases))
    stages = _counted(r"stage_(\d+)_encoder_block_\d_", flat)
    # An array that only declares a size must not determine the size of the network.
    values = sum(prod(shape) for shape in flat.values())
    if not (features and reduced and channels and stages) or 9 * features**2 > values:
        raise WeightsError(
            f"{file}: the arrays must be MAXIM's, as in its authors' checkpoint.npz; got "
            f"{len(flat)}, of which hardly any is ({', '.join(sorted(flat)[:3]) or 'none at all'})."
        )
    groups = _counted(r"stage_\d+_encoder_block_\d_SplitHeadMultiAxisGmlpLayer_(\d+)_", flat)
    return {
        "features": features,
        "stages": stages,
        "groups": max(1, groups),
        "bottlenecks": max(1, _counted(r"stage_\d+_global_block_(\d+)_", flat)),
        "reduction": max(1, features // reduced),
        "channels": channels,
    }


def state(network: nn.Module, path: Path, layout: Format, claims: Arrays) -> dict[str, Tensor]:
    """Return a network's tensors from a file, float32; only arrays that match it are read.

    layout, claims: as `maxim_layouts.claims` returns them.

    Raises WeightsError that names every array that is missing, unknown, of another shape, or not
    of finite floating-point numbers.
    """
    wanted = _wanted(network, layout)
    called = _called(path, claims, (flax for _, flax, _, _ in _parts(network)), layout)
    claimed = {called[key]: _swapped(key, claims[key], layout) for key in claims}
    fit = {key for key, name in called.items() if name in wanted and _fits(claimed, wanted, name)}
    read = maxim_layouts.load(path, layout, fit)
    named = claimed | {called[key]: _swapped(key, read[key], layout) for key in read}
    _check(path.name, named, {name: shape for name, (_, _, shape) in wanted.items()})
    return {
        ours: torch.from_numpy(np.array(convert(named[name]), np.float32, order="C"))
        for name, (ours, convert, _) in wanted.items()
    }


def write(network: nn.Module, path: Path) -> None:
    """Write a network's parameters as the authors published theirs; the file appears whole.

    They are float32, as theirs are, or float64 where the network is.
    """
    arrays = {
        TARGET + flax: np.ascontiguousarray(invert(_numbers(weight)))
        for _, flax, (_, invert), weight in _parts(network)
    }
    data = BytesIO()
    np.savez(data, **arrays)  # type: ignore[arg-type]  # no parameter is called allow_pickle
    write_aside(path, data.getvalue())


def _numbers(weight: Tensor) -> Array:
    """Return a parameter's numbers; NumPy has no bfloat16."""
    values = weight.detach().cpu()
    return (values if values.dtype == torch.float64 else values.float()).numpy()


def _wanted(network: nn.Module, layout: Format) -> dict[str, tuple[str, _Convert, tuple[int, ...]]]:
    """Return by the name in a file: our name, the array's conversion, and its shape in the file."""
    if layout == "safetensors":
        return {ours: (ours, _SAME[0], tuple(own.shape)) for ours, _, _, own in _parts(network)}
    return {
        flax: (ours, convert, _shape(invert, weight))
        for ours, flax, (convert, invert), weight in _parts(network)
    }


def _fits(
    claimed: Arrays, wanted: Mapping[str, tuple[Any, Any, tuple[int, ...]]], name: str
) -> bool:
    return claimed[name].shape == wanted[name][2] and _pointed(claimed[name])


def _parts(network: nn.Module) -> Iterator[tuple[str, str, _Conversion, Tensor]]:
    """Yield of every parameter our name, Flax's name, its conversion, and itself."""
    for name, layer in network.named_modules():
        for part, weight in layer.named_parameters(recurse=False):
            flax, conversion = "bias", _SAME
            if part == "weight":
                flax = "scale" if isinstance(layer, Norm) else "kernel"
                conversion = next(
                    _CONVERSIONS[kind] for kind in type(layer).__mro__ if kind in _CONVERSIONS
                )
            yield f"{name}.{part}", f"{name.replace('.', '/')}/{flax}", conversion, weight


def _shape(invert: Callable[[Array], Array], weight: Tensor) -> tuple[int, ...]:
    return invert(np.broadcast_to(np.float32(0), tuple(weight.shape))).shape


def _check(file: str, arrays: Arrays, shapes: Mapping[str, tuple[int, ...]]) -> None:
    missing = [name for name in shapes if name not in arrays]
    unknown = [name for name in arrays if name not in shapes]
    known = {name: array for name, array in arrays.items() if name in shapes}
    misshapen = [
        f"{name} must be {_size(shapes[name])}, is {_size(array.shape)}"
        for name, array in known.items()
        if array.shape != shapes[name]
    ]
    not_finite = [
        name
        for name, array in known.items()
        if not _pointed(array) or (array.shape == shapes[name] and not _finite(array))
    ]
    faults = {"missing": missing, "unknown": unknown, "of another shape": misshapen}
    faults |= {"not of finite floating-point numbers": not_finite}
    clauses = [f"{what}: {', '.join(names)}" for what, names in faults.items() if names]
    if clauses:
        raise WeightsError(f"{file}: the arrays must be MAXIM's; {'; '.join(clauses)}.")


def _pointed(array: Array) -> bool:
    """Return whether these are floating-point numbers."""
    return bool(np.issubdtype(array.dtype, np.floating))


def _finite(array: Array) -> bool:
    """Return whether these are finite in float32 too."""
    with np.errstate(over="ignore"):
        return bool(np.isfinite(array.astype(np.float32, copy=False)).all())


def _size(shape: Iterable[int]) -> str:
    return "x".join(map(str, shape)) or "a number"


def _matching(
    pattern: str, sizes: Mapping[str, int]
) -> Iterator[tuple[tuple[str | Any, ...], int]]:
    matches = ((re.search(pattern, name), size) for name, size in sizes.items())
    return ((match.groups(), size) for match, size in matches if match)


def _most(values: Iterable[int]) -> int:
    """Return the commonest value, 0 of none."""
    return max(Counter(values).items(), key=lambda item: item[1], default=(0, 0))[0]


def _counted(pattern: str, names: Iterable[str]) -> int:
    """Return how many different numbers the names have; a single large number adds only one."""
    return len({match[1] for name in names if (match := re.match(pattern, name))})


def _called(
    path: Path, keys: Iterable[str], names: Iterable[str], layout: Format
) -> dict[str, str]:
    """Return the names of a file's arrays in our terms: Flax's name for Keras, else unchanged.

    names: of Flax. Keras numbers the enlargements from 1, or on from a model built before.
    Raises WeightsError where two arrays have the same name.
    """
    keys = list(keys)
    if layout != "h5":
        return {key: key for key in keys}
    first = min((int(match[1]) for key in keys if (match := _ENLARGED.match(key))), default=0)
    by_flat = {name.replace("/", "_"): name for name in names}
    called: dict[str, str] = {}
    for key in keys:
        flat = _ENLARGED.sub(lambda match: f"UpSampleRatio_{int(match[1]) - first}_", key)
        called[key] = by_flat.get(flat.replace("/", "_"), key)
    if twice := [name for name, count in Counter(called.values()).items() if count > 1]:
        raise WeightsError(f"{path.name}: {', '.join(twice)} must be in the file once, got two.")
    return called


def _swapped(key: str, array: Array, layout: Format) -> Array:
    """Undo what the Keras copy did to transposed convolutions."""
    swap = layout == "h5" and "ConvTranspose_0/kernel" in key and array.ndim == 4
    return array.swapaxes(2, 3) if swap else array
