"""Export of networks to ONNX files, for which PyTorch and onnx are needed.

A file holds the network alone. What is done before and after it, such as the Wiener filters of a
deep-wiener, the tiles and the flux, is code.
"""

from __future__ import annotations

import io
import json
import warnings
from collections.abc import Mapping
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from textwrap import shorten
from typing import Any

import numpy as np

from unsmear import models
from unsmear.atomic import write_aside
from unsmear.checkpoints import checkpoint, derived, loading, onnx_interface
from unsmear.checkpoints.checkpoint import DERIVED, Place
from unsmear.checkpoints.onnx_interface import Interface
from unsmear.errors import MissingExtra, OptionError, WeightsError, shown

ALIKE = 1e-3
"""Largest accepted difference between the outputs of file and network; rounding adds up in deep
networks."""
SHIPPED_ONLY = ("DeepWiener", "KernelNet")
"""Networks that are exported and not listed."""
NEEDED = {"torch": "PyTorch", "onnx": "onnx"}
"""Packages that trace a network and write its file, and how they are called."""
OPSET = 17
"""Version of the ONNX operators, that of ONNX 1.12 and ONNX Runtime 1.12 (2022)."""


def export(name: str | Path, path: str | Path | None = None) -> Path:
    """Write the network of weights to an ONNX file, completely or not at all; return its path.

    name: of shipped weights, or a path as for `checkpoint.load`. path: ends in .onnx; None writes
    the file beside the weights, from where the product runs it without PyTorch, and says so on
    their card. Raises as `check` does, and WeightsError for weights of a network that ONNX cannot
    represent.
    """
    check(name, path)
    place = checkpoint.locate(name)
    interface, data = exported(place)
    if path is not None:
        write_aside(Path(path), data)
        return Path(path)
    place, card = checkpoint.card_of(place)  # a training may have saved others meanwhile
    write_aside(derived.path_of(place), data)
    entry = {"sha256": sha256(data).hexdigest(), **interface.facts}
    checkpoint.write_card(place.path, {**card, DERIVED: entry})
    return derived.path_of(place)


def exported(place: Place, joined: bool = False) -> tuple[Interface, bytes]:
    """Return the network of weights as its file holds it, and the bytes of that file.

    joined: whether the inputs of a deep-wiener become one.

    The file's metadata are the weights' name and sha256, the network's facts (stride and halo in
    pixels, for a deep-wiener `error_quantile`, the factor from the scale to the half-width of a
    90 % prediction interval, for others `values`, those of black and white), and the weights' card
    with these facts as JSON, from which `checkpoint.read_card` reads them.
    """
    loaded = checkpoint.load(place)
    interface = onnx_interface.of(loaded)
    if joined and loaded.network == "DeepWiener":
        interface = onnx_interface.joined(interface)
    card = {"name": loaded.name, **loaded.card, DERIVED: dict(interface.facts)}
    origin = {"name": loaded.name, "sha256": loaded.card["sha256"]}
    return interface, to_bytes(interface, {**origin, checkpoint.CARD: json.dumps(card)})


def check(name: str | Path, path: str | Path | None = None, ending: str = derived.ENDING) -> None:
    """Raise what `export` would raise before it traces the network.

    OptionError for a path of another ending, WeightsError for what has no network that can be
    exported, and MissingExtra without PyTorch and onnx.
    """
    if path is not None and Path(path).suffix.lower() != ending:
        raise OptionError(f"{Path(path).name}: the file to export to must end in {ending}.")
    if path is not None and Path(path).is_dir():
        raise OptionError(f"{Path(path).name}: the file to export to must not be a folder.")
    place, card = checkpoint.card_of(name)
    if place.is_one_file:
        raise WeightsError(f"{place}: the network is exported already; give its weights.")
    known = (*SHIPPED_ONLY, *models.names(), *models.classifiers())
    if card["network"] not in known:
        raise WeightsError(
            f"{place}: a network to export must restore or classify, got {shown(card['network'])}."
        )
    for package, called in NEEDED.items():
        if find_spec(package) is None:
            raise MissingExtra(f"An export needs {called}: pip install 'unsmear[onnx]'.")


def to_bytes(interface: Interface, metadata: Mapping[str, Any]) -> bytes:
    """Return the bytes of an ONNX file, with this metadata beside the network's facts.

    Raises MissingExtra without onnx or onnxruntime, and WeightsError for a network that ONNX cannot
    represent, or only for one size.
    """
    try:
        import onnx
        import onnxruntime  # noqa: F401 -- the file is checked with it
    except ImportError as error:
        raise MissingExtra(f"ONNX files need {error.name}: pip install 'unsmear[onnx]'.") from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about what a trace may lose, which is checked below
            graph = onnx.load_from_string(_traced(interface))
    except (RuntimeError, ValueError, TypeError) as error:
        reason = shorten(str(error), loading.LONGEST, placeholder=" ...")
        raise WeightsError(
            f"{interface.named}: the network must be made of what ONNX {OPSET} knows; {reason}"
        ) from error
    for output in graph.graph.output:
        if output.name in interface.channels:
            output.type.tensor_type.shape.dim[1].dim_value = interface.channels[output.name]
    properties = {**metadata, **{name: _text(value) for name, value in interface.facts.items()}}
    onnx.helper.set_model_props(graph, {key: str(value) for key, value in properties.items()})
    onnx.checker.check_model(graph)
    data = bytes(graph.SerializeToString())
    _check(data, interface)
    return data


def _text(value: Any) -> str:
    if value is None:
        return "the whole image"
    return " ".join(map(str, value)) if isinstance(value, tuple | list) else str(value)


def _check(data: bytes, interface: Interface) -> None:
    """Raise WeightsError if file and network give different results at another size.

    What Python computes from the size of the example becomes a constant in a trace.
    """
    import torch

    with torch.inference_mode():
        expected = interface.module(*interface.checked)
    expected = (expected,) if isinstance(expected, torch.Tensor) else expected
    given = {
        name: value.numpy() for name, value in zip(interface.inputs, interface.checked, strict=True)
    }
    try:
        outputs = derived.start(data)(given)
        same = all(
            np.allclose(ours, theirs.numpy(), atol=ALIKE, rtol=ALIKE)
            for ours, theirs in zip(outputs, expected, strict=True)
        )
    except Exception:  # ONNX Runtime's own errors have no other common base class
        same = False
    if not same:
        raise WeightsError(
            f"{interface.named}: the network must be traced to the same at every "
            "size, got one that works with its input's shape in Python."
        )


def _traced(interface: Interface) -> bytes:
    import torch

    file = io.BytesIO()
    # PyTorch deprecates its exporter of traces. The new one gives the same network, but takes half
    # a minute instead of a second, and writes to the terminal.
    torch.onnx.export(
        interface.module.eval(),
        interface.traced,
        file,  # type: ignore[arg-type] # may be a file, which its annotation leaves out
        dynamo=False,
        opset_version=OPSET,
        input_names=list(interface.inputs),
        output_names=list(interface.outputs),
        dynamic_axes={name: dict(sides) for name, sides in interface.axes.items()},
    )
    return file.getvalue()
