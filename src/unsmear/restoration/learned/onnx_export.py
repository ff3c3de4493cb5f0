"""Export of a restorer's network to an ONNX file, and inference with ONNX Runtime.

The file holds the network alone. A deep-wiener's inputs (see `models.deep_wiener`) are measured and
filtered before it; tiles, levels and flux are handled after it.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import shorten
from typing import Any

import numpy as np

from unsmear import models
from unsmear.atomic import write_aside
from unsmear.checkpoints import checkpoint
from unsmear.errors import MissingExtra, OptionError, WeightsError
from unsmear.restoration.classical.power_spectrum import WORKERS
from unsmear.restoration.learned import blocks, loading
from unsmear.restoration.learned.blocks import Array, Forward

INPUTS, OUTPUTS = ("versions", "constants"), ("restored", "scale")
"""Names of a deep-wiener's inputs and outputs."""
SIDES = {0: "planes", 2: "y", 3: "x"}
"""Axes of variable size; y and x must be multiples of the network's stride."""
TRACED, CHECKED = (128, 128), (72, 136)
"""Sides of the example with which a listed network is traced, and of that with which the file is
checked, pixels, rounded up to whole strides. The deepest level must have something to mirror."""
ALIKE = 1e-3
"""Largest accepted difference between the outputs of file and network; rounding adds up in deep
networks."""
OPSET = 17
"""Version of the ONNX operators, that of ONNX 1.12 and ONNX Runtime 1.12 (2022)."""


def export(name: str | Path, path: str | Path) -> None:
    """Write the network of weights to an ONNX file, completely or not at all.

    name: of shipped weights, or a path as for `checkpoint.load`. path: ends in .onnx.
    Inputs, outputs and their shapes are those of the network's `forward`: of
    `models.deep_wiener.DeepWiener`, or `restored` from `blurred`, both (planes, channel, y, x) in
    the network's own values. The file's metadata are the weights' name and sha256, and the
    network's stride and halo in pixels; for a deep-wiener also `error_quantile`, the factor from
    the scale to the half-width of a 90 % prediction interval; for others `values`, those of black
    and white.

    Raises OptionError for another ending, WeightsError for weights of no restorer or a network that
    ONNX cannot represent, and MissingExtra without onnx.
    """
    path = Path(path)
    if path.suffix.lower() != ".onnx":
        raise OptionError(f"{path.name}: the file to export to must end in .onnx.")
    loaded = checkpoint.load(name)
    wiener = loaded.network == "DeepWiener"
    model: Any = loading.build_deep_wiener(loaded) if wiener else loading.build_network(loaded)
    metadata = {
        "name": loaded.name,
        "sha256": loaded.card["sha256"],
        "stride": model.stride,
        "halo": "the whole image" if model.halo is None else model.halo,
    }
    if wiener:
        metadata["error_quantile"] = loading.error_quantile(loaded)
        write_aside(path, to_bytes(model, metadata))
    else:
        metadata["values"] = " ".join(map(str, model.values))
        write_aside(path, plain_to_bytes(model, metadata))


def session(model: Any) -> Forward:
    """Return the network's forward function by ONNX Runtime, on all cores of this process.

    Raises MissingExtra without onnx or onnxruntime.
    """
    running = _start(_runtime(), to_bytes(model))

    def forward(versions: Array, constants: Array) -> tuple[Array, Array]:
        inputs = (np.ascontiguousarray(versions), constants)
        restored, scale = running.run(OUTPUTS, dict(zip(INPUTS, inputs, strict=True)))
        return restored, scale

    return forward


def _runtime() -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise _missing("ONNX Runtime needs onnxruntime") from error
    return onnxruntime


def _start(onnxruntime: Any, data: bytes) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = WORKERS or 0
    options.enable_mem_pattern = False  # tiles differ in size
    return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])


def to_bytes(model: Any, metadata: dict[str, Any] | None = None) -> bytes:
    """Return a deep-wiener's network as the bytes of an ONNX file with this metadata.

    Raises MissingExtra without onnx.
    """
    import torch

    # Any small size works. Two planes, because an axis of size one may be traced as a constant.
    side = 2 * model.stride
    example = torch.zeros(2, model.versions, side, side), torch.zeros(2, model.constants)
    axes = {"constants": {0: "planes"}} | dict.fromkeys(("versions", *OUTPUTS), SIDES)
    return _file(model, example, INPUTS, dict.fromkeys(OUTPUTS, 1), axes, metadata or {})


def plain_to_bytes(model: Any, metadata: dict[str, Any] | None = None) -> bytes:
    """Return a listed network as the bytes of an ONNX file with this metadata.

    Raises MissingExtra without onnx or onnxruntime, and WeightsError for a network that ONNX cannot
    represent, or only for one size.
    """
    import torch

    example = torch.rand(2, model.channels, *_sides(model, TRACED))
    axes = dict.fromkeys(("blurred", "restored"), SIDES)
    outputs = {"restored": model.channels}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about what a trace may lose, which is checked below
            data = _file(_last(model), (example,), ("blurred",), outputs, axes, metadata or {})
    except (RuntimeError, ValueError, TypeError) as error:
        reason = shorten(str(error), loading.LONGEST, placeholder=" ...")
        raise WeightsError(
            f"{type(model).__name__}: the network must be made of what ONNX {OPSET} knows; {reason}"
        ) from error
    _check(data, model)
    return data


def _sides(model: Any, pixels: tuple[int, int]) -> list[int]:
    return [blocks.reach(side, model.stride) for side in pixels]


def _last(model: Any) -> Any:
    """Return the network with its result as its only output; some have an output per scale."""
    from torch import Tensor, nn

    class Last(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = model

        def forward(self, blurred: Tensor) -> Any:
            return models.final(self.network(blurred))

    return Last()


def _check(data: bytes, model: Any) -> None:
    """Raise WeightsError if file and network give different results at another size.

    What Python computes from the size of the example becomes a constant in a trace.
    """
    import torch

    blurred = torch.rand(1, model.channels, *_sides(model, CHECKED))
    with torch.inference_mode():
        expected = models.final(model(blurred)).numpy()
    running = _start(_runtime(), data)
    try:
        (restored,) = running.run(None, {"blurred": blurred.numpy()})
        same = np.allclose(restored, expected, atol=ALIKE, rtol=ALIKE)
    except Exception:  # ONNX Runtime's own errors have no other common base class
        same = False
    if not same:
        raise WeightsError(
            f"{type(model).__name__}: the network must be traced to the same at every size, "
            "got one that works with its input's shape in Python."
        )


def _file(
    model: Any,
    example: tuple[Any, ...],
    inputs: Sequence[str],
    outputs: Mapping[str, int],
    axes: Mapping[str, Mapping[int, str]],
    metadata: Mapping[str, Any],
) -> bytes:
    """Return the file; outputs: the number of channels of each."""
    try:
        import onnx
    except ImportError as error:
        raise _missing("ONNX files need onnx") from error
    graph = onnx.load_from_string(_traced(model, example, inputs, list(outputs), axes))
    for output in graph.graph.output:
        output.type.tensor_type.shape.dim[1].dim_value = outputs[output.name]
    onnx.helper.set_model_props(graph, {key: str(value) for key, value in metadata.items()})
    onnx.checker.check_model(graph)
    return bytes(graph.SerializeToString())


def _traced(
    model: Any,
    example: tuple[Any, ...],
    inputs: Sequence[str],
    outputs: Sequence[str],
    axes: Mapping[str, Mapping[int, str]],
) -> bytes:
    import torch

    file = io.BytesIO()
    with warnings.catch_warnings():
        # PyTorch deprecates its exporter of traces. The new one gives the same network, but takes
        # half a minute instead of a second, and writes to the terminal.
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.onnx.export(
            model.eval(),
            example,
            file,  # type: ignore[arg-type] # may be a file, which its annotation leaves out
            dynamo=False,
            opset_version=OPSET,
            input_names=list(inputs),
            output_names=list(outputs),
            dynamic_axes={name: dict(sides) for name, sides in axes.items()},
        )
    return file.getvalue()


def _missing(what: str) -> MissingExtra:
    return MissingExtra(f"{what}: pip install 'unsmear[onnx]'.")
