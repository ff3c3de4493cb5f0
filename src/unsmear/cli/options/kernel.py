"""Kernel options of the command line, shared by restore and blur."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from unsmear.errors import OptionError

LONGEST = 512.0
"""Of a motion, pixels, as `blur.motion` has it, which is not imported to read options."""


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
        if self.length is not None and not 0 <= self.length <= LONGEST:
            raise OptionError(f"--length must be 0 to {LONGEST:g} pixels, got {self.length:g}.")
        if (self.speed is None) != (self.exposure is None):
            parts = {"--speed": self.speed, "--exposure": self.exposure, "--angle": self.angle}
            missing = [name for name, value in parts.items() if value is None]
            raise OptionError(
                "--speed (micrometres per second), --exposure (seconds) and --angle (degrees) must "
                f"come together, got no {' and no '.join(missing)}; and --pixel-size where the "
                "file has none."
            )

    def check_angle(self) -> None:
        """Raise OptionError unless --angle comes with a motion, and a motion with --angle."""
        if self.length is not None and self.angle is None:
            raise OptionError("--length must come with --angle.")
        if self.speed is not None and self.angle is None:
            raise OptionError("--speed must come with --angle, the direction of the stage.")
        if self.angle is not None and self.length is None and self.speed is None:
            raise OptionError("--angle must come with --length or with --speed and --exposure.")
