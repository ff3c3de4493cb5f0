"""Map of movements: where each exposure, and each part of its field, moved how far and whereto."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from unsmear.blur import Blur, Motion
from unsmear.estimate import Estimate
from unsmear.estimate.exposures import name
from unsmear.estimate.seams import Box
from unsmear.images import Image, frames
from unsmear.report.figure import new_figure
from unsmear.restoration.restored import Restored

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PLACES = np.linspace(0.1, 0.9, 5)
"""Places along a drift at which its motion is drawn, 0 to 1."""
LABELLED = 0.5
LANES = (0.2, LABELLED, 0.8)
"""Places across a drift at which it is drawn, and the one where its length is told."""
REACH = 0.16
"""Length of the longest line, as a fraction of the field's shorter side."""
MOST = 12
"""Largest number of fields that are drawn; the table has all."""
TOLD = 12
"""Largest number of movements in the text that stands for the picture; the table has all."""
COLUMNS = 4
"""Number of fields in a row."""
LEFT = "left as it was"
LINE, EDGE = "#e69f00", "#56b4e9"
"""Colours of movements, and of the parts of a field; colour-blind readers can tell them apart."""


@dataclass(frozen=True)
class Mark:
    """A movement at a place.

    where: the place in words. at: (y, x), pixels. motion: None where nothing was taken out.
    kind: what beside a straight line it is, such as "irregular". labelled: whether the map says its
    length too.
    """

    where: str
    at: tuple[float, float]
    motion: Motion | None
    kind: str = ""
    labelled: bool = True

    def __str__(self) -> str:
        if self.motion is None:
            return LEFT
        kind = f", {self.kind}" if self.kind else ""
        return f"{self.motion.length:.1f} px at {round(self.motion.angle) % 180} degrees{kind}"


@dataclass(frozen=True)
class Field:
    """The movements of planes that were exposed together.

    name: which planes, in words; "" for all. plane: (batch, channel) of the first. marks: the
    movements. parts: rows and columns of the parts that the field was cut into. batches: the
    numbers of the planes, whatever their channels; nothing for all.
    """

    name: str
    plane: tuple[int, int]
    marks: tuple[Mark, ...]
    parts: tuple[Box, ...] = ()
    batches: tuple[int, ...] = ()


def of(image: Image, restored: Restored[Image, Image]) -> tuple[Field, ...]:
    """Return the movements of each exposure."""
    return tuple(_fields(image, restored))


def several(fields: Sequence[Field]) -> bool:
    """Return whether there are movements, and more than one that explains the whole image."""
    alike = len(fields) == 1 and len(fields[0].marks) == 1
    return bool(_lengths(fields)) and not alike


def shown(fields: Sequence[Field], batch: int) -> list[Field]:
    """Return the fields of a plane."""
    return [field for field in fields if not field.batches or batch in field.batches]


def _fields(image: Image, restored: Restored[Image, Image]) -> Iterator[Field]:
    if restored.frames:
        split = frames.split(image)
        for number, ((named, frame), done) in enumerate(zip(split, restored.frames, strict=True)):
            for field in _fields(frame, done):
                full = ", ".join(filter(None, (named, field.name)))
                count = len(frame.planes())
                first = number * count
                yield replace(
                    field,
                    name=full,
                    plane=(first + field.plane[0], field.plane[1]),
                    batches=tuple(first + one for one in field.batches or range(count)),
                )
        return
    height, width = image.planes().shape[2:]
    whole = slice(0, height), slice(0, width)
    if not restored.exposures:
        marks = _marks(whole, restored.estimate, restored.blur if restored.touched else None, "")
        yield Field("", (0, 0), marks)
        return
    together: dict[str, Field] = {}
    for outcome in restored.exposures:
        exposure = outcome.exposure
        planes = name(image, replace(exposure, box=None))
        part = outcome.name[len(planes) :].lstrip(", ")
        box = exposure.box or whole
        batch, channel = map(int, exposure.planes[0])
        marks = _marks(box, outcome.estimate, outcome.blur, part)
        field = together.get(planes, Field(planes, (batch, channel), ()))
        together[planes] = replace(
            field,
            batches=tuple(sorted(set(map(int, exposure.planes[:, 0])))),
            marks=field.marks + marks,
            parts=field.parts if exposure.box is None else (*field.parts, exposure.box),
        )
    yield from sorted(together.values(), key=lambda field: field.plane)


def _marks(box: Box, estimate: Estimate | None, blur: Blur | None, part: str) -> tuple[Mark, ...]:
    """Return the movements in a part of a field: one, or those of places along a drift."""
    rows, columns = box

    def at(down: float, across: float) -> tuple[float, float]:
        return (
            rows.start + down * (rows.stop - rows.start),
            columns.start + across * (columns.stop - columns.start),
        )

    drift = None if estimate is None or blur is None else estimate.drift
    if drift is None:
        kind = "" if estimate is None or blur is None else _kind(estimate)
        return (Mark(part, at(0.5, 0.5), _motion(estimate, blur), kind),)
    marks = []
    for place in map(float, PLACES):
        y, x = at(place, 0.5) if drift.down else at(0.5, place)
        where = f"row {y:.0f}" if drift.down else f"column {x:.0f}"
        where = f"{part}, {where}" if part else where
        for lane in LANES:
            spot = at(place, lane) if drift.down else at(lane, place)
            marks.append(Mark(where, spot, drift.at(place), labelled=lane == LABELLED))
    return tuple(marks)


def _motion(estimate: Estimate | None, blur: Blur | None) -> Motion | None:
    if blur is None or isinstance(blur, Motion):
        return blur
    return None if estimate is None else estimate.motion()


def _kind(estimate: Estimate) -> str:
    kinds = ["irregular"] if estimate.kind == "shake" else []
    kinds += ["at uneven speed"] if estimate.profile is not None else []
    return ", ".join([*kinds, *([] if estimate.confident else ["unsure"])])


def rows(fields: Sequence[Field]) -> list[list[str]]:
    """Return the table of the map: planes, place and movement in words, the titles first."""
    found = [["planes", "place", "movement"]]
    for field in fields:
        for where, movement in dict.fromkeys((mark.where, str(mark)) for mark in field.marks):
            found.append([field.name or "all", where or "whole field", movement])
    return found


def scale(fields: Sequence[Field], shape: tuple[int, int]) -> float:
    """Return how many times as long as the movements the lines are drawn; shape: (y, x)."""
    factor = REACH * min(shape) / max(_lengths(fields), default=1.0)
    return float(f"{factor:.1g}") if factor < 1 else float(max(1, int(factor)))


def ends(mark: Mark, factor: float) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return the ends (y, x) of the line that is drawn for a movement, pixels."""
    (y, x), motion = mark.at, mark.motion
    if motion is None:
        return (y, x), (y, x)
    turn, half = np.deg2rad(motion.angle), factor * motion.length / 2
    down, right = -half * float(np.sin(turn)), half * float(np.cos(turn))
    return (y - down, x - right), (y + down, x + right)


def _lengths(fields: Sequence[Field]) -> list[float]:
    return [m.motion.length for field in fields for m in field.marks if m.motion is not None]


def draw(fields: Sequence[Field], planes: NDArray[Any], sides: tuple[int, int]) -> bytes:
    """Return the map as a PNG file: for each exposure its plane, and a line for each movement.

    planes: (batch, channel, y, x), counts. sides: of the image, of which they may be a smaller
    picture, (y, x). At most MOST fields are drawn. Raises MissingExtra
    without matplotlib.
    """
    shown = fields[:MOST]
    factor = scale(fields, sides)
    columns = min(COLUMNS, len(shown))
    lines = -(-len(shown) // columns)
    high = planes.shape[2] / planes.shape[3]
    figure = new_figure(3.4 * columns, (3.4 * min(max(high, 0.3), 3) + 0.3) * lines, dpi=110)
    grid = figure.subplots(lines, columns, squeeze=False).ravel()
    for axes, field in zip(grid, shown, strict=False):
        _draw_field(axes, field, planes[field.plane], sides, factor)
    for axes in grid[len(shown) :]:
        axes.set_axis_off()
    stream = io.BytesIO()
    figure.savefig(stream, format="png", bbox_inches="tight")
    return stream.getvalue()


def _draw_field(
    axes: Axes, field: Field, plane: NDArray[Any], sides: tuple[int, int], factor: float
) -> None:
    from matplotlib.patches import Rectangle

    known = plane[~np.isnan(plane)]
    low, high = np.percentile(known, (0.5, 99.8)) if known.size else (0.0, 1.0)
    step = max(1, max(plane.shape) // 512)
    height, width = sides
    axes.imshow(
        plane[::step, ::step],
        cmap="gray",
        vmin=low,
        vmax=low + (high - low) / 0.6 or 1,
        extent=(0, width, height, 0),
    )
    axes.set(xticks=[], yticks=[], xlim=(0, width), ylim=(height, 0))
    axes.set_title(field.name or "all planes", fontsize=9)
    for rows, columns in field.parts:
        size = columns.stop - columns.start, rows.stop - rows.start
        corner = columns.start, rows.start
        axes.add_patch(Rectangle(corner, *size, fill=False, edgecolor=EDGE, linewidth=1))
    for mark in field.marks:
        _draw_mark(axes, mark, factor)


def _draw_mark(axes: Axes, mark: Mark, factor: float) -> None:
    y, x = mark.at
    first, last = ends(mark, factor)
    if mark.motion is None:
        axes.plot(x, y, "o", color=LINE, markerfacecolor="none", markersize=9)
    else:
        axes.plot(
            [first[1], last[1]],
            [first[0], last[0]],
            color=LINE,
            linewidth=2.5,
            solid_capstyle="round",
        )
    if mark.labelled:
        axes.annotate(
            LEFT if mark.motion is None else f"{mark.motion.length:.1f} px",
            (x, max(first[0], last[0])),
            (0, -7),
            textcoords="offset points",
            ha="center",
            va="top",
            fontsize=8,
            color="white",
            bbox={"facecolor": "black", "alpha": 0.6, "pad": 1.5, "linewidth": 0},
        )
