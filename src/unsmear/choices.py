"""What the command line and the library below it both name: choices, defaults, checks of a value.

Light, so that the command line refuses a wrong option before NumPy is imported.
"""

from __future__ import annotations

from typing import Literal

from unsmear.errors import OptionError

BEST_METHOD = "deep-wiener-lean"
"""Name of the default restoration method."""

Borders = Literal["both", "before", "none"]
"""Neighbours of a frame of a moving stage that serve as its borders: the ones before and after it,
the one before it, or none."""

Boundary = Literal["reflect", "valid", "wrap", "zero"]
"""Boundary conditions, see `blur.convolve`."""

Channels = Literal["auto", "together", "groups", "alone"]
"""Rules that assign the channels of an image to those of a network."""

Fit = Literal["crop", "stretch"]
"""What becomes of an image that is not square, see `data.resampling`."""

KernelSource = Literal["true", "estimated", "both"]
"""Kernels with which a non-blind method is scored: of the manifest, estimated, or both in turn."""

Order = Literal["resize-blur", "blur-resize"]
"""Order of steps by which pairs are made; the second is what happens in a microscope."""

FrameOrder = Literal["number", "arrival"]
"""Order of the files of a moving stage: by the last number in their names, or as they come."""

Per = Literal["auto", "file", "frame", "channel", "plane"]
"""What shares a movement: "auto" asks the data, plane by plane; "file" and "frame" pool all planes
of the file or of each time point and position; "channel" and "plane" estimate each by itself."""

Pruner = Literal["median", "halving"]
"""Rules that end poor trials of a search early."""

Runtime = Literal["auto", "torch", "onnx", "openvino"]
"""What computes a network: "auto" is ONNX Runtime where the weights have a derived file, and
PyTorch where they do not. "openvino" computes in bfloat16 where the processor has it, unless it is
asked to be exact."""

WhenLate = Literal["wait", "pass"]
"""What becomes of frames that come faster than they can be restored: they wait, or they are passed
through as they are, and marked."""

SearchSampler = Literal["random", "tpe", "grid"]
"""How a search draws its trials; "grid" takes every combination of the choices."""


def check_data_range(given: float | None) -> None:
    """Raise OptionError for a data range that is not above 0 and finite."""
    if given is not None and not 0 < given < float("inf"):
        raise OptionError(f"--data-range must be above 0 and finite, got {given}.")
