"""Job of `unsmear estimate`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from unsmear import estimate as estimate_
from unsmear.atomic import write_aside
from unsmear.batches import layout
from unsmear.batches import record as batches
from unsmear.batches.entry import ESTIMATED, UNSURE
from unsmear.batches.record import Session
from unsmear.choices import Per
from unsmear.cli.console import as_json, say
from unsmear.cli.jobs import batch, camera_maps, no_data, recording
from unsmear.cli.jobs.announcement import announce_all
from unsmear.cli.jobs.batch import Outcome
from unsmear.cli.jobs.found import values
from unsmear.cli.jobs.inputs import find_inputs
from unsmear.cli.jobs.progress import within
from unsmear.cli.jobs.recording import Recording
from unsmear.cli.jobs.restore import slides
from unsmear.cli.options.estimate import EstimateOptions
from unsmear.cli.options.parameters import BatchOptions
from unsmear.cluster import Where
from unsmear.data import source
from unsmear.data.item import Item
from unsmear.data.source import Survey
from unsmear.errors import ImageError, OptionError
from unsmear.estimate import Estimate, exposures, series
from unsmear.images import Image, frames, nodata
from unsmear.images.camera_maps import CameraMaps
from unsmear.images.nodata import Gaps, NoData
from unsmear.images.slides import Slide
from unsmear.restoration import slide as restoration
from unsmear.restoration.decision import decide

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
            "movement": decide(self.estimate).movement,
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
        survey = source.survey(options.inputs, axes=options.axes, labels=False)
    else:
        survey = find_inputs(options, output)
    if picture is not None and len(survey.items) != 1:
        raise OptionError(f"--picture must be given for one image, got {len(survey.items)}.")
    if output is not None and (output / FILE).exists() and not batches.exists(output):
        raise OptionError(
            f"{output}: the output must be a new folder, or one of unsmear estimate, got one with "
            f"{FILE} of another origin."
        )
    if question.dry_run:
        written = ["nothing"] if output is None else [output / FILE, layout.record(output)]
        return announce_all("images", [item.id for item in survey.items], written)
    maps = camera_maps.read(question.camera)
    asked = Question(question.per, picture, no_data.read(question.no_data), maps)
    with recording.kept_for(
        output or Path(),
        _session_of(options, question),
        survey,
        recording.Earlier(resumed=question.resume),
        kept=output is not None,
    ) as record:
        told = Told(camera_maps.record(question.camera, maps))
        found, outcomes = _estimated(asked, options.where, survey, record, told)
        if output is not None:
            rows = list(map(told.row, found))
            write_aside(output / FILE, (json.dumps(rows, indent=1) + "\n").encode())
        return record.end(batch.summarise(outcomes, survey, ESTIMATED))


def _session_of(options: BatchOptions, question: EstimateOptions) -> Session:
    """Return what is asked, as the record of a batch says it."""
    asked = {
        "per": question.per,
        "no-data": None if question.no_data is None else Path(question.no_data),
        **{f"{name}-map": Path(value) for name, value in question.camera.given().items()},
    }
    return recording.asked("estimate", options, asked, {})


def _estimated(
    asked: Question, where: Where, survey: Survey, record: Recording, told: Told
) -> tuple[list[Exposures], list[Outcome]]:
    """Return what was found in each image, in their order, and all outcomes; print the lines."""
    by_item: dict[str, list[Exposures]] = {}
    done: list[Outcome] = []
    for item, entries in record.kept.there.items():
        by_item[item] = [entry.found for entry in entries]
        done += [Outcome(entry.action) for entry in entries]
        for entry in entries:
            told.say(entry.found)
    remaining = record.remaining(survey.items)
    outcomes = batch.each(partial(estimate_item, asked), survey, where, ESTIMATED, record)
    for one, parts in zip(remaining, outcomes, strict=True):
        by_item[one.id] = [outcome.found for outcome in parts]
        done += parts
        for outcome in parts:
            if outcome.error:
                outcome.say()
            else:
                told.say(outcome.found)
    return [found for item in survey.items for found in by_item[item.id] if found], done


def estimate_item(asked: Question, item: Item) -> Outcome:
    """Return the estimates of an image, in lines and as its record has them."""
    recorded = tuple(one.recorded(item.id) for one in _found(item.id, item, asked))
    unsure = any(one["unsure"] for one in recorded) and not any(one["sure"] for one in recorded)
    action = UNSURE if unsure else ESTIMATED
    return Outcome(action, "\n".join(lines_of(recorded)), found=recorded)


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
    parts = series.split(image, gaps)
    return [
        one
        for frame, estimated in zip(parts, series.find(parts, asked.per, within), strict=True)
        for one in _of_frame(frame, estimated)
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


def _of_frame(frame: series.Frame, estimated: Sequence[exposures.Exposure]) -> list[Found]:
    """Return the estimate of each exposure of a time point."""
    numbers = dict(part.split("=") for part in frame.name.split())
    found = []
    for exposure in estimated:
        place, where = frame.name, {axis: int(number) for axis, number in numbers.items()}
        if len(estimated) > 1:
            place = f"{frame.name} {exposures.name(frame.image, exposure)}".lstrip()
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


def lines_of(own: Exposures) -> list[str]:
    """Return the line on each exposure of an image."""
    return [
        f"{' '.join(filter(None, (one['image'], one['planes'])))}: {one['movement']}" for one in own
    ]


@dataclass(frozen=True)
class Told:
    """How an image's estimates are told. maps: the record of the camera."""

    maps: dict[str, Any]

    def say(self, own: Exposures) -> None:
        """Print a line for each exposure of an image, or one object for all of them."""
        if as_json() and own:
            say("", **self.row(own))
        for line in lines_of(own) if not as_json() else ():
            say(line)

    def row(self, own: Exposures) -> dict[str, Any]:
        """Return the object of an image: its surest exposure, and all of them if several."""
        surest = max(own, key=lambda one: (one["sure"], one["confidence"]))
        row = {
            "image": surest["image"],
            **_numbers_of(surest),
            **({"camera": self.maps} if self.maps else {}),
        }
        if len(own) > 1:
            row["exposures"] = [{**one["where"], **_numbers_of(one)} for one in own]
        return row


def _numbers_of(recorded: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of an estimate, without what its record says beside them."""
    own = ("image", "planes", "movement", "sure", "where")
    return {name: value for name, value in recorded.items() if name not in own}
