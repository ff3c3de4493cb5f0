"""Job of `unsmear estimate`."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from unsmear import estimate as estimate_
from unsmear.atomic import write_aside
from unsmear.batches import record as batches
from unsmear.batches.record import Session
from unsmear.blur import to_dict
from unsmear.choices import Per
from unsmear.cli.console import say
from unsmear.cli.jobs import batch, camera_maps, no_data, recording
from unsmear.cli.jobs.recording import Recording
from unsmear.cli.jobs.restore import slides
from unsmear.cli.options.estimate import EstimateOptions
from unsmear.cli.options.parameters import BatchOptions
from unsmear.cluster import Where
from unsmear.data import source
from unsmear.data.item import Item
from unsmear.data.source import Survey
from unsmear.errors import ImageError, OptionError
from unsmear.estimate import Estimate, exposures
from unsmear.images import Image, frames, nodata
from unsmear.images.camera_maps import CameraMaps
from unsmear.images.nodata import Gaps, NoData
from unsmear.images.slides import Slide
from unsmear.restoration import slide as restoration

FILE = "estimates.json"
Exposures: TypeAlias = Sequence[Mapping[str, Any]]
"""What was found for each exposure of an image, as `Found.recorded` says it."""


@dataclass(frozen=True)
class Found:
    """The estimate of an image, or of an exposure in it.

    place: the exposure in words; "" for the whole image. where: the same by numbers: time point,
    position, channels, slices, and the rows and columns of a part.
    """

    estimate: Estimate
    place: str = ""
    where: dict[str, Any] = field(default_factory=dict)

    def recorded(self, name: str) -> dict[str, Any]:
        """Return all of it as the record of a batch has it. name: of the image."""
        return {
            "image": name,
            "planes": self.place,
            "movement": self.estimate.describe(),
            "sure": bool(self.estimate.sure),
            "where": self.where,
            **values(self.estimate),
        }


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
    """Print the estimates of all images, and write them if asked; return the exit code."""
    output, picture = question.output, question.picture
    if output is None:
        survey = source.survey(options.inputs, axes=options.axes)
    else:
        survey = batch.find_inputs(options, output)
    if picture is not None and len(survey.items) != 1:
        raise OptionError(f"--picture must be given for one image, got {len(survey.items)}.")
    if output is not None and (output / FILE).exists() and not batches.exists(output):
        raise OptionError(
            f"{output}: the output must be a new folder, or one of unsmear estimate, got one with "
            f"{FILE} of another origin."
        )
    maps = camera_maps.read(question.camera)
    asked = Question(question.per, picture, no_data.read(question.no_data), maps)
    with recording.kept_for(
        output or Path(),
        _session_of(options, question),
        survey,
        resumed=question.resume,
        kept=output is not None,
    ) as record:
        found, code = _estimated(asked, options.where, survey, record, question.as_json)
        said = _as_json(found, camera_maps.record(question.camera, maps))
        if question.as_json:
            _print_json(said, len(survey.items) == 1)
        if output is not None:
            write_aside(output / FILE, (json.dumps(said, indent=1) + "\n").encode())
        return record.end(max(code, batch.report_passed_over(survey)))


def _session_of(options: BatchOptions, question: EstimateOptions) -> Session:
    """Return what is asked, as the record of a batch says it."""
    asked = {
        "per": question.per,
        "no-data": None if question.no_data is None else Path(question.no_data),
        **{f"{name}-map": Path(value) for name, value in question.camera.given().items()},
    }
    return recording.asked("estimate", options, asked, {"json": question.as_json})


def _estimated(
    asked: Question, where: Where, survey: Survey, record: Recording, as_json: bool
) -> tuple[list[Exposures], int]:
    """Return what was found in each image, in their order, and the exit code; print the lines.

    as_json: whether only errors are printed.
    """
    by_item: dict[str, list[Exposures]] = {}
    for item, entries in record.kept.there.items():
        by_item[item] = [entry.found for entry in entries]
        for entry in entries if not as_json else ():
            say(entry.sentence)
    code = 0
    remaining = record.remaining(survey.items)
    outcomes = batch.each(partial(estimate_item, asked), survey, where, "estimated", record)
    for one, parts in zip(remaining, outcomes, strict=True):
        by_item[one.id] = [outcome.found for outcome in parts]
        for outcome in parts:
            if outcome.error:
                say(outcome.error, sys.stderr)
                code = 1
            elif outcome.done and not as_json:
                say(outcome.done)
    return [found for item in survey.items for found in by_item[item.id] if found], code


def estimate_item(asked: Question, item: Item) -> batch.Outcome:
    """Return the estimates of an image, in lines and as its record has them."""
    name = item.files[0].name if len(item.files) == 1 and item.scene is None else item.id
    found = _found(name, item, asked)
    lines = [f"{f'{name} {one.place}'.rstrip()}: {one.estimate.describe()}" for one in found]
    recorded = tuple(one.recorded(name) for one in found)
    return batch.Outcome("estimated", "\n".join(lines), found=recorded)


def _found(name: str, item: Item, asked: Question) -> list[Found]:
    """Return the estimate of an image, or of each of its exposures."""
    with item.slide() as slide:
        if slide is not None:
            return _of_slide(name, slide, asked)
    image = item.read()
    if asked.picture is not None:
        return [_drawn(asked.picture, name, image, asked)]
    return _of_image(name, image, asked)


def _of_image(name: str, image: Image, asked: Question) -> list[Found]:
    """Return the estimate of each exposure of an image, or that of the whole image."""
    if asked.per == "file":
        given = no_data.of_whole(asked.no_data, image)
        return [Found(estimate_.estimate_image(image, given, asked.camera))]
    gaps = Gaps.of(image, no_data.of_whole(asked.no_data, image))
    if asked.camera is not None:
        image, _ = asked.camera.corrected(image)
    parts = frames.split(image)
    masks = [None] * len(parts) if gaps is None else np.split(gaps.mask, len(parts))
    return [
        one
        for (frame, part), mask in zip(parts, masks, strict=True)
        for one in _of_frame(frame, part, mask, asked.per)
    ]


def _of_slide(name: str, slide: Slide, asked: Question) -> list[Found]:
    """Return the estimate of each exposure of an image that is too large for memory."""
    asked_for = {
        "--picture": asked.picture is not None,
        "a map of the camera": asked.camera is not None,
    }
    slides.refuse(name, asked_for)
    estimated = restoration.estimate(slide, asked.per, asked.no_data)
    several = len(estimated) > 1
    return [
        Found(
            exposure.estimate,
            place=exposures.name(slide.header, exposure) if several else "",
            where=_numbers(exposure) if several else {},
        )
        for exposure in estimated
    ]


def _of_frame(frame: str, image: Image, mask: NDArray[np.bool_] | None, per: Per) -> list[Found]:
    """Return the estimate of each exposure of a time point; mask: where it has no data."""
    if mask is not None and mask.all():
        return []
    gaps = None if mask is None else Gaps.of(image, image.with_planes(mask).pixels)
    estimated = exposures.find_in(image, gaps, per)
    numbers = dict(part.split("=") for part in frame.split())
    found = []
    for exposure in estimated:
        place, where = frame, {axis: int(number) for axis, number in numbers.items()}
        if len(estimated) > 1:
            place = f"{frame} {exposures.name(image, exposure)}".lstrip()
            where |= _numbers(exposure)
        found.append(Found(exposure.estimate, place, where))
    return found


def _numbers(exposure: exposures.Exposure) -> dict[str, Any]:
    """Return the planes and the part of an exposure by their numbers, from 0."""
    slices, channels = (sorted(set(map(int, numbers))) for numbers in exposure.planes.T)
    numbers: dict[str, Any] = {"channels": channels, "slices": slices}
    if exposure.box is not None:
        rows, columns = exposure.box
        numbers |= {"rows": [rows.start, rows.stop], "columns": [columns.start, columns.stop]}
    return numbers


def _drawn(picture: Path, name: str, image: Image, asked: Question) -> Found:
    """Return the estimate of an image, and draw it."""
    from unsmear.report.estimate import write_picture

    if frames.count(image) > 1:
        raise ImageError(
            f"{name}: --picture must be given for one exposure, got {frames.count(image)}."
        )
    planes = image.planes()
    given = no_data.of_whole(asked.no_data, image)
    result = estimate_.estimate_image(image, given, asked.camera)
    if planes.dtype.kind == "f":
        planes = nodata.mirrored(planes, np.isnan(planes))
    write_picture(picture, planes, result, f"{name}: {result.describe()}")
    return Found(result)


def _as_json(images: Sequence[Exposures], maps: dict[str, Any]) -> list[dict[str, Any]]:
    """Return an object for each image: its surest exposure, and all of them if several.

    maps: the record of the camera.
    """
    rows = []
    for own in images:
        surest = max(own, key=lambda one: (one["sure"], one["confidence"]))
        row = {
            "image": surest["image"],
            **_numbers_of(surest),
            **({"camera": maps} if maps else {}),
        }
        if len(own) > 1:
            row["exposures"] = [{**one["where"], **_numbers_of(one)} for one in own]
        rows.append(row)
    return rows


def _numbers_of(recorded: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of an estimate, without what its record says beside them."""
    own = ("image", "planes", "movement", "sure", "where")
    return {name: value for name, value in recorded.items() if name not in own}


def _print_json(rows: list[dict[str, Any]], single: bool) -> None:
    """Print the objects of all images; single: whether only one file was given.

    One image of one file is not in a list.
    """
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
