"""Readers for the layouts of MAXIM's weights: arrays by the names that the layout uses.

See `convert_maxim` for the layouts.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from unsmear.checkpoints.arrays import OPTIMISER, Array, Format, Stored, kind_of, opened, refusing
from unsmear.errors import WeightsError

Arrays = dict[str, Array]

TARGET = "opt/target/"
"""Prefix of every parameter's name in a published checkpoint."""


def claims(path: Path) -> tuple[Format, Arrays]:
    """Return a file's format and placeholders of its arrays; see `arrays.Stored`.

    Raises WeightsError for a file that is missing, damaged or of another kind, or that has a name
    twice; MissingExtra for .h5 without h5py.
    """
    _refuse_saved_model(path)
    if not path.is_file():
        raise WeightsError(f"{path}: MAXIM's weights must be a file, got none of that name.")
    with refusing(_damaged(path)):
        kind = kind_of(path, "npz")
    with opened(path, kind, _damaged(path)) as stored:
        return kind, {name: array.claim() for name, array in _named(path, kind, stored).items()}


def load(path: Path, kind: Format, names: Collection[str]) -> Arrays:
    """Return the arrays of these names from `claims`; raises WeightsError for a damaged file."""
    with opened(path, kind, _damaged(path)) as stored:
        named = _named(path, kind, stored)
        return {name: array.read() for name, array in named.items() if name in names}


def _named(path: Path, kind: Format, stored: Sequence[Stored]) -> dict[str, Stored]:
    """Return the arrays of the network by name; each must be in the file once."""
    named: dict[str, Stored] = {}
    for array in _without_optimiser(kind, stored):
        name = array.name
        if kind == "npz":
            name = name.removeprefix(TARGET)
        elif kind == "h5":
            name = _in_flax(path, name)
        if name in named:
            raise WeightsError(f"{path.name}: {name} must be in the file once, got two.")
        named[name] = array
    return named


def _without_optimiser(kind: Format, stored: Sequence[Stored]) -> list[Stored]:
    if kind == "npz" and any(array.name.startswith(TARGET) for array in stored):
        return [array for array in stored if array.name.startswith(TARGET)]
    return [array for array in stored if kind != "h5" or not array.name.startswith(OPTIMISER)]


def _in_flax(path: Path, name: str) -> str:
    """Return the layer/part of a Keras data set, with Flax's names of the parts."""
    layer, _, part = name.removesuffix(":0").rpartition("/")
    part = {"gamma": "scale", "beta": "bias"}.get(part, part)
    if layer.rpartition("/")[2] == "vars":
        raise _nameless(path)
    return f"{layer.rpartition('/')[2]}/{part}"


def _damaged(path: Path) -> str:
    return (
        f"{path.name}: MAXIM's weights must be an .npz, .h5 or .safetensors file of arrays by "
        f"name and nothing else; this one is damaged or of another kind."
    )


def _refuse_saved_model(path: Path) -> None:
    """Raise WeightsError for Keras's other formats: SavedModel folders and .keras archives."""
    folder = path.is_dir() and ((path / "saved_model.pb").exists() or path.name == "variables")
    if folder or path.suffix in (".keras", ".pb", ".index"):
        raise _nameless(path)


def _nameless(path: Path) -> WeightsError:
    return WeightsError(
        f"{path.name}: Keras' SavedModel, .keras and .weights.h5 keep no names of layers and "
        f"cannot be read; TensorFlow up to 2.15 writes a file with names, which can be read: "
        f"tf.keras.models.load_model(FOLDER).save_weights('maxim.h5')"
    )
