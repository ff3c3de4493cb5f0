"""Arrays by name in .npz, .h5, .safetensors and .pth files: what a file claims, and what it holds.

What is claimed of an array is known before it is read, so that a small file that unfolds to a giant
is found out first. Nothing is unpickled.
"""

from __future__ import annotations

import pickle
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from math import prod
from pathlib import Path
from tokenize import TokenError
from typing import Any, Literal

import numpy as np
import torch
from numpy.lib import format as npy
from numpy.typing import NDArray

from unsmear.errors import MissingExtra, UnsmearError, WeightsError

Array = NDArray[Any]
Format = Literal["npz", "h5", "safetensors", "pth"]

OPTIMISER = "optimizer_weights/"
"""Before every array of a .h5 file that is no parameter of the network."""
_DAMAGED = (
    OSError,
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    EOFError,
    RuntimeError,
    MemoryError,
    OverflowError,
    SyntaxError,
    TokenError,
    struct.error,
    zlib.error,
    zipfile.BadZipFile,
    pickle.UnpicklingError,
)


@dataclass(frozen=True)
class Stored:
    """An array in an open file.

    name: as the file has it. claim: returns an array of the shape and the dtype, whose numbers say
    nothing; it takes no memory. read: returns the array; numbers that NumPy does not know, such as
    bfloat16, are float32.
    """

    name: str
    claim: Callable[[], Array]
    read: Callable[[], Array]


@contextmanager
def opened(
    path: Path, kind: Format, damaged: str, install: str = "'unsmear[keras]'"
) -> Iterator[list[Stored]]:
    """Open a file of arrays; they are read as long as it is open.

    damaged: the sentence for a file that is damaged or of another kind, found out on opening or
    while an array is claimed or read. install: what brings h5py, for the sentence without it.

    Raises WeightsError with the sentence; MissingExtra for .h5 without h5py.
    """
    with refusing(damaged):
        if kind == "npz":
            with zipfile.ZipFile(path) as archive:
                yield [_of_npz(path, archive, entry) for entry in archive.infolist()]
        elif kind == "h5":
            with _h5py(path, install).File(path, "r") as file:
                yield _of_h5(file)
        else:
            tensors = _safetensors(path) if kind == "safetensors" else _torch(path)
            yield [_held(name, _numbers(tensor)) for name, tensor in tensors.items()]


@contextmanager
def refusing(damaged: str) -> Iterator[None]:
    """Make one sentence, a WeightsError, of all that reading a damaged file raises.

    The readers' own sentences are long, and torch's gives dangerous advice.
    """
    try:
        yield
    except UnsmearError:
        raise
    except _DAMAGED as error:
        raise WeightsError(damaged) from error


def kind_of(path: Path, otherwise: Format) -> Format:
    """Return a file's format by its first bytes: a download's name does not end as it should.

    otherwise: of a file that is neither .h5 nor .safetensors. Raises OSError.
    """
    with path.open("rb") as file:
        begins = file.read(9)
    if begins[:8] == b"\x89HDF\r\n\x1a\n":
        return "h5"
    return "safetensors" if begins[8:] == b"{" else otherwise


def _claim(shape: tuple[int, ...], dtype: Any) -> Array:
    return np.broadcast_to(np.zeros((), dtype), shape)


def _held(name: str, array: Array) -> Stored:
    return Stored(name, lambda: array, lambda: array)


def _of_npz(path: Path, archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Stored:
    def read() -> Array:
        with archive.open(entry) as file:
            array: Array = npy.read_array(file, allow_pickle=False)
            return array

    name = entry.filename.removesuffix(".npy")
    return Stored(name, partial(_header, path, archive, entry), read)


def _header(path: Path, archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Array:
    with archive.open(entry) as file:
        if file.read(len(npy.MAGIC_PREFIX)) != npy.MAGIC_PREFIX:
            raise WeightsError(f"{path.name}: {entry.filename} must be an array, got other bytes.")
        file.seek(0)
        old = npy.read_magic(file) == (1, 0)
        shape, _, dtype = (npy.read_array_header_1_0 if old else npy.read_array_header_2_0)(file)
        if dtype.hasobject or prod(shape) * dtype.itemsize != entry.file_size - file.tell():
            raise ValueError(f"{entry.filename} claims what it does not hold.")
    return _claim(shape, dtype)


def _of_h5(file: Any) -> list[Stored]:
    """Return the data sets by their whole names."""
    stored: list[Stored] = []

    def take(name: str, node: Any) -> None:
        if hasattr(node, "shape"):
            claim = partial(_claim, node.shape, node.dtype)
            stored.append(Stored(name, claim, partial(np.asarray, node)))

    file.visititems(take)
    return stored


def _h5py(path: Path, install: str) -> Any:
    try:
        return import_module("h5py")
    except ImportError as error:
        raise MissingExtra(
            f"{path.name}: Keras's files need h5py: pip install {install}; or name another file."
        ) from error


def _safetensors(path: Path) -> Mapping[str, torch.Tensor]:
    """Return the tensors themselves: such a file is as long as what it holds."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except SafetensorError as error:
        raise ValueError(str(error)) from error


def _torch(path: Path) -> Mapping[str, torch.Tensor]:
    """Return the tensors by name of a file of torch, out of the dictionary that wraps them."""
    from safetensors import SafetensorError

    try:
        arrays: Any = torch.load(path, map_location="cpu", weights_only=True)
    except SafetensorError as error:  # of torch too, of a file whose name ends so
        raise ValueError(str(error)) from error
    for wrapped in ("state_dict", "model"):
        arrays = arrays[wrapped] if isinstance(arrays.get(wrapped), Mapping) else arrays
    if not all(map(torch.is_tensor, arrays.values())):
        raise ValueError("not tensors by name")
    return dict(arrays)


def _numbers(tensor: torch.Tensor) -> Array:
    known = tensor.dtype in (torch.float16, torch.float32, torch.float64)
    numbers: Array = (tensor if known or not tensor.is_floating_point() else tensor.float()).numpy(
        force=True
    )
    return numbers
