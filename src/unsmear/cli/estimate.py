"""`unsmear estimate`: which movement blurred an image."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from unsmear import estimate as estimate_
from unsmear.cli.progress import map_with_progress
from unsmear.data import source
from unsmear.data.source import Item
from unsmear.errors import OptionError, UnsmearError
from unsmear.estimate import Estimate


@dataclass(frozen=True)
class Outcome:
    """What was found in one image, or why nothing could be looked for."""

    name: str
    found: Estimate | None = None
    error: str = ""


def estimate(
    inputs: Annotated[list[str], Parameter(name="INPUT", negative=())],
    /,
    *,
    as_json: Annotated[bool, Parameter(name="--json", negative=())] = False,
    picture: Path | None = None,
    axes: str | None = None,
    workers: int = 1,
) -> int:
    """Find the movement that blurred an image: its kind, length, angle and confidence.

    One movement is looked for in all channels and planes together: none, straight, a shake, or
    none but out of focus. The angle is in degrees anticlockwise from the right; confidence is how
    often such an answer is right within the stated errors.

    Parameters
    ----------
    inputs
        Images, folders, globs or zip files; HPA fields (ID_red.png ...) are taken as one.
    as_json
        Print one JSON object for one image, a list of them for several; length 0 is no motion.
    picture
        A PNG file for the image, its spectrum with the bands found, and the kernel.
    axes
        Letters of STCZYX, for files that do not say which of their dimensions is which.
    workers
        Images looked at at once, each in a process of its own.
    """
    items = source.find(inputs, axes=axes)
    if picture is not None and len(items) != 1:
        raise OptionError(f"--picture must be given for one image, got {len(items)}.")
    look = partial(_look, picture)
    outcomes: list[Outcome] = []
    for outcome in map_with_progress(look, items, workers, "estimated"):
        outcomes.append(outcome)
        if outcome.error:
            print(outcome.error, file=sys.stderr)
        elif outcome.found is not None and not as_json:
            print(f"{outcome.name}: {outcome.found.describe()}")
    if as_json:
        _print_json([one for one in outcomes if not one.error], len(items) == 1)
    return 1 if any(one.error for one in outcomes) else 0


def _look(picture: Path | None, item: Item) -> Outcome:
    name = item.files[0].name if len(item.files) == 1 else item.id
    try:
        planes = item.read().planes()
        found = estimate_.estimate_planes(planes)
        if picture is not None:
            from unsmear.report.estimate import write_picture

            write_picture(picture, planes, found, f"{name}: {found.describe()}")
    except UnsmearError as error:
        return Outcome(name, error=str(error))
    except MemoryError:
        return Outcome(name, error=f"{name}: there is not enough memory for this image.")
    return Outcome(name, found)


def _print_json(outcomes: list[Outcome], single: bool) -> None:
    rows = [{"image": one.name, **values(one.found)} for one in outcomes if one.found is not None]
    if not single:
        print(json.dumps(rows, indent=1))
    elif rows:
        print(json.dumps(rows[0]))


def values(found: Estimate) -> dict[str, Any]:
    """Return what was found as plain values; the radius and the recipe where there is one."""
    names = ["length", "angle", "confidence", "length_error", "angle_error"]
    names += ["radius", "radius_error"] if found.kind == "defocus" else []
    plain = {"kind": found.kind} | {name: round(getattr(found, name), 4) for name in names}
    return plain | ({"recipe": vars(found.recipe)} if found.recipe else {})
