"""What a worker leaves of an image for the page: what it is, pictures, and what moved how."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

from unsmear.atomic import write_aside
from unsmear.data.item import Item
from unsmear.errors import AxesError
from unsmear.estimate import exposures, series
from unsmear.images import Image, frames
from unsmear.images.image import SeveralImagesError
from unsmear.images.nodata import Gaps
from unsmear.local_page.pixels import Pixels
from unsmear.local_page.work import Finding, News, Seen
from unsmear.plain_files import read_json
from unsmear.report.restoration import movements, view
from unsmear.report.restoration.content import Report
from unsmear.report.restoration.display import Stretch, encoded
from unsmear.report.restoration.view import View
from unsmear.restoration import slide as slides
from unsmear.restoration.decision import decide
from unsmear.restoration.exposures import Outcome
from unsmear.restoration.restored import Restored

OVERVIEW = 1024
"""Largest side of the picture of a whole image, pixels."""
THUMBNAIL = 192
"""Largest side of a thumbnail, pixels."""
LOOKING, ESTIMATING = "looking", "estimating the movement"
"""What is done with an image before it is restored."""
FIELD = ("with --axes, for example --axes", "below, for example")
"""What the page has in place of the option that a sentence on axes names."""
VALUES = "view.json"
MARKS = "marks.json"
"""Files in an image's folder: the values of its view, and of the movements in it."""


def see(news: News, item: Item, folder: Path) -> Seen:
    """Say what an image is, and draw it and its thumbnail; raises as its reading does.

    Axes that the file does not say, or that do not fit it, are no error: a user can give them.
    """
    news(LOOKING)
    try:
        with item.slide() as slide:
            image = item.read() if slide is None else slide.header
            pixels = Pixels(image.planes(), slide)
    except SeveralImagesError:
        return Seen(items=tuple(item.expand()))
    except AxesError as error:
        return Seen(unnamed=str(error).replace(*FIELD))
    batches, count = pixels.planes.shape[:2]
    plane, whole = batches // 2, (0, 0, *pixels.sides)
    planes = pixels.part(plane, range(count), whole, OVERVIEW)[None]
    recorded = Report(item.id, "", planes, planes, channels=image.channels)
    shown = view.of(recorded)
    values = {**shown.values, "sides": list(pixels.sides), "shown": plane}
    leave(folder, View(values, shown.pictures, shown.stretch))
    thumbnail = shown.stretch.paint(view.smaller(planes[0], THUMBNAIL))
    write_aside(folder / "thumbnail.png", encoded(thumbnail))
    return Seen(_about(image), batches, tuple(recorded.names))


def _about(image: Image) -> str:
    batches, channels, height, width = image.planes().shape
    parts = [f"{width} x {height} px", image.pixels.dtype.name]
    parts += [f"{channels} channels"] if channels > 1 else []
    parts += [f"{batches} planes"] if batches > 1 else []
    if image.pixel_size is not None:
        parts.append(f"{image.pixel_size[1]:.3g} µm a pixel")
    return ", ".join(parts)


def estimate(news: News, item: Item, folder: Path) -> list[Finding]:
    """Say what moved how in an image, as `unsmear restore` would find it, and mark it."""
    news(ESTIMATING)
    with item.slide() as slide:
        if slide is not None:
            image, frames_ = slide.header, [_outcome(slide.header, slides.estimate(slide))]
        else:
            image = item.read()
            progress = partial(news, ESTIMATING)
            parts = series.split(image, Gaps.of(image))
            frames_ = [
                _outcome(frame.image, estimated)
                for frame, estimated in zip(
                    parts, series.find(parts, progress=progress), strict=True
                )
            ]
    whole = (
        frames_[0] if len(frames_) == 1 else Restored(image, exposures=(), frames=tuple(frames_))
    )
    fields, sides = movements.of(image, whole), image.planes().shape[2:]
    marks = [
        view.marks(fields, batch, (sides[0], sides[1])) for batch in range(len(image.planes()))
    ]
    write_aside(folder / MARKS, json.dumps(marks).encode())
    names = [name for name, _ in frames.split(image)] if len(frames_) > 1 else [""]
    return [
        Finding(
            ", ".join(filter(None, (name, one.name))), one.movement, _is_acted_on(one), one.estimate
        )
        for name, frame in zip(names, frames_, strict=True)
        for one in frame.exposures
    ]


def _is_acted_on(outcome: Outcome) -> bool:
    return outcome.estimate is not None and decide(outcome.estimate).blur is not None


def _outcome(image: Image, found: Sequence[exposures.Exposure]) -> Restored[Image, Image]:
    """Return what a restoration would say of exposures, with the movements that are unsure too."""
    outcomes = []
    for exposure in found:
        estimate = exposure.estimate
        decision = decide(estimate)
        name = exposures.name(image, exposure) if len(found) > 1 else ""
        words, blur = (
            decision.reason or decision.movement,
            estimate.blur() if estimate.found else None,
        )
        outcomes.append(Outcome(name, estimate, words, blur, exposure))
    return Restored(image, False, exposures=tuple(outcomes))


def update(folder: Path, report: Report) -> None:
    """Leave the view of a restoration in the folder of an image that was seen."""
    before = read_json(folder / VALUES)
    # A slide's report has the means of its tiles, whose range is smaller than that of its pixels.
    stretch = Stretch(**before["stretch"]) if report.scale > 1 else None
    shown = view.of(report, stretch)
    leave(folder, View({**shown.values, "sides": before["sides"]}, shown.pictures, shown.stretch))


def leave(folder: Path, shown: View) -> None:
    """Write the pictures of a view, then its values, into an image's folder."""
    for name, data in shown.pictures.items():
        write_aside(folder / f"{name}.png", data)
    values = {**shown.at(str), "stretch": asdict(shown.stretch)}
    write_aside(folder / VALUES, json.dumps(values).encode())
