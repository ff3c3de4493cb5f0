"""Options of `unsmear synth --scan`: the simulated slide scanner."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from unsmear.cli.options.parameters import Flag
from unsmear.errors import OptionError

CODE_OF_PAPER = "raskar"
"""Name of a published code."""


@Parameter(name="*", group="Scan")
@dataclass(frozen=True)
class ScanOptions:
    """A simulated scan: frames of a moving stage, with the sharp truth and the true movement."""

    scan: Flag = False
    """Simulate a slide scanner: --count frames of --size pixels in each strip, written as OME-TIFF
    with the places of the stage and the exposure time, the sharp truth beside. The folder is one
    of pairs, as from unsmear prepare."""

    slide: Path | None = None
    "Image that is scanned instead of a drawn slide: its first plane, mirrored beyond its borders."

    stain: Literal["nuclei", "microtubules", "reticulum", "protein"] = "nuclei"
    "What of the cells is stained on a drawn slide."

    strips: int = 1
    "Number of strips; the stage goes back and forth."

    overlap: float = 0.1
    "Fraction of a frame that the next one sees too, 0 to 0.9."

    speed: float = 160.0
    "Speed of the stage, micrometres per second."

    exposure: float = 0.01
    "Exposure time, seconds."

    strobe: Annotated[float | None, Parameter(negative=())] = None
    "Duration of a flash in the middle of the exposure, seconds; without it light is continuous."

    flutter: str = ""
    """Coded exposure: digits 1 (open) and 0 (closed) of equal time, beginning and ending with 1, or
    raskar, a published code of 52."""

    line_time: float = 0.0
    "Rolling shutter: seconds by which each row begins later than the one above."

    speed_error: float = 0.0
    "Fraction by which the stage is faster than --speed."

    drift: float = 0.0
    "What that fraction grows by from the first frame to the last."

    jitter: float = 0.0
    "Standard deviation of the place at which the encoder triggers, micrometres."

    vibration: float = 0.0
    "Amplitude of a vibration in both directions, micrometres."

    frequency: float = 50.0
    "Frequency of the vibration, hertz."

    tdi: int = 0
    """Line camera with time delay and integration over so many lines (1: a plain line camera)
    instead of --exposure; 0 is a camera that sees whole frames."""

    mismatch: float = 0.0
    "With --tdi: fraction by which the image moves faster than the charges."

    photons: float | None = 1000.0
    "Photoelectrons at full scale in an open exposure; a strobe or a code lets through its part."

    read_noise: float = 2.0
    "Standard deviation of the read noise, electrons."

    offset: float | None = None
    "Counts of the camera without light [default: 2 % of the largest]."

    def check(self) -> None:
        """Raise OptionError for options without --scan, and for such that contradict."""
        given = [f.name for f in fields(self) if getattr(self, f.name) != f.default]
        if given and not self.scan:
            names = " and ".join(f"--{name.replace('_', '-')}" for name in given)
            raise OptionError(f"{names} must come with --scan.")
        if self.mismatch and not self.tdi:
            raise OptionError("--mismatch must come with --tdi.")
        of_areas = {
            "--strobe": self.strobe,
            "--flutter": self.flutter,
            "--line-time": self.line_time,
        }
        named = [name for name, value in of_areas.items() if value]
        if self.tdi and named:
            raise OptionError(f"{named[0]} is not available with --tdi.")


@dataclass(frozen=True)
class Frames:
    """What fields and frames have in common; see the help of `unsmear synth`."""

    output: Path
    count: int
    size: int
    pixel_size: float
    bits: int
    seed: int
