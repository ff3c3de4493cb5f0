"""Kernel options of `unsmear restore`: one kernel for an image, or one for each of its parts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from unsmear.cli.options.kernel import KernelOptions
from unsmear.errors import MisuseError, OptionError

EVERYWHERE = ""
"""Place of a value that is given without one."""
NONE = "none"
"""What is given for a part that did not move."""

Values = Annotated[tuple[str, ...], Parameter(negative=(), show_default=False)]
"""Values of an option: "8", or "PART=8" once for each part."""


@Parameter(name="*")
@dataclass(frozen=True)
class PlaceOptions:
    """The kernel, if it is known, or those of parts of an image: PART=VALUE, once for each part."""

    length: Values = ()
    "Linear motion: distance moved during the exposure, pixels; PART=LENGTH for one part."

    angle: Values = ()
    """Direction of the motion, degrees anticlockwise from +x (the right); PART=ANGLE for one
    part."""

    kernel: Values = ()
    """File with the kernel: rows of numbers (.txt, .csv), .npy, or a grey image, which is resampled
    to the pixel size of the image where both state one. A stack with axes C, T or P has a kernel
    for each channel, time point or position. PART=FILE is for one part: a channel (DAPI, or its
    number from 0), a time point (t=2), a position (p=1), a slice (z=5), or a channel of one ("t=2,
    DAPI"). PART=none did not move and is left as it was; what is not named is estimated."""

    speed: float | None = None
    "Speed of the stage, micrometres per second; with --exposure, instead of --length."

    exposure: Values = ()
    "Exposure time, seconds; PART=TIME for one part."

    pixel_size: float | None = None
    "Pixel size in the sample, micrometres; by default that of the image's metadata."

    def by_place(self) -> dict[str, KernelOptions | None]:
        """Return the options of each part that is named; None for one that did not move.

        Options without parts are those of the part "". Raises OptionError for options that do not
        go together, and MisuseError for what is no number.
        """
        angles = _values("--angle", self.angle, float)
        given = (
            _values("--length", self.length, _length),
            angles,
            _values("--kernel", self.kernel, _file),
            _values("--exposure", self.exposure, float),
        )
        named = [place for values in given for place in values if place != EVERYWHERE]
        found: dict[str, KernelOptions | None] = {}
        for place in dict.fromkeys(named or [EVERYWHERE]):
            length, angle, kernel, exposure = (
                values.get(place, values.get(EVERYWHERE)) for values in given
            )
            if place in named and (kernel == NONE or length == 0):
                found[place] = None
                continue
            if kernel == NONE:
                raise OptionError("--kernel must name the part that did not move: PART=none.")
            # What is given for all parts is left out where a part has no use for it.
            speed = self.speed if exposure is not None or not named else None
            if place not in angles and named and length is None and speed is None:
                angle = None
            options = KernelOptions(length, angle, kernel, speed, exposure, self.pixel_size)
            try:
                options.check_angle()
            except OptionError as error:
                raise OptionError(f"{place}: {error}" if place else str(error)) from error
            found[place] = options
        return found


def _values(option: str, given: tuple[str, ...], read: Callable[[str], Any]) -> dict[str, Any]:
    """Return the values of an option by their places.

    Raises OptionError for two of one place, and MisuseError for what cannot be read.
    """
    found: dict[str, Any] = {}
    for text in given:
        place, value = _split(text)
        if not value or text.startswith("="):
            raise MisuseError(f"{option} must be a value, or PART=VALUE, got {text!r}.")
        if place in found:
            where = f" for {place}" if place else ""
            raise OptionError(f"{option} must be given once{where}, got {' and '.join(given)}.")
        try:
            found[place] = read(value)
        except ValueError as error:
            raise MisuseError(f"{option} must be a number, got {text!r}.") from error
    if EVERYWHERE in found and len(found) > 1:
        raise OptionError(
            f"{option} must be given once, or once for each part by its name, got "
            f"{' and '.join(given)}."
        )
    return found


def _length(text: str) -> float:
    return 0.0 if text.lower() == NONE else float(text)


def _file(text: str) -> Path | str:
    return NONE if text.lower() == NONE else Path(text)


def _split(text: str) -> tuple[str, str]:
    """Return the place and the value of "PLACE=VALUE"; a file's name may hold "=" too."""
    if _leads(text, Path.exists):
        return EVERYWHERE, text
    ends = [at for at, letter in enumerate(text) if letter == "="]
    known = [at for at in ends if _leads(text[at + 1 :], Path.is_file)]
    at = (known or ends[-1:] or [-1])[0]
    return (text[:at].strip(), text[at + 1 :].strip()) if at >= 0 else (EVERYWHERE, text)


def _leads(text: str, somewhere: Callable[[Path], bool]) -> bool:
    """Return whether a text is the path of something; one that is too long for a path is not."""
    try:
        return somewhere(Path(text))
    except OSError:
        return False
