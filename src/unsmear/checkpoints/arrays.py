"""Arrays by name in .npz, .h5 and .safetensors: what a file claims to hold, and what it holds.

What is claimed is known before any array is read, so that a small file that unfolds to a giant is
found out first. The layouts are told apart by the file's first bytes. Nothing is unpickled.
"""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from importlib import import_module
from math import prod
from pathlib import Path
from tokenize import TokenError
from typing import Any, Literal

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from unsmear.errors import MissingExtra, WeightsError

Array = NDArray[Any]
Arrays = dict[str, Array]
Layout = Literal["flax", "keras", "ours"]

TARGET = "opt/target/"
"""Before every parameter of a published checkpoint."""
_DAMAGED = (
    OSError,
    ValueError,
    KeyError,
    TypeError,
    EOFError,
    RuntimeError,
    MemoryError,
    OverflowError,
    SyntaxError,
    TokenError,
    struct.error,
    zlib.error,
    zipfile.BadZipFile,
)


def claims(path: Path) -> tuple[Layout, Arrays]:
    """Return whose names and axes a file's arrays have, and what they are claimed to be.

    A claim is an array of the shape and the dtype, whose numbers say nothing: it takes no memory.

    Raises WeightsError for a file that is missing, damaged or of another kind, and where a name is
    there twice; MissingExtra for .h5 without h5py.
    """
    _refuse_saved_model(path)
    if not path.is_file():
        raise WeightsError(f"{path}: MAXIM's weights must be a file, got none of that name.")
    with _whole(path):
        layout = _layout(path)
        return layout, _CLAIMS[layout](path)


def load(path: Path, layout: Layout, names: Collection[str]) -> Arrays:
    """Return the arrays of these names, which `claims` knew; raises WeightsError where damaged."""
    with _whole(path):
        return _LOADS[layout](path, names)


def _layout(path: Path) -> Layout:
    with path.open("rb") as file:
        magic = file.read(8)
    if magic == b"\x89HDF\r\n\x1a\n":
        return "keras"
    return "ours" if path.suffix == ".safetensors" else "flax"


@contextmanager
def _whole(path: Path) -> Iterator[None]:
    """Make one sentence of all that reading a damaged file raises."""
    try:
        yield
    except _DAMAGED as error:
        if isinstance(error, WeightsError):
            raise
        raise WeightsError(
            f"{path.name}: MAXIM's weights must be an .npz, .h5 or .safetensors file of arrays by "
            f"name and nothing else; this one is damaged or of another kind."
        ) from error


def _claim(shape: tuple[int, ...], dtype: Any) -> Array:
    return np.broadcast_to(np.zeros((), dtype), shape)


def _keep(path: Path, found: dict[str, Any], name: str, item: Any) -> None:
    if name in found:
        raise WeightsError(f"{path.name}: {name} must be there once, got two of that name.")
    found[name] = item


def _entries(path: Path, archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """Return the entries by name: all, or those of the network where an optimiser is there too."""
    found: dict[str, zipfile.ZipInfo] = {}
    listed = archive.infolist()
    target = any(entry.filename.startswith(TARGET) for entry in listed)
    for entry in listed:
        if not target or entry.filename.startswith(TARGET):
            _keep(path, found, entry.filename.removeprefix(TARGET).removesuffix(".npy"), entry)
    return found


def _claims_of_npz(path: Path) -> Arrays:
    with zipfile.ZipFile(path) as archive:
        return {
            name: _header(path, archive, entry) for name, entry in _entries(path, archive).items()
        }


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


def _load_npz(path: Path, names: Collection[str]) -> Arrays:
    arrays = {}
    with zipfile.ZipFile(path) as archive:
        for name, entry in _entries(path, archive).items():
            if name in names:
                with archive.open(entry) as file:
                    arrays[name] = npy.read_array(file, allow_pickle=False)
    return arrays


def _claims_of_safetensors(path: Path) -> Arrays:
    """Return the arrays themselves: such a file is as long as what it holds."""
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        return dict(load_file(path))
    except SafetensorError as error:
        raise ValueError(str(error)) from error


def _load_safetensors(path: Path, names: Collection[str]) -> Arrays:
    arrays = _claims_of_safetensors(path)
    return {name: array for name, array in arrays.items() if name in names}


def _claims_of_h5(path: Path) -> Arrays:
    with h5py_for(path).File(path, "r") as file:
        found = _datasets(path, file)
        return {name: _claim(node.shape, node.dtype) for name, node in found.items()}


def _load_h5(path: Path, names: Collection[str]) -> Arrays:
    with h5py_for(path).File(path, "r") as file:
        found = _datasets(path, file)
        return {name: np.asarray(node) for name, node in found.items() if name in names}


def _datasets(path: Path, file: Any) -> dict[str, Any]:
    """Return the data sets by layer/part, Keras' words for parts put back into Flax's."""
    found: dict[str, Any] = {}

    def take(name: str, node: Any) -> None:
        if hasattr(node, "shape") and not name.startswith("optimizer_weights/"):
            layer, _, part = name.removesuffix(":0").rpartition("/")
            part = {"gamma": "scale", "beta": "bias"}.get(part, part)
            if layer.rpartition("/")[2] == "vars":
                raise _nameless(path)
            _keep(path, found, f"{layer.rpartition('/')[2]}/{part}", node)

    file.visititems(take)
    return found


def h5py_for(path: Path) -> Any:
    """Return h5py to read a file of Keras with; raises MissingExtra, naming the file, without."""
    try:
        return import_module("h5py")
    except ImportError as error:
        raise MissingExtra(
            f"{path.name}: Keras's files need h5py: pip install 'unsmear[keras]'; or name another "
            f"file."
        ) from error


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


_CLAIMS: dict[Layout, Callable[[Path], Arrays]] = {
    "flax": _claims_of_npz,
    "keras": _claims_of_h5,
    "ours": _claims_of_safetensors,
}
_LOADS: dict[Layout, Callable[[Path, Collection[str]], Arrays]] = {
    "flax": _load_npz,
    "keras": _load_h5,
    "ours": _load_safetensors,
}
