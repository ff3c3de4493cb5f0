"""A network's inputs and outputs in the terms of bioimage.io: axes, sizes, halo and test tensors.

The description of a model is specified at github.com/bioimage-io/spec-bioimage-io.
"""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from bioimageio.spec.model import v0_5 as spec

from unsmear.bioimageio.example import Array, Example
from unsmear.checkpoints.onnx_file import JOINED
from unsmear.checkpoints.onnx_interface import CHECKED, Interface
from unsmear.restoration.learned.blocks import reach

DESCRIPTIONS = {
    "blurred": "Blurred image, normalised: 0 is black, the brightest pixel 0.5 to 1.",
    JOINED: "A plane by Wiener filters and as recorded, less the level of its dark; its noise.",
    "restored": "Restored image, in the unit of the input.",
    "scale": "Scale of the error; times error_quantile the half-width of a 90 % interval.",
}
"""What the tensors are; at most 128 characters."""
VERSIONS = ("filtered", "sharper", "smoother")
"""Names of what the Wiener filters give, by `deep_wiener.FACTORS`."""
NOISE = ("noise", "noise of filtered")
"""Names of the constants: standard deviations, the same in the whole plane."""
SIDE = 256
"""Smallest side of the test tensors, pixels."""


def smallest(interface: Interface) -> int:
    """Return the smallest side of an input, pixels: of which something is left without its halo, or
    with which the file was checked, so that the deepest level has something to mirror.
    """
    stride, halo = interface.facts["stride"], interface.facts["halo"]
    if halo is None:
        return reach(min(CHECKED), stride)
    return 2 * reach(halo, stride) + int(stride)


def side(interface: Interface) -> int:
    """Return the side of the test tensors, pixels."""
    return max(smallest(interface), reach(SIDE, interface.facts["stride"]))


def inputs(interface: Interface, example: Example, folder: Path) -> list[spec.InputTensorDescr]:
    """Return the descriptions of the inputs; folder: where their test tensors are written."""
    low, high = _values(interface)
    return [
        spec.InputTensorDescr(
            id=spec.TensorId(name),
            description=DESCRIPTIONS[name],
            axes=[*leading(interface, name, array), *_input_sides(interface)],
            test_tensor=_file(folder, name, (array - low) / (high - low)),
            data=_data(),
            preprocessing=_linear(high - low, low),
        )
        for name, array in example.inputs.items()
    ]


def outputs(interface: Interface, example: Example, folder: Path) -> list[spec.OutputTensorDescr]:
    """Return the descriptions of the outputs; folder: where their test tensors are written."""
    low, high = _values(interface)
    return [
        spec.OutputTensorDescr(
            id=spec.TensorId(name),
            description=DESCRIPTIONS[name],
            axes=[*leading(interface, name, array), *_output_sides(interface)],
            test_tensor=_file(folder, name, (array - low) / (high - low)),
            data=_data(),
            postprocessing=_linear(1 / (high - low), -low / (high - low)),
        )
        for name, array in example.outputs.items()
    ]


def _values(interface: Interface) -> tuple[float, float]:
    """Return the network's values of black and of full scale; a deep-wiener has none."""
    low, high = interface.facts.get("values", (0.0, 1.0))
    return float(low), float(high)


def _linear(gain: float, offset: float) -> list[Any]:
    """Return the step from a normalised intensity to the network's values, or back, if any."""
    if (gain, offset) == (1.0, 0.0):
        return []
    return [spec.ScaleLinearDescr(kwargs=spec.ScaleLinearKwargs(gain=gain, offset=offset))]


def leading(interface: Interface, name: str, array: Array) -> list[Any]:
    """Return the axes before those of space: planes, and channels."""
    free = 0 in interface.axes.get(name, {})
    return [
        spec.BatchAxis() if free else spec.BatchAxis(size=1),
        spec.ChannelAxis(channel_names=_channels(interface, name, array.shape[1])),
    ]


def _channels(interface: Interface, name: str, count: int) -> list[str]:
    if name != JOINED:
        return [f"channel {index + 1}" for index in range(count)]
    versions = interface.facts["versions"]
    return [*VERSIONS[: versions - 1], "blurred", *NOISE[: count - versions]]


def _input_sides(interface: Interface) -> list[spec.SpaceInputAxis]:
    """Return y and x of the input, which is cut into tiles where the network has a halo."""
    size = spec.ParameterizedSize(min=smallest(interface), step=int(interface.facts["stride"]))
    tiled = interface.facts["halo"] is not None
    return [
        spec.SpaceInputAxis(id=spec.AxisId(axis), size=size, concatenable=tiled) for axis in "yx"
    ]


def _output_sides(interface: Interface) -> list[Any]:
    """Return y and x of an output, as large as the first input, of which the halo is left out."""
    first = spec.TensorId(interface.inputs[0])
    stride, halo = interface.facts["stride"], interface.facts["halo"]
    sides = []
    for axis in map(spec.AxisId, "yx"):
        size = spec.SizeReference(tensor_id=first, axis_id=axis)
        if halo:
            edge = reach(halo, stride)
            sides.append(spec.SpaceOutputAxisWithHalo(id=axis, size=size, halo=edge))
        else:
            sides.append(spec.SpaceOutputAxis(id=axis, size=size))
    return sides


def _file(folder: Path, name: str, array: Array) -> spec.FileDescr:
    """Return the test tensor of an input or output, written as NAME.npy."""
    path = folder / f"{name}.npy"
    np.save(path, np.asarray(array, np.float32), allow_pickle=False)
    return described_file(path)


def described_file(path: Path) -> spec.FileDescr:
    """Return the description of a file of the package, with its checksum."""
    return spec.FileDescr(source=path, sha256=checksum(path))


def checksum(path: Path) -> spec.Sha256:
    """Return the SHA-256 of a file of the package."""
    return spec.Sha256(sha256(path.read_bytes()).hexdigest())


def _data() -> spec.IntervalOrRatioDataDescr:
    return spec.IntervalOrRatioDataDescr(type="float32")
