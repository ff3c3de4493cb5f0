"""Command `unsmear prepare`: pairs of sharp and synthetically blurred images."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from unsmear.blur import Sampler
from unsmear.cli import batch
from unsmear.cli.progress import map_with_progress
from unsmear.data import source
from unsmear.data.prepare import Preparation, Selection
from unsmear.data.prepare import prepare as prepare_pairs
from unsmear.errors import OptionError

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

    order: Literal["resize-blur", "blur-resize"] | None = None
    "Order of steps [default: resize-blur]; blur-resize gives the blur in pixels of the source."

    fit: Literal["crop", "stretch"] = "crop"
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

    family: Annotated[
        Literal["motion", "trajectory", "defocus", "gaussian", "paper"] | None,
        Parameter(name="--blur"),
    ] = None
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


def prepare(
    inputs: Annotated[list[str], Parameter(name="INPUT", negative=())],
    /,
    *,
    output: Annotated[Path, Parameter(name=["--output", "-o"])],
    protocol: Literal["paper"] | None = None,
    frame: FrameOptions = FrameOptions(),
    blur: BlurOptions = BlurOptions(),
    split: str = "70/15/15",
    test: int = 0,
    limit: int | None = None,
    seed: int = 0,
    workers: int | None = None,
) -> int:
    """Make pairs of sharp and blurred images from sharp images.

    Writes sharp/NAME, blur/NAME and manifest.csv. Repeat the command to resume after an
    interruption. The files do not depend on the number of workers.

    Parameters
    ----------
    inputs
        Images, folders, globs or zip files; the files of an HPA field (ID_red.png ...) are one
        image.
    output
        Output folder of the pairs: a new folder, or one of the same command.
    protocol
        "paper": the paper's recipe with degree 6 and angle -45 without normalisation, after
        resizing to 256 pixels; channels RGB, 8 bits.
    split
        Percentages of train/val/test or of train/val; a group of images is never divided, and each
        label is spread over the splits in proportion.
    test
        Number of images in a separate test set, beside a split of train/val.
    limit
        Largest number of images to use, test set included.
    seed
        Random seed of the blurs, the noise and the split.
    workers
        Number of parallel processes [default: all cores].
    """
    given = asdict(frame) | asdict(blur)
    if protocol == "paper":
        given |= _as_in_paper(given)
    reading = {"axes": given["axes"], "channels": given["channels"] or ""}
    survey = source.survey(inputs, **reading)
    report = prepare_pairs(
        survey.items,
        batch.check_folder(output),
        _preparation(given, seed),
        Selection(split, test, limit),
        partial(map_with_progress, workers=_workers(workers), description="prepared"),
        reading,
    )
    for failure in report.failures:
        print(failure, file=sys.stderr)
    written = len(report.pairs) - report.present
    print(f"{written} pairs made, {report.present} already there, {len(report.failures)} failed.")
    code = batch.report_passed_over(survey)
    return 1 if report.failures else code


def _as_in_paper(given: Mapping[str, Any]) -> dict[str, Any]:
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


def _preparation(given: Mapping[str, Any], seed: int) -> Preparation:
    if given["size"] is not None and given["tiles"] is not None:
        raise OptionError("--size is not available with --tiles, which keeps the full resolution.")
    if given["read_noise"] and given["photons"] is None:
        raise OptionError("--read-noise must come with --photons.")
    names = ("size", "tiles", "order", "fit", "bits", "input_range", "photons", "read_noise")
    chosen = {name: given[name] for name in (*names, "repeats") if given[name] is not None}
    return Preparation(sampler=_sampler(given), seed=seed, **chosen)


def _sampler(given: Mapping[str, Any]) -> Sampler:
    """Return the blur sampler; raises OptionError for options of another family."""
    family = given["family"] or "motion"
    parameters = dict(DRAWN[family])
    for name in sorted({name for drawn in DRAWN.values() for name in drawn}):
        if given[name] is None:
            continue
        if name not in parameters:
            raise OptionError(f"--{name} is not available for --blur {family}.")
        parameters[name] = _draw(given[name])
    return Sampler(family, parameters)


def _draw(values: Any) -> Any:
    """Return one value as a number, two as a range, three or more as a list."""
    if not isinstance(values, list):
        return values
    if len(values) == 1:
        return values[0]
    return tuple(values) if len(values) == 2 else values


def _workers(given: int | None) -> int:
    if given is not None:
        return given
    # A job's share of a machine is often smaller than the machine.
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1
