"""Job of `unsmear estimate`."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsmear import estimate as estimate_
from unsmear.blur import to_dict
from unsmear.choices import Per
from unsmear.cli.console import say
from unsmear.cli.jobs import batch, camera_maps, no_data
from unsmear.cli.jobs.progress import map_with_progress
from unsmear.cli.jobs.restore import slides
from unsmear.cli.options.estimate import EstimateOptions
from unsmear.cli.options.parameters import BatchOptions
from unsmear.data import source
from unsmear.data.item import Item
from unsmear.errors import ImageError, OptionError, UnsmearError, no_memory
from unsmear.estimate import Estimate, exposures
from unsmear.images import Image, frames, nodata
from unsmear.images.camera_maps import CameraMaps
from unsmear.images.image import SeveralImagesError
from unsmear.images.nodata import Gaps, NoData
from unsmear.images.slides import Slide
from unsmear.restoration import slide as restoration


@dataclass(frozen=True)
class Outcome:
    """The estimate of an image, or of an exposure in it, or an error.

    name: of the image. source: its item, unique. place: the exposure in words; "" for the whole
    image. where: the same by numbers: time point, position, channels, slices, and the rows and
    columns of a part.
    """

    name: str
    estimate: Estimate | None = None
    error: str = ""
    source: str = ""
    place: str = ""
    where: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Question:
    """What is asked of every image.

    per: what shares a movement. picture: where the estimate of a single image is drawn.
    no_data: a value or a mask of pixels without data; None finds padding. camera: whose pattern is
    taken out beforehand.
    """

    per: Per
    picture: Path | None = None
    no_data: NoData | Slide | None = None
    camera: CameraMaps | None = None


def run(options: BatchOptions, question: EstimateOptions) -> int:
    """Print the estimates of all images; return the exit code."""
    picture, as_json = question.picture, question.as_json
    survey = source.survey(options.inputs, axes=options.axes)
    count = len(survey.items)
    if picture is not None and count != 1:
        raise OptionError(f"--picture must be given for one image, got {count}.")
    maps = camera_maps.read(question.camera)
    asked = Question(question.per, picture, no_data.read(question.no_data), maps)
    work = partial(estimate_item, asked)
    outcomes: list[Outcome] = []
    where = options.where
    for parts in map_with_progress(work, survey.items, where, "estimated", batch.name, _lost):
        outcomes += parts
        _say(parts, as_json)
    if as_json:
        known = [outcome for outcome in outcomes if not outcome.error]
        _print_json(known, count == 1, camera_maps.record(question.camera, maps))
    code = batch.report_passed_over(survey)
    return 1 if any(outcome.error for outcome in outcomes) else code


def _say(outcomes: list[Outcome], as_json: bool) -> None:
    """Print the errors, and the estimates unless they will be printed as JSON."""
    for outcome in outcomes:
        if outcome.error:
            say(outcome.error, sys.stderr)
        elif outcome.estimate is not None and not as_json:
            named = f"{outcome.name} {outcome.place}".rstrip()
            say(f"{named}: {outcome.estimate.describe()}")


def estimate_item(asked: Question, item: Item) -> list[Outcome]:
    """Return the estimate of each image in an item's file."""
    try:
        return [replace(one, source=item.id) for one in _estimate(asked, item)]
    except SeveralImagesError:
        pass
    try:
        with item.here() as here:
            return [
                replace(one, source=single.id)
                for single in here.expand()
                for one in _estimate(asked, single)
            ]
    except UnsmearError as error:
        return [Outcome(item.id, error=str(error))]


def _lost(item: Item, sentence: str) -> list[Outcome]:
    return [Outcome(item.id, error=sentence)]


def _estimate(asked: Question, item: Item) -> list[Outcome]:
    """Return the estimate of an image, or of each of its time points and positions."""
    name = item.files[0].name if len(item.files) == 1 and item.scene is None else item.id
    try:
        with item.slide() as slide:
            if slide is not None:
                return _of_slide(name, slide, asked)
        image = item.read()
        if asked.picture is not None:
            return [_drawn(asked.picture, name, image, asked)]
        return _of_image(name, image, asked)
    except SeveralImagesError:
        raise
    except UnsmearError as error:
        return [Outcome(name, error=str(error))]
    except MemoryError:
        return [Outcome(name, error=no_memory(name))]
    # Whatever happens to one image, the others go on.
    except Exception as error:
        return [Outcome(name, error=batch.unforeseen(name, error))]


def _of_image(name: str, image: Image, asked: Question) -> list[Outcome]:
    """Return the estimate of each exposure of an image, or that of the whole image."""
    if asked.per == "file":
        given = no_data.of_whole(asked.no_data, name)
        return [Outcome(name, estimate_.estimate_image(image, given, asked.camera))]
    gaps = Gaps.of(image, no_data.of_whole(asked.no_data, name))
    if asked.camera is not None:
        image, _ = asked.camera.corrected(image)
    parts = frames.split(image)
    masks = [None] * len(parts) if gaps is None else np.split(gaps.mask, len(parts))
    return [
        one
        for (frame, part), mask in zip(parts, masks, strict=True)
        for one in _of_frame(name, frame, part, mask, asked.per)
    ]


def _of_slide(name: str, slide: Slide, asked: Question) -> list[Outcome]:
    """Return the estimate of each exposure of an image that is too large for memory."""
    asked_for = {
        "--picture": asked.picture is not None,
        "a map of the camera": asked.camera is not None,
    }
    slides.refuse(name, asked_for)
    estimated = restoration.estimate(slide, asked.per, asked.no_data)
    several = len(estimated) > 1
    return [
        Outcome(
            name,
            exposure.estimate,
            place=exposures.name(slide.header, exposure) if several else "",
            where=_numbers(exposure) if several else {},
        )
        for exposure in estimated
    ]


def _of_frame(
    name: str, frame: str, image: Image, mask: NDArray[np.bool_] | None, per: Per
) -> list[Outcome]:
    """Return the estimate of each exposure of a time point; mask: where it has no data."""
    if mask is not None and mask.all():
        return []
    gaps = None if mask is None else Gaps.of(image, image.with_planes(mask).pixels)
    estimated = exposures.find_in(image, gaps, per)
    numbers = dict(part.split("=") for part in frame.split())
    outcomes = []
    for exposure in estimated:
        place, where = frame, {axis: int(number) for axis, number in numbers.items()}
        if len(estimated) > 1:
            place = f"{frame} {exposures.name(image, exposure)}".lstrip()
            where |= _numbers(exposure)
        outcomes.append(Outcome(name, exposure.estimate, place=place, where=where))
    return outcomes


def _numbers(exposure: exposures.Exposure) -> dict[str, Any]:
    """Return the planes and the part of an exposure by their numbers, from 0."""
    slices, channels = (sorted(set(map(int, numbers))) for numbers in exposure.planes.T)
    numbers: dict[str, Any] = {"channels": channels, "slices": slices}
    if exposure.box is not None:
        rows, columns = exposure.box
        numbers |= {"rows": [rows.start, rows.stop], "columns": [columns.start, columns.stop]}
    return numbers


def _drawn(picture: Path, name: str, image: Image, asked: Question) -> Outcome:
    """Return the estimate of an image, and draw it."""
    from unsmear.report.estimate import write_picture

    if frames.count(image) > 1:
        raise ImageError(
            f"{name}: --picture must be given for one exposure, got {frames.count(image)}."
        )
    planes = image.planes()
    given = no_data.of_whole(asked.no_data, name)
    result = estimate_.estimate_image(image, given, asked.camera)
    if planes.dtype.kind == "f":
        planes = nodata.mirrored(planes, np.isnan(planes))
    write_picture(picture, planes, result, f"{name}: {result.describe()}")
    return Outcome(name, result)


def _print_json(outcomes: list[Outcome], single: bool, maps: dict[str, Any]) -> None:
    """Print an object for each image: that of its surest exposure, and all of them if several.

    single: whether only one file was given; one image is then not in a list. maps: the
    record of the camera.
    """
    images: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        images.setdefault(outcome.source or outcome.name, []).append(outcome)
    rows = []
    for own in images.values():
        found = [(one, one.estimate) for one in own if one.estimate is not None]
        _, surest = max(found, key=lambda pair: (pair[1].sure, pair[1].confidence))
        row = {"image": own[0].name, **values(surest), **({"camera": maps} if maps else {})}
        if len(own) > 1:
            row["exposures"] = [{**one.where, **values(estimate)} for one, estimate in found]
        rows.append(row)
    if single and len(rows) == 1:
        print(json.dumps(rows[0]))
    elif rows or not single:
        print(json.dumps(rows, indent=1))


def values(result: Estimate) -> dict[str, Any]:
    """Return an estimate as plain values; those that not every kind has, where it has them."""
    names = ["length", "angle", "confidence", "length_error", "angle_error"]
    names += ["radius", "radius_error"] if result.kind == "defocus" else []
    plain = {"kind": result.kind} | {name: round(getattr(result, name), 4) for name in names}
    plain |= {"recipe": vars(result.recipe)} if result.recipe else {}
    plain |= {"processed": result.processed.kind} if result.processed else {}
    plain |= {"profile": to_dict(result.profile)} if result.profile else {}
    if result.drift is not None:
        first, last = to_dict(result.drift.first), to_dict(result.drift.last)
        plain["drift"] = {"down": result.drift.down, "first": first, "last": last}
    return plain | ({"doubt": result.doubt} if result.doubt else {})
