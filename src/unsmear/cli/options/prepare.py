"""Options of `unsmear prepare`: frames and blurs, and the paper's protocol."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from unsmear.choices import Fit, Order
from unsmear.errors import OptionError

Family = Literal["motion", "trajectory", "defocus", "gaussian", "paper"]
"""Families of blur that pairs can have."""
Values = Annotated[list[float] | None, Parameter(consume_multiple=True, negative=())]

PAPER: dict[str, Any] = {
    "family": "paper",
    "degree": 6,
    "angle": [-45.0],
    "normalise": False,
    "size": 256,
    "order": "resize-blur",
    "bits": 8,
    "channels": "RGB",
}
"""Options of the protocol of Goncalves and Ferreira, as far as it is published."""

DRAWN: dict[str, dict[str, Any]] = {
    "motion": {"length": (4.0, 20.0), "angle": (0.0, 180.0)},
    "trajectory": {"length": (4.0, 20.0), "shake": 0.3},
    "defocus": {"radius": (1.0, 5.0)},
    "gaussian": {"sigma": (0.5, 3.0)},
    "paper": {"degree": 6, "angle": -45.0, "normalise": False},
}
"""Default parameters of each blur family: a value, or a range to draw from."""


@Parameter(name="*")
@dataclass(frozen=True)
class FrameOptions:
    """Size, bit depth and channels of the output; None is the default in the help text."""

    size: int | None = None
    "Side of the square output, pixels [default: 256]; images are never enlarged."

    tiles: int | None = None
    "Keep the full resolution instead, in tiles of at most this side, pixels."

    order: Order | None = None
    "Order of steps [default: resize-blur]; blur-resize gives the blur in pixels of the source."

    fit: Fit = "crop"
    "Images that are not square: crop their centre, or stretch them to a square."

    bits: Literal[8, 16] | None = None
    "Bit depth of the output [default: 8]."

    input_range: Annotated[tuple[float, float] | None, Parameter(negative=())] = None
    """Source counts that become black and white. Without it, 8-bit and 16-bit images use their
    full range (12 bits stored in 16 stay dark), and float images are refused."""

    channels: str | None = None
    "Channels to read of HPA fields, letters of RGBY: RGB leaves out the yellow channel."

    axes: str | None = None
    "Dimensions of the input files, letters of PSTCZYX; files whose metadata name them need none."


@Parameter(name="*")
@dataclass(frozen=True)
class BlurOptions:
    """The blurs. One value is fixed, two values are a range, more are a list to draw from."""

    family: Annotated[Family | None, Parameter(name="--blur")] = None
    "Blur family [default: motion]. Below, one number is fixed, two are a range, more a list."

    length: Values = None
    "Motion and trajectory: length of the path, pixels [default: 4 20]."

    angle: Values = None
    "Motion: degrees anticlockwise from +x [default: 0 180]; paper: recipe angle [default: -45]."

    shake: Values = None
    "Trajectory: irregularity, 0 (linear) to 1 [default: 0.3]."

    radius: Values = None
    "Defocus: radius of the disc, pixels [default: 1 5]."

    sigma: Values = None
    "Gaussian: standard deviation, pixels [default: 0.5 3]."

    degree: int | None = None
    "Paper: degree of the recipe, pixels [default: 6]."

    normalise: bool | None = None
    "Paper: stretch the result to the full range [default: no]."

    photons: float | None = None
    "Photon noise of the blurred image: photoelectrons at full scale."

    read_noise: float = 0.0
    "Standard deviation of the read noise of the blurred image, electrons; with --photons."

    repeats: int = 1
    "Number of pairs per image, each with its own blur."


@Parameter(name="*")
@dataclass(frozen=True)
class SelectionOptions:
    """Which images are used, with which labels, and for what."""

    labels: bool = True
    """Take the labels of a train.csv, or the column labels of a MANIFEST.csv, beside the images;
    they are by number or name those of the Human Protein Atlas. --no-labels takes none."""

    split: str = "70/15/15"
    """Percentages of train/val/test or of train/val; a group of images is never divided, and each
    label is spread over the splits in proportion."""

    test: int = 0
    "Number of images in a separate test set, beside a split of train/val."

    limit: int | None = None
    "Largest number of images to use, test set included."


def as_in_paper(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of the protocol; raises OptionError for options that contradict it."""
    for name, value in given.items():
        if value is not None and name in PAPER and value != PAPER[name]:
            option = "--blur" if name == "family" else f"--{name}"
            raise OptionError(
                f"{option} must be {PAPER[name]} in the paper's protocol, got {value}."
            )
    if given["tiles"] is not None:
        raise OptionError(
            "--tiles is not available for the paper's protocol, which resizes to 256 pixels."
        )
    return PAPER


def check(given: Mapping[str, Any]) -> None:
    """Raise OptionError for options of frames and blurs that contradict each other."""
    if given["size"] is not None and given["tiles"] is not None:
        raise OptionError("--size is not available with --tiles, which keeps the full resolution.")
    if given["read_noise"] and given["photons"] is None:
        raise OptionError("--read-noise must come with --photons.")


def blurs(given: Mapping[str, Any]) -> tuple[Family, dict[str, Any]]:
    """Return the blur family and its parameters, to draw from.

    Raises OptionError for options of another family.
    """
    family: Family = given["family"] or "motion"
    parameters = dict(DRAWN[family])
    for name in sorted({name for drawn in DRAWN.values() for name in drawn}):
        if given[name] is None:
            continue
        if name not in parameters:
            raise OptionError(f"--{name} is not available for --blur {family}.")
        parameters[name] = _draw(given[name])
    return family, parameters


def _draw(values: Any) -> Any:
    """Return one value as a number, two as a range, three or more as a list."""
    if not isinstance(values, list):
        return values
    if len(values) == 1:
        return values[0]
    return tuple(values) if len(values) == 2 else values
