"""Writing of a package of bioimage.io: an ONNX file, its description, test tensors and a cover."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

from unsmear.atomic import write_aside
from unsmear.checkpoints import checkpoint, onnx_export, onnx_file
from unsmear.checkpoints.onnx_interface import Interface
from unsmear.errors import MissingExtra, OptionError, WeightsError, error_text, shown

ENDING = ".zip"
UNSAFE = re.compile(r"[^\w.+-]+")
"""What a file's name is not to hold."""
NETWORK = "network.onnx"
"""Name of the ONNX file in a package."""


def path_for(name: str | Path) -> Path:
    """Return where a package goes if nobody says: NAME.zip in the working folder.

    Raises OptionError if it exists, and WeightsError for weights that do not.
    """
    place, card = checkpoint.card_of(name)
    path = Path(f"{UNSAFE.sub('-', str(card.get('name', place)))}{ENDING}")
    if path.exists():
        raise OptionError(f"{path}: the file exists; name another with --output, or this one.")
    return path


def check(name: str | Path, path: str | Path) -> None:
    """Raise what `write` would raise before it traces the network."""
    onnx_export.check(name, path, ENDING)
    place, card = checkpoint.card_of(name)
    if card.get("task") == "classify" or card["network"] == "KernelNet":
        raise OptionError(
            f"{place}: a package must be made of a network that restores, got "
            f"{shown(card['network'])}; without --bioimageio it becomes an ONNX file."
        )
    try:
        import bioimageio.spec  # noqa: F401
    except ImportError as error:
        raise MissingExtra(
            f"Packages of bioimage.io need {error.name}: pip install 'unsmear[bioimageio]'."
        ) from error


def write(name: str | Path, path: str | Path) -> Path:
    """Write the package of a network that restores, completely or not at all; return its path.

    name: of shipped weights, or a path as for `checkpoint.load`. path: ends in .zip.

    Raises OptionError for a path of another ending and for a network that does not restore,
    WeightsError for a network that ONNX cannot represent, and MissingExtra without bioimageio.spec.
    """
    check(name, path)
    place, card = checkpoint.card_of(name)
    interface, data = onnx_export.exported(place, joined=True)
    with tempfile.TemporaryDirectory() as folder:
        package = _package(interface, data, card, Path(folder))

    def check_network(aside: Path) -> None:
        if onnx_file.read_package(aside) != data:
            raise WeightsError(
                f"{Path(path).name}: the package must hold the network as it was made."
            )

    write_aside(Path(path), package, check_network)
    return Path(path)


def _package(interface: Interface, data: bytes, card: Mapping[str, Any], folder: Path) -> bytes:
    """Return the bytes of a package, whose parts are first written to a folder."""
    from bioimageio.spec import ValidationContext, save_bioimageio_package_to_stream

    from unsmear.bioimageio import description, example, tensors

    network, stream = folder / NETWORK, BytesIO()
    network.write_bytes(data)
    test_tensors = example.of(interface, data, tensors.side(interface))
    try:
        with ValidationContext(perform_io_checks=False):  # which ask for the papers' addresses
            described = description.of(interface, network, card, test_tensors)
            save_bioimageio_package_to_stream(described, output_stream=stream)
    except ValueError as error:  # pydantic's own
        name, reason = card.get("name", NETWORK), error_text(error)
        raise WeightsError(f"{name}: bioimage.io cannot describe it ({reason}).") from error
    return stream.getvalue()
