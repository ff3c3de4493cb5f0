"""Named arrays in .npz, .h5, .safetensors and .pth files: their declared and their real contents.

The shape and dtype that a file declares for an array are known before the array is read, so that a
small compressed file cannot expand to a huge array unnoticed. Nothing is unpickled; see
`torch_file` for .pth.
"""

from __future__ import annotations

import lzma
import struct
import warnings
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

from unsmear import plain_files
from unsmear.checkpoints import torch_file
from unsmear.errors import MissingExtra, UnsmearError, WeightsError

Array = NDArray[Any]
Format = Literal["npz", "h5", "safetensors", "pth"]

OPTIMISER = "optimizer_weights/"
"""Prefix of the arrays in a .h5 file that belong to the optimiser, not to the network."""
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
    lzma.LZMAError,
    zipfile.BadZipFile,
)


@dataclass(frozen=True)
class Stored:
    """An array in an open file.

    name: its name in the file. claim: returns a placeholder of the declared shape and dtype, which
    takes no memory. read: returns the array; dtypes that NumPy does not know, such as bfloat16,
    become float32.
    """

    name: str
    claim: Callable[[], Array]
    read: Callable[[], Array]


@contextmanager
def opened(
    path: Path, kind: Format, damaged: str, install: str = "'unsmear[keras]'"
) -> Iterator[list[Stored]]:
    """Open a file of arrays, which can be read inside the context.

    damaged: the error message for a file that is damaged or of another kind, on opening or on
    reading an array. install: what to install for h5py, for the error message without it.

    Raises WeightsError with this message; MissingExtra for .h5 without h5py.
    """
    with refusing(damaged):
        plain_files.check(path)
        if kind == "npz":
            with zipfile.ZipFile(path) as archive:
                yield [_of_npz(path, archive, entry) for entry in archive.infolist()]
        elif kind == "h5":
            with _h5py(path, install).File(path, "r") as file:
                yield _of_h5(file)
        elif kind == "pth":
            tensors = torch_file.read(path)
            yield [_of_torch(name, tensor) for name, tensor in tensors.items()]
        else:
            yield [_held(name, _numbers(tensor)) for name, tensor in _safetensors(path).items()]


@contextmanager
def refusing(damaged: str) -> Iterator[None]:
    """Replace all errors from reading a damaged file by a WeightsError with one message."""
    try:
        yield
    except UnsmearError:
        raise
    except _DAMAGED as error:
        raise WeightsError(damaged) from error


def kind_of(path: Path, otherwise: Format) -> Format:
    """Return a file's format by its first bytes, since a partial download has another suffix.

    otherwise: format of a file that is neither .h5 nor .safetensors. Raises OSError.
    """
    plain_files.check(path)
    with path.open("rb") as file:
        head = file.read(9)
    if head[:8] == b"\x89HDF\r\n\x1a\n":
        return "h5"
    return "safetensors" if head[8:] == b"{" else otherwise


def _claim(shape: tuple[int, ...], dtype: Any) -> Array:
    return np.broadcast_to(np.zeros((), dtype), shape)


def _held(name: str, array: Array) -> Stored:
    return Stored(name, lambda: array, lambda: array)


def _of_torch(name: str, tensor: torch_file.Tensor) -> Stored:
    return Stored(name, partial(_claim, tensor.shape, tensor.dtype), tensor.read)


def _of_npz(path: Path, archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Stored:
    def read() -> Array:
        with archive.open(entry) as file:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # as for the header
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
        header = npy.read_array_header_1_0 if old else npy.read_array_header_2_0
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on headers as Python 2 wrote them
            shape, _, dtype = header(file)
        if dtype.hasobject or prod(shape) * dtype.itemsize != entry.file_size - file.tell():
            raise ValueError(f"{entry.filename} has another size than it declares.")
    return _claim(shape, dtype)


def _of_h5(file: Any) -> list[Stored]:
    """Return the data sets by their full names."""
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
            f"{path.name}: Keras's files need h5py: pip install {install}; or use another file."
        ) from error


def _safetensors(path: Path) -> Mapping[str, torch.Tensor]:
    """Return the tensors; a .safetensors file is not compressed, so it needs no size check."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except SafetensorError as error:
        raise ValueError(str(error)) from error


def _numbers(tensor: torch.Tensor) -> Array:
    known = tensor.dtype in (torch.float16, torch.float32, torch.float64)
    numbers: Array = (tensor if known or not tensor.is_floating_point() else tensor.float()).numpy(
        force=True
    )
    return numbers
