"""Resolution of an image along its movement and across it, before and after its restoration.

It is measured on one window of each exposure, so that its cost does not grow with the image: one
split of the recorded counts, and the restoration of one half of them by the kernel that was taken
out (see `metrics.resolution`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from unsmear.blur import Kernel
from unsmear.blur.kernel import extent
from unsmear.estimate import jpeg_blocks
from unsmear.estimate.seams import Box
from unsmear.images import Image, frames
from unsmear.images.nodata import Gaps, Mask, NoData
from unsmear.images.slides import Slide
from unsmear.metrics import halves
from unsmear.metrics import resolution as metric
from unsmear.metrics.resolution import Direction, Resolution
from unsmear.restoration.application import apply
from unsmear.restoration.exposures import Outcome, of_given
from unsmear.restoration.field_kernel import FieldKernel
from unsmear.restoration.restored import Restored
from unsmear.restoration.settings import Settings

SIDE = 512
"""Largest side of the window that is measured, pixels."""
CELL = 32
"""Side of the areas whose means tell where an image shows most, pixels."""
MOST = 12
"""Largest number of exposures of an image that are measured."""
LONGEST = 0.25
"""Largest extent of a kernel, as a fraction of the window."""
SEED = 0
"""Of the split: the same image has the same resolution in every run."""

NO_WINDOW = f"no part of {halves.SMALLEST} px or more is free of missing data"
NO_JPEG = "it was compressed as JPEG, whose blocks share noise"
NO_NOISE = (
    "its noise cannot be told from detail: neighbours share it, as after smoothing, interpolation "
    "or compression, or there is detail everywhere"
)

Part: TypeAlias = tuple[Image, Mask | None, Outcome]
"""An image, where it has no data, and what became of planes of it."""
Read: TypeAlias = Callable[[slice, slice], NDArray[Any]]


@dataclass(frozen=True)
class Measured:
    """The resolution of the planes of an exposure.

    planes: which, in words; "" for all. angle: of the movement, degrees; None where none is known,
    and along means along the rows. recorded: None where it cannot be measured. restored: None where
    nothing was restored by a known kernel, either. reason: why it cannot be measured, "" where it
    can.
    """

    planes: str
    angle: float | None = None
    recorded: Resolution | None = None
    restored: Resolution | None = None
    reason: str = ""


def of_image(
    image: Image,
    result: Restored[Image, Image],
    settings: Settings,
    no_data: NoData | None = None,
) -> tuple[Measured, ...]:
    """Return the resolution of each exposure of an image, at most of the first 12.

    image: as it was recorded, without its camera's pattern. no_data: as for `restore`.
    """
    gaps = Gaps.of(image, no_data) if result.no_data else None
    parts = _parts(image, None if gaps is None else gaps.mask, result)
    return tuple(_of_part(*part, settings) for part in islice(parts, MOST))


def of_slide(
    slide: Slide, cells: NDArray[Any], outcomes: Sequence[Outcome], settings: Settings
) -> tuple[Measured, ...]:
    """Return the resolution of each exposure of a slide, at most of the first 12.

    cells: (batch, channel, rows, columns), mean counts of areas of 32 px; NaN without data.
    """
    measured = []
    for outcome in outcomes[:MOST]:
        batch, channel = map(int, outcome.exposure.planes[0])
        read = partial(slide.read, batch, channel)
        shape = slide.header.planes().shape[2:]
        whole = cells[batch, channel][: shape[0] // CELL, : shape[1] // CELL]
        measured.append(_of_plane(whole, read, outcome, settings))
    return tuple(measured)


def _parts(image: Image, mask: Mask | None, result: Restored[Image, Image]) -> Iterator[Part]:
    """Yield each exposure, in the order in which the record of a batch has them."""
    if result.frames:
        split = [frame for _, frame in frames.split(image)]
        masks = [None] * len(split) if mask is None else np.split(mask, len(split))
        for number, (frame, own) in enumerate(zip(split, masks, strict=True)):
            for part, gaps, outcome in _parts(frame, own, result.frames[number]):
                name = ", ".join(filter(None, (f"frame {number}", outcome.name)))
                yield part, gaps, replace(outcome, name=name)
        return
    outcomes = result.exposures
    if not outcomes:
        everything = of_given(np.argwhere(np.ones(image.planes().shape[:2], bool)))
        outcomes = (Outcome("", result.estimate, "", result.blur, everything),)
    for outcome in outcomes:
        yield image, mask, outcome if result.touched else replace(outcome, blur=None)


def _of_part(image: Image, mask: Mask | None, outcome: Outcome, settings: Settings) -> Measured:
    """Return the resolution of the plane of an exposure that shows most."""
    planes = image.planes()
    places = [(int(batch), int(channel)) for batch, channel in outcome.exposure.planes]
    chosen = max(places, key=lambda place: _spread(planes[place][::8, ::8]))
    plane = planes[chosen]
    cells = _cells(plane if mask is None else np.where(mask[chosen], np.nan, plane))

    def read(rows: slice, columns: slice) -> NDArray[Any]:
        window: NDArray[Any] = plane[rows, columns]
        return window

    return _of_plane(cells, read, outcome, settings)


def _of_plane(cells: NDArray[Any], read: Read, outcome: Outcome, settings: Settings) -> Measured:
    """Return the resolution of the part of a plane that shows most.

    cells: (rows, columns), mean counts of areas of 32 px. read: returns a window of it, counts.
    """
    box = outcome.exposure.box
    if box is not None:
        rows, columns = (slice(-(-span.start // CELL), span.stop // CELL) for span in box)
        known = np.full(cells.shape, np.nan)
        known[rows, columns] = cells[rows, columns]
        cells = known
    window = busiest(cells)
    if window is None:
        return Measured(outcome.name, reason=NO_WINDOW)
    return _of_window(read(*window), _at(outcome, window, cells.shape), settings)


def busiest(cells: NDArray[Any]) -> Box | None:
    """Return rows and columns, pixels, of the window whose cells (rows, columns) differ most.

    None where every window of 128 px or more has a cell without data (NaN).
    """
    known = np.isfinite(cells)
    if not known.any():
        return None
    held = [np.flatnonzero(known.any(axis=1 - axis)) for axis in (0, 1)]
    starts = [int(places[0]) for places in held]
    part = cells[starts[0] : held[0][-1] + 1, starts[1] : held[1][-1] + 1]
    sides = [min(SIDE // CELL, length) for length in part.shape]
    if min(sides) * CELL < halves.SMALLEST:
        return None
    steps = [max(1, side // 2) for side in sides]
    windows = np.lib.stride_tricks.sliding_window_view(part, sides)[:: steps[0], :: steps[1]]
    spread = np.nan_to_num((windows / _peak(part)).std(axis=(2, 3)), nan=-1)
    if spread.max() < 0:
        return None
    place = np.unravel_index(spread.argmax(), spread.shape)
    rows, columns = (
        slice(CELL * (start + int(index) * step), CELL * (start + int(index) * step + side))
        for start, index, step, side in zip(starts, place, steps, sides, strict=True)
    )
    return rows, columns


def _spread(counts: NDArray[Any]) -> float:
    """Return the standard deviation of counts."""
    peak = _peak(counts)
    return peak * float(np.nan_to_num(counts / peak).std())


def _peak(counts: NDArray[Any]) -> float:
    """Return the largest absolute value, 1 for none: the squares of huge counts have no room."""
    return float(np.abs(np.nan_to_num(counts)).max()) or 1.0


def _cells(plane: NDArray[Any]) -> NDArray[np.float64]:
    """Return the mean counts of whole areas of a plane (y, x); NaN where any has no data."""
    rows, columns = (side // CELL for side in plane.shape)
    areas = plane[: rows * CELL, : columns * CELL].reshape(rows, CELL, columns, CELL)
    return np.asarray(areas.mean(axis=(1, 3), dtype=np.float64))


def _at(outcome: Outcome, window: Box, shape: tuple[int, ...]) -> Outcome:
    """Return an outcome with the movement in a window, where it drifts across the field."""
    drift = None if outcome.estimate is None else outcome.estimate.drift
    if drift is None or outcome.blur is None:
        return outcome
    axis = 0 if drift.down else 1
    whole = outcome.exposure.box or tuple(slice(0, CELL * side) for side in shape)
    span, part = whole[axis], window[axis]
    place = ((part.start + part.stop) / 2 - span.start) / (span.stop - span.start)
    return replace(outcome, blur=drift.at(place))


def _of_window(counts: NDArray[Any], outcome: Outcome, settings: Settings) -> Measured:
    """Return the resolution of a window (y, x) of a plane."""
    angle, kernel = _movement(outcome, min(counts.shape))
    if jpeg_blocks.are_present(counts[None, None]):
        return Measured(outcome.name, angle, reason=NO_JPEG)
    parts = halves.split(counts / _peak(counts), np.random.default_rng(SEED))
    if parts is None:
        return Measured(outcome.name, angle, reason=NO_NOISE)
    if kernel is None:
        return Measured(outcome.name, angle, metric.of_recorded(parts, Direction(angle or 0.0)))
    direction = Direction.of(kernel)
    half = Image(parts.first.astype(np.float32), "YX")
    alone = Settings(settings.method, settings.options, force=True)
    restored = apply(half, FieldKernel(kernel), alone).image.pixels
    return Measured(
        outcome.name,
        direction.angle,
        metric.of_recorded(parts, direction, kernel),
        metric.of_restored(parts, direction, kernel, restored),
    )


def _movement(outcome: Outcome, side: int) -> tuple[float | None, Kernel | None]:
    """Return the angle of the movement of an exposure, None for none, and the kernel taken out.

    side: of the window, pixels; a kernel that is long beside it is left out.
    """
    if outcome.blur is not None:
        kernel = outcome.blur.kernel()
        if max(extent(kernel)) <= LONGEST * side:
            return None, kernel
        return Direction.of(kernel).angle, None
    estimate = outcome.estimate
    return (None if estimate is None or not estimate.found else estimate.angle), None
