"""A restorer's network as an ONNX file, and ONNX Runtime in PyTorch's place.

The file holds the network alone: what it is given (see `models.deep_wiener`) is measured and
filtered before, and tiles, levels and light are seen to after.
"""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from unsmear import checkpoint
from unsmear.classical.power import WORKERS
from unsmear.errors import MissingExtra, OptionError
from unsmear.images.files import write_aside
from unsmear.learned import network
from unsmear.learned.network import Array, Forward

INPUTS, OUTPUTS = ("versions", "constants"), ("restored", "scale")
AXES = {0: "planes", 2: "y", 3: "x"}
"""Of any size; y and x must be multiples of the network's stride."""
OPSET = 17
"""Of ONNX 1.12 and ONNX Runtime 1.12 (2022); the network needs nothing newer."""


def export(name: str | Path, path: str | Path) -> None:
    """Write the network of weights to an ONNX file, whole or not at all.

    name: of shipped weights, or a path as for `checkpoint.load`. path: ends in .onnx.
    Inputs, outputs and their shapes are those of `models.deep_wiener.DeepWiener.forward`. The
    file's metadata have the weights' name and sha256, the network's stride and halo in pixels, and
    `error_quantile`, which times the scale is half the width of a 90 % band.

    Raises OptionError for another ending, WeightsError for weights that are no restorer's, and
    MissingExtra without onnx.
    """
    path = Path(path)
    if path.suffix.lower() != ".onnx":
        raise OptionError(f"{path.name}: the file to export to must end in .onnx.")
    loaded = checkpoint.load(name)
    model = network.build(loaded)
    said = {
        "name": loaded.name,
        "sha256": loaded.card["sha256"],
        "stride": model.stride,
        "halo": model.halo,
        "error_quantile": network.error_quantile(loaded),
    }
    write_aside(path, to_bytes(model, said))


def session(model: Any) -> Forward:
    """Return the network as ONNX Runtime computes it, on all cores of this process.

    Raises MissingExtra without onnx or onnxruntime.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise _missing("ONNX Runtime needs onnxruntime") from error

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = WORKERS or 0
    options.enable_mem_pattern = False  # tiles differ in size
    providers = ["CPUExecutionProvider"]
    running = onnxruntime.InferenceSession(to_bytes(model), options, providers=providers)

    def forward(versions: Array, constants: Array) -> tuple[Array, Array]:
        inputs = (np.ascontiguousarray(versions), constants)
        restored, scale = running.run(OUTPUTS, dict(zip(INPUTS, inputs, strict=True)))
        return restored, scale

    return forward


def to_bytes(model: Any, said: dict[str, Any] | None = None) -> bytes:
    """Return the network as an ONNX file's bytes; `said` becomes its metadata.

    Raises MissingExtra without onnx.
    """
    try:
        import onnx
    except ImportError as error:
        raise _missing("ONNX files need onnx") from error
    graph = onnx.load_from_string(_traced(model))
    for output in graph.graph.output:
        output.type.tensor_type.shape.dim[1].dim_value = 1
    onnx.helper.set_model_props(graph, {key: str(value) for key, value in (said or {}).items()})
    onnx.checker.check_model(graph)
    return bytes(graph.SerializeToString())


def _traced(model: Any) -> bytes:
    import torch

    # Any small size will do; two planes, for an axis of one may be taken for a constant.
    side = 2 * model.stride
    example = torch.zeros(2, model.versions, side, side), torch.zeros(2, model.constants)
    file = io.BytesIO()
    with warnings.catch_warnings():
        # PyTorch calls its exporter of traces old. The new one gives the same network, takes half
        # a minute instead of a second, and writes to the terminal.
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.onnx.export(
            model.eval(),
            example,
            file,  # type: ignore[arg-type] # may be a file, which its annotation leaves out
            dynamo=False,
            opset_version=OPSET,
            input_names=list(INPUTS),
            output_names=list(OUTPUTS),
            dynamic_axes={"constants": {0: "planes"}} | dict.fromkeys(("versions", *OUTPUTS), AXES),
        )
    return file.getvalue()


def _missing(what: str) -> MissingExtra:
    return MissingExtra(f"{what}: pip install 'unsmear[onnx]'.")
