"""Kernel options of the command line, shared by restore and blur."""

from __future__ import annotations

import json
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from cyclopts import Parameter

from unsmear import __version__
from unsmear.blur import Blur, Given, Motion, Sampled, read_kernel, to_dict
from unsmear.blur.kernel import read_kernels
from unsmear.errors import OptionError
from unsmear.images import Image
from unsmear.restoration import by_place

SMALLEST_PIXEL, LARGEST_PIXEL = 0.005, 20.0
"""Limits of a file's pixel size in the sample that is believed, micrometres; others are those of a
screen, a camera chip or a forgotten unit."""


@Parameter(name="*")
@dataclass(frozen=True)
class KernelOptions:
    """The kernel, if it is known."""

    length: float | None = None
    "Linear motion: distance moved during the exposure, pixels."

    angle: float | None = None
    "Direction of the motion, degrees anticlockwise from +x (the right)."

    kernel: Annotated[Path | None, Parameter(name="--kernel")] = None
    """File with the kernel: rows of numbers (.txt, .csv), .npy, or a grey image, which is resampled
    to the pixel size of the image where both state one."""

    speed: float | None = None
    "Speed of the stage, micrometres per second; with --exposure, instead of --length."

    exposure: float | None = None
    "Exposure time, seconds."

    pixel_size: float | None = None
    "Pixel size in the sample, micrometres; by default that of the image's metadata."

    def __post_init__(self) -> None:
        options = {
            "--length": self.length is not None,
            "--kernel": self.kernel is not None,
            "--speed": self.speed is not None,
        }
        given = [name for name, present in options.items() if present]
        if len(given) > 1:
            raise OptionError(f"the kernel must be given in one way, got {' and '.join(given)}.")
        if (self.speed is None) != (self.exposure is None):
            raise OptionError("--speed and --exposure must come together.")

    def check_angle(self) -> None:
        """Raise OptionError unless --angle comes with a motion, and a motion with --angle."""
        if self.length is not None and self.angle is None:
            raise OptionError("--length must come with --angle.")
        if self.speed is not None and self.angle is None:
            raise OptionError("--speed must come with --angle, the direction of the stage.")
        if self.angle is not None and self.length is None and self.speed is None:
            raise OptionError("--angle must come with --length or with --speed and --exposure.")

    def fixed(self) -> Blur | None:
        """Return the blur shared by all images, or None; checks that a kernel file can be read."""
        if self.kernel is not None:
            read_kernel(self.kernel)
            return Given(str(self.kernel))
        return None if self.length is None else Motion(self.length, self.angle or 0.0)

    def blur(self, image: Image) -> Blur | None:
        """Return the blur that the options specify for this image, or None without one."""
        fixed = self.fixed()
        if fixed is not None:
            return fixed if self.kernel is None else on_pixels_of(image, fixed, self.kernel)
        if self.speed is None or self.exposure is None:
            return None
        pixel_size = self.pixel_size
        if pixel_size is None and image.pixel_size is not None:
            if abs(image.pixel_size[0] / image.pixel_size[1] - 1) > 1e-3:
                raise OptionError(
                    f"{image.name}: pixels must be square for --speed; give --length instead."
                )
            pixel_size = image.pixel_size[1]
            if not SMALLEST_PIXEL <= pixel_size <= LARGEST_PIXEL:
                raise OptionError(
                    f"{image.name}: the pixel size must be {SMALLEST_PIXEL:g} to "
                    f"{LARGEST_PIXEL:g} um in a microscope, got {pixel_size:g} um"
                    f"{_source(image)}; give --pixel-size."
                )
        if pixel_size is None:
            why = f" ({image.pixel_size_from})" if image.pixel_size_from else ""
            raise OptionError(f"{image.name}: the pixel size is unknown{why}; give --pixel-size.")
        return Motion.of_stage(self.speed, self.exposure, pixel_size, self.angle or 0.0)

    def pixel_size_phrase(self, image: Image) -> str:
        """Return the pixel size that --speed uses; see the function."""
        return pixel_size_phrase(image, self.speed, self.pixel_size)


def _source(image: Image) -> str:
    return f" from {image.pixel_size_from}" if image.pixel_size_from else ""


def pixel_size_phrase(image: Image, speed: float | None, pixel_size: float | None) -> str:
    """Return the pixel size that a speed needs, and where it stands; "" without a speed.

    "pixel size 0.325 um from OME-XML". pixel_size: one that was given.
    """
    if speed is None:
        return ""
    if pixel_size is not None:
        return f"pixel size {pixel_size:g} um from --pixel-size"
    if image.pixel_size is None:
        return ""
    return f"pixel size {image.pixel_size[1]:.4g} um{_source(image) or ' from the file'}"


def on_pixels_of(image: Image, blur: Blur, file: Path) -> Blur:
    """Return a measured kernel on the image's pixels, where both files state their sizes."""
    own = read_kernels(file).pixel_size
    fitted = by_place.on_pixels_of(image, blur.kernel(), own, file.name)
    return blur if fitted is None else Sampled.of(fitted)


def record(blur: Blur) -> dict[str, Any]:
    """Return the record of a blur: its parameters, and the SHA-256 of its kernel."""
    kernel = np.ascontiguousarray(blur.kernel())
    return {"blur": to_dict(blur), "kernel_sha256": sha256(kernel.tobytes()).hexdigest()}


def note(command: str, blur: Blur | None, **more: Any) -> str:
    """Return the processing record for a file's description, as one line of JSON."""
    done: dict[str, Any] = {"unsmear": __version__, "command": command}
    done |= {} if blur is None else record(blur)
    return json.dumps(done | {name: value for name, value in more.items() if value})
