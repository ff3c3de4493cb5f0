"""`unsmear prepare`: any source to pairs of sharp and blurred images."""

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
"""The protocol of Goncalves and Ferreira, as far as it is known."""

DRAWN: dict[str, dict[str, Any]] = {
    "motion": {"length": (4.0, 20.0), "angle": (0.0, 180.0)},
    "trajectory": {"length": (4.0, 20.0), "shake": 0.3},
    "defocus": {"radius": (1.0, 5.0)},
    "gaussian": {"sigma": (0.5, 3.0)},
    "paper": {"degree": 6, "angle": -45.0, "normalise": False},
}
"""How each family is drawn where no option says otherwise."""


@Parameter(name="*")
@dataclass(frozen=True)
class FrameOptions:
    """What is kept of an image; None is the default that its help names."""

    size: int | None = None
    "Pixels of the square output [default: 256]; images are never enlarged."

    tiles: int | None = None
    "Keep the full resolution instead, in tiles of at most this many pixels."

    order: Literal["resize-blur", "blur-resize"] | None = None
    "[default: resize-blur] With blur-resize the blur's pixels are those of the source."

    fit: Literal["crop", "stretch"] = "crop"
    "What becomes of an image that is not square: its middle, or other proportions."

    bits: Literal[8, 16] | None = None
    "Depth of the output [default: 8]."

    input_range: Annotated[tuple[float, float] | None, Parameter(negative=())] = None
    """Source counts that become black and white. Without it 8 and 16 bits are taken over their
    whole range (12 bits stored in 16 stay dark), and floats are refused."""

    channels: str | None = None
    "Of HPA fields, letters of RGBY: RGB leaves the yellow channel out."

    axes: str | None = None
    "Letters of STCZYX, for files that do not say which of their dimensions is which."


@Parameter(name="*")
@dataclass(frozen=True)
class BlurOptions:
    """The blurs. One value is fixed, two are a range, three or more are drawn among."""

    family: Annotated[
        Literal["motion", "trajectory", "defocus", "gaussian", "paper"] | None,
        Parameter(name="--blur"),
    ] = None
    "Family of the blurs [default: motion]. Of numbers one is fixed, two are a range, more a list."

    length: Values = None
    "Motion and trajectory: pixels [default: 4 20]."

    angle: Values = None
    "Motion: degrees anticlockwise from +x [default: 0 180]; paper: the recipe's [default: -45]."

    shake: Values = None
    "Trajectory: 0 (straight) to 1 [default: 0.3]."

    radius: Values = None
    "Defocus: pixels [default: 1 5]."

    sigma: Values = None
    "Gaussian: pixels [default: 0.5 3]."

    degree: int | None = None
    "Paper: pixels [default: 6]."

    normalise: bool | None = None
    "Paper: stretch the result to the whole range [default: no]."

    photons: float | None = None
    "Photon noise on the blurred image: electrons at white."

    read_noise: float = 0.0
    "Read noise on the blurred image, electrons; with --photons."

    repeats: int = 1
    "Pairs of each image, each with its own blur."


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
    """Make pairs of sharp and blurred images from any source.

    Writes sharp/NAME, blur/NAME and manifest.csv. Repeat the command to go on after a kill; any
    number of workers writes the same bytes.

    Parameters
    ----------
    inputs
        Images, folders, globs or zip files; HPA fields (ID_red.png ...) count as one image.
    output
        The folder of the pairs: new, or of this same command.
    protocol
        "paper": its recipe at degree 6 and angle -45 without normalisation, after resizing to 256,
        channels RGB, 8 bits.
    split
        Shares of train/val/test or of train/val; by group, with each label in its share.
    test
        Images of a separate test set, beside a split in two.
    limit
        Images taken in all, the test set among them.
    seed
        Of the blurs, the noise and the split.
    workers
        Processes [default: all cores].
    """
    given = asdict(frame) | asdict(blur)
    if protocol == "paper":
        given |= _as_in_paper(given)
    reading = {"axes": given["axes"], "channels": given["channels"] or ""}
    items = source.find(inputs, **reading)
    report = prepare_pairs(
        items,
        batch.check_folder(output),
        _preparation(given, seed),
        Selection(split, test, limit),
        partial(map_with_progress, workers=_workers(workers), description="prepared"),
        reading,
    )
    for failure in report.failures:
        print(failure, file=sys.stderr)
    made = len(report.pairs) - report.present
    print(f"{made} pairs made, {report.present} already there, {len(report.failures)} failed.")
    return 1 if report.failures else 0


def _as_in_paper(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the protocol's options; raises OptionError where others were given."""
    for name, value in given.items():
        if value is not None and name in PAPER and value != PAPER[name]:
            option = "--blur" if name == "family" else f"--{name}"
            raise OptionError(
                f"{option} must be {PAPER[name]} in the paper's protocol, got {value}."
            )
    if given["tiles"] is not None:
        raise OptionError("the paper's protocol must go without --tiles: it resizes to 256.")
    return PAPER


def _preparation(given: Mapping[str, Any], seed: int) -> Preparation:
    if given["size"] is not None and given["tiles"] is not None:
        raise OptionError("--size must go without --tiles, which keep the full resolution.")
    if given["read_noise"] and given["photons"] is None:
        raise OptionError("--read-noise must come with --photons.")
    kept = ("size", "tiles", "order", "fit", "bits", "input_range", "photons", "read_noise")
    chosen = {name: given[name] for name in (*kept, "repeats") if given[name] is not None}
    return Preparation(sampler=_sampler(given), seed=seed, **chosen)


def _sampler(given: Mapping[str, Any]) -> Sampler:
    """Return the blurs; raises OptionError for options of another family."""
    family = given["family"] or "motion"
    parameters = dict(DRAWN[family])
    for name in sorted({name for drawn in DRAWN.values() for name in drawn}):
        if given[name] is None:
            continue
        if name not in parameters:
            raise OptionError(f"--{name} must go with another family than --blur {family}.")
        parameters[name] = _draw(given[name])
    return Sampler(family, parameters)


def _draw(values: Any) -> Any:
    """Return one value as itself, two as a range, three and more as a list."""
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
