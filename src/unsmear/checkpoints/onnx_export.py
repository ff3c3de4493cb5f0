"""Export of networks to ONNX files, for which PyTorch and onnx are needed.

A file holds the network alone. What is done before and after it, such as the Wiener filters of a
deep-wiener, the tiles and the flux, is code.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from textwrap import shorten
from typing import Any

import numpy as np

from unsmear import models
from unsmear.atomic import write_aside
from unsmear.checkpoints import checkpoint, derived, loading
from unsmear.checkpoints.checkpoint import DERIVED, Checkpoint
from unsmear.errors import MissingExtra, OptionError, WeightsError

SIDES = {0: "planes", 2: "y", 3: "x"}
"""Axes of variable size of an image; y and x must be multiples of the network's stride."""
TRACED, CHECKED = (128, 128), (72, 136)
"""Sides of the example with which a network is traced, and of that with which the file is checked,
pixels, rounded up to whole strides. The deepest level must have something to mirror."""
ALIKE = 1e-3
"""Largest accepted difference between the outputs of file and network; rounding adds up in deep
networks."""
OPSET = 17
"""Version of the ONNX operators, that of ONNX 1.12 and ONNX Runtime 1.12 (2022)."""


@dataclass(frozen=True, eq=False)
class Interface:
    """A network as a file holds it.

    named: the network's name. module: gives a tensor or a tuple. inputs, outputs: their names.
    traced, checked: two examples of its inputs. axes: those of variable size, by name.
    facts: what must be known to use it. channels: of the outputs that are images.
    """

    named: str
    module: Any
    inputs: Sequence[str]
    outputs: Sequence[str]
    traced: tuple[Any, ...]
    checked: tuple[Any, ...]
    axes: Mapping[str, Mapping[int, str]] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    channels: Mapping[str, int] = field(default_factory=dict)


def export(name: str | Path, path: str | Path | None = None) -> Path:
    """Write the network of weights to an ONNX file, completely or not at all; return its path.

    name: of shipped weights, or a path as for `checkpoint.load`. path: ends in .onnx; None writes
    the file beside the weights, from where the product runs it without PyTorch, and says so on
    their card. The file's metadata are the weights' name and sha256, and the network's facts:
    stride and halo in pixels, for a deep-wiener `error_quantile`, the factor from the scale to the
    half-width of a 90 % prediction interval, for others `values`, those of black and white.

    Raises OptionError for another ending, WeightsError for weights of a network that ONNX cannot
    represent, and MissingExtra without onnx.
    """
    check(name, path)
    place = checkpoint.locate(name)
    loaded = checkpoint.load(place)
    interface = of(loaded)
    data = to_bytes(interface, {"name": loaded.name, "sha256": loaded.card["sha256"]})
    if path is not None:
        write_aside(Path(path), data)
        return Path(path)
    place, card = checkpoint.card_of(place)  # a training may have saved others meanwhile
    write_aside(derived.path_of(place), data)
    entry = {"sha256": sha256(data).hexdigest(), **interface.facts}
    checkpoint.write_card(place.path, {**card, DERIVED: entry})
    return derived.path_of(place)


def check(name: str | Path, path: str | Path | None = None) -> None:
    """Raise what `export` would raise before it traces the network."""
    if path is not None and Path(path).suffix.lower() != derived.ENDING:
        raise OptionError(f"{Path(path).name}: the file to export to must end in .onnx.")
    if path is not None and Path(path).is_dir():
        raise OptionError(f"{Path(path).name}: the file to export to must not be a folder.")
    checkpoint.locate(name)
    if find_spec("torch") is None:
        raise MissingExtra("An export needs PyTorch: pip install 'unsmear[onnx]'.")


def of(loaded: Checkpoint) -> Interface:
    """Return the network of weights as a file would hold it; raises WeightsError for others."""
    if loaded.network == "DeepWiener":
        return deep_wiener(loading.build_deep_wiener(loaded), loaded.card.get("error_quantile"))
    if loaded.network == "KernelNet":
        return _kernel_net(loaded)
    if loaded.network in models.classifiers():
        return _classifier(loading.build_classifier(loaded))
    return from_image_to_image(loading.build_network(loaded))


def deep_wiener(model: Any, error_quantile: float | None = None) -> Interface:
    """Return the interface of a deep-wiener's network."""
    import torch

    def example(planes: int, pixels: tuple[int, int]) -> tuple[Any, ...]:
        versions = torch.rand(planes, model.versions, *_whole(pixels, model.stride))
        return versions, torch.rand(planes, model.constants)

    facts = {"versions": model.versions, "stride": model.stride, "halo": model.halo}
    known = {} if error_quantile is None else {"error_quantile": error_quantile}
    return Interface(
        type(model).__name__,
        model,
        inputs=("versions", "constants"),
        outputs=("restored", "scale"),
        traced=example(2, (2 * model.stride,) * 2),
        checked=example(1, CHECKED),
        axes={"constants": {0: "planes"}} | dict.fromkeys(("versions", "restored", "scale"), SIDES),
        facts=facts | known,
        channels={"restored": 1, "scale": 1},
    )


def from_image_to_image(model: Any) -> Interface:
    """Return the interface of a listed network; some have an output for each scale, of which the
    last is the result.
    """
    import torch
    from torch import Tensor, nn

    class Last(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = model

        def forward(self, blurred: Tensor) -> Any:
            return models.final(self.network(blurred))

    facts = {name: getattr(model, name) for name in ("channels", "stride", "halo", "values")}
    if model.halo is None and getattr(model, "tile", None):
        facts |= {"tile": model.tile, "overlap": getattr(model, "overlap", 0)}
    return Interface(
        type(model).__name__,
        Last(),
        inputs=("blurred",),
        outputs=("restored",),
        traced=(torch.rand(2, model.channels, *_whole(TRACED, model.stride)),),
        checked=(torch.rand(1, model.channels, *_whole(CHECKED, model.stride)),),
        axes=dict.fromkeys(("blurred", "restored"), SIDES),
        facts=facts,
        channels={"restored": model.channels},
    )


def _classifier(model: Any) -> Interface:
    import torch

    stride, least = (int(getattr(model, name, 1)) for name in ("stride", "smallest"))
    sides = [_whole([max(side, least) for side in pixels], stride) for pixels in (TRACED, CHECKED)]
    return Interface(
        type(model).__name__,
        model,
        inputs=("images",),
        outputs=("logits",),
        traced=(torch.rand(2, model.channels, *sides[0]),),
        checked=(torch.rand(3, model.channels, *sides[1]),),
        axes={"images": SIDES, "logits": {0: "planes"}},
        facts={
            "labels": model.labels,
            "channels": model.channels,
            "values": model.values,
            "stride": stride,
            "smallest": least,
        },
    )


def _kernel_net(loaded: Checkpoint) -> Interface:
    import torch
    from torch import Tensor, nn

    model = loading.build_kernel_net(loaded)

    class Parts(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = model

        def forward(self, shifts: Tensor, profile: Tensor) -> tuple[Tensor, ...]:
            guess = self.network(shifts, profile)
            return guess.kinds, guess.length, guess.radius, guess.turn, guess.kernel

    options = {"maps": 4, "profile": 97, "side": 64} | dict(loaded.options)
    shape = 1, options["maps"], options["side"], options["side"]
    examples = [(torch.rand(shape), torch.rand(1, options["profile"])) for _ in range(2)]
    return Interface(
        type(model).__name__,
        Parts(),
        inputs=("shifts", "profile"),
        outputs=("kinds", "length", "radius", "turn", "kernel"),
        traced=examples[0],
        checked=examples[1],
    )


def _whole(pixels: Sequence[int], stride: int) -> list[int]:
    return [-(-side // stride) * stride for side in pixels]


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
