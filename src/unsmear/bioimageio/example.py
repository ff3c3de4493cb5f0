"""Test tensors of a package: what a network gets and gives for a smeared field of cells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unsmear import speed
from unsmear.blur import Motion
from unsmear.checkpoints import derived
from unsmear.checkpoints.onnx_file import JOINED
from unsmear.checkpoints.onnx_interface import Interface
from unsmear.images.scaling import Scaling
from unsmear.restoration.learned import deep_wiener

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Example:
    """Inputs and outputs of a network, in its own values, by name; all have one plane.

    cover: the blurred and the restored plane side by side, (y, 2 x), 8 bit.
    """

    inputs: Mapping[str, Array]
    outputs: Mapping[str, Array]
    cover: NDArray[np.uint8]


def of(interface: Interface, data: bytes, side: int) -> Example:
    """Return the test tensors of a network that restores and has one input.

    data: its ONNX file, which computes the outputs. side: of the field, pixels.
    """
    wiener = JOINED in interface.inputs
    inputs = _filtered(interface, side) if wiener else _field(interface, side)
    outputs = dict(zip(interface.outputs, derived.start(data)(inputs), strict=True))
    before = (
        inputs[JOINED][0, interface.facts["versions"] - 1] if wiener else inputs["blurred"][0, 0]
    )
    return Example(inputs, outputs, _cover(before, outputs["restored"][0, 0]))


def _units(channels: int, side: int) -> Array:
    """Return a smeared field of cells, (1, channel, y, x), normalised."""
    counts = speed.field(side, channels)
    return Scaling.of(counts).to_units(counts)[None]


def _field(interface: Interface, side: int) -> dict[str, Array]:
    """Return the input of a network from image to image, in its values."""
    low, high = interface.facts["values"]
    units = _units(interface.facts["channels"], side)
    return {"blurred": np.float32(low) + np.float32(high - low) * units}


def _filtered(interface: Interface, side: int) -> dict[str, Array]:
    """Return the input of a deep-wiener: a field by its Wiener filters, and its noise."""
    blurred = _units(1, side)
    (channel,) = deep_wiener.measure(blurred, Motion(*speed.MOTION).kernel())
    factors = deep_wiener.FACTORS[: interface.facts["versions"] - 1]
    constants = np.asarray(channel.constants, np.float32)[None, :, None, None]
    planes = np.broadcast_to(constants, (*constants.shape[:2], side, side))
    return {JOINED: np.concatenate([channel.versions(blurred[:, 0], factors), planes], axis=1)}


def _cover(before: Array, after: Array) -> NDArray[np.uint8]:
    """Return both planes side by side, from the darkest to the brightest value of the first."""
    low, high = float(before.min()), float(before.max())
    return np.concatenate([_grey(plane, low, high) for plane in (before, after)], axis=1)


def _grey(plane: Array, low: float, high: float) -> NDArray[np.uint8]:
    return np.asarray(np.rint((plane - low) * (255 / (high - low))).clip(0, 255), np.uint8)
