"""Which planes of an image share a movement: each is estimated alone, and pooled where they agree.

A movement belongs to an exposure: channels that were recorded one after the other may have moved
differently, and one kernel for all ruins the others. Planes are pooled only with those under whose
movement their own spectrum is about as likely as under their best one (a likelihood-ratio test); a
plane whose own estimate is not sure takes the movement of the others only by the same test.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from unsmear import estimate as estimation
from unsmear.choices import Per
from unsmear.cores import one_blas_thread
from unsmear.estimate import fields, saturation, seams
from unsmear.estimate.agreement import Group, Plane, estimate_alone, loss_under, part_of
from unsmear.estimate.result import Estimate
from unsmear.images import Image, outliers
from unsmear.images.nodata import Gaps
from unsmear.images.scaling import moderated
from unsmear.images.timing import UNKNOWN, Timing

Progress: TypeAlias = Callable[[int, int], None]
"""Callback with how much of the work is done, and how much there is."""


@dataclass(frozen=True, eq=False)
class Exposure:
    """Planes that share an estimate.

    planes: their indices, (n, 2), batch and channel. estimate: what blurred them.
    box: rows and columns of the part of the field that it is about; None for the whole field.
    """

    planes: NDArray[np.intp]
    estimate: Estimate
    box: seams.Box | None = None

    def moved(self, down: int, across: int) -> Exposure:
        """Return the same exposure in a field that begins so many rows and columns earlier."""
        if self.box is None:
            return self
        rows, columns = (
            slice(span.start + by, span.stop + by)
            for span, by in zip(self.box, (down, across), strict=True)
        )
        return replace(self, box=(rows, columns))


@one_blas_thread()
def find(
    planes: NDArray[Any],
    gaps: NDArray[np.bool_] | None = None,
    per: Per = "auto",
    known: NDArray[np.bool_] | None = None,
    timing: Timing = UNKNOWN,
    progress: Progress | None = None,
) -> list[Exposure]:
    """Return the exposures of one time point and position, the surest first.

    planes: (batch, channel, y, x) counts, of which the batch are slices. gaps: as for
    `estimate_planes`. known: (batch, channel), planes that are left out. Every other plane is in
    one exposure. Planes that hold one value, and those for which no motion is sure, are together
    in the last ones. timing: what the file says of the channels. progress: called with how many
    planes, or groups of them, are estimated, and how many there are.
    """
    planes, _ = outliers.replaced(planes, gaps)
    gaps = saturation.masked(planes, gaps)
    asked = np.argwhere(np.ones(planes.shape[:2], bool) if known is None else ~known)
    if per in ("file", "frame"):
        if known is None:
            return [Exposure(asked, estimation.estimate_planes(planes, gaps))]
        return [Exposure(asked, estimation.estimate_planes(*part_of(planes, gaps, asked)))]
    everything = [(int(i), int(j)) for i, j in asked]
    groups = [[place] for place in everything]
    if per == "channel":
        groups = [
            [place for place in everything if place[1] == channel]
            for channel in np.unique(asked[:, 1])
        ]
    elif per == "auto" and timing.together:
        groups = [
            [place for place in everything if place[0] == number]
            for number in np.unique(asked[:, 0])
        ]
    singles = []
    for group in groups:
        singles.append(estimate_alone(planes, gaps, group, timing.of(group[0][1])))
        if progress is not None:
            progress(len(singles), len(groups))
    if per != "auto":
        return [Exposure(np.array(single.index), single.estimate) for single in singles]
    pooled = (
        _pooled(planes, gaps, singles)
        if len(singles) > 1
        else [Exposure(np.array(singles[0].index), singles[0].estimate)]
    )
    return [
        Exposure(exposure.planes, estimate, box)
        for exposure in pooled
        for box, estimate in fields.parts(
            *part_of(planes, gaps, exposure.planes), exposure.estimate
        )
    ]


def find_in(
    image: Image,
    gaps: Gaps | None,
    per: Per = "auto",
    known: NDArray[np.bool_] | None = None,
    progress: Progress | None = None,
) -> list[Exposure]:
    """Return the exposures of an image of one time point and position.

    gaps: where it has no data, `Gaps.of(image)`. known, progress: as for `find`.
    """
    planes, inside = prepared(image, gaps)
    exposures = find(planes, inside, per, known, image.timing, progress)
    if gaps is None:
        return exposures
    return [exposure.moved(*(span.start for span in gaps.box)) for exposure in exposures]


def prepared(image: Image, gaps: Gaps | None) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
    """Return an image's planes as `find` takes them, and where they hold no data."""
    image, _ = moderated(image)
    if gaps is None:
        return image.planes(), None
    return gaps.filled(image).planes(), gaps.inside


def _pooled(
    planes: NDArray[Any], gaps: NDArray[np.bool_] | None, singles: list[Plane]
) -> list[Exposure]:
    """Return the exposures that the planes' own estimates support."""
    sure = sorted(
        (plane for plane in singles if plane.estimate.sure), key=lambda plane: -plane.weight
    )
    unsure = [plane for plane in singles if not plane.estimate.sure]
    if not sure and len(unsure) > 1:
        # Planes too weak to tell alone may tell together.
        together = estimate_alone(
            planes, gaps, [place for plane in unsure for place in plane.index]
        )
        if together.estimate.sure:
            joined = [plane for plane in unsure if loss_under(plane, together.estimate) is not None]
            if len(joined) > 1:
                places = [place for plane in joined for place in plane.index]
                rest = [plane for plane in unsure if plane not in joined]
                found = [Exposure(np.array(places), together.estimate)]
                return found + _left(rest)
        return _left(unsure)
    groups: list[Group] = []
    rest = []
    for plane in [*sure, *unsure]:
        fits = [(fit, group) for group in groups if (fit := group.fit(plane)) is not None]
        if fits:
            (_, ratio), group = min(fits, key=lambda pair: pair[0])
            group.add(plane, ratio)
        elif plane.estimate.sure:
            groups.append(Group(plane))
        else:
            rest.append(plane)
    agreed = [found for group in groups for found in group.estimates(planes, gaps)]
    return [Exposure(np.array(places), estimate) for places, estimate in agreed] + _left(rest)


def _left(rest: list[Plane]) -> list[Exposure]:
    """Return the planes without a sure movement, those for which none was found together.

    What may be acted on all the same if the user wants it stays apart: a movement belongs to it.
    """
    sorts: dict[object, list[Plane]] = {}
    for number, plane in enumerate(rest):
        still = not plane.estimate.found and plane.estimate.processed is None
        sorts.setdefault(plane.estimate.kind if still else number, []).append(plane)
    return [
        Exposure(
            np.array([place for plane in same for place in plane.index]),
            min(same, key=lambda plane: plane.estimate.confidence).estimate,
        )
        for same in sorts.values()
    ]


def blocks(exposure: Exposure) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Return the exposure's planes as products of slices and channels, (batch, channel) indices."""
    slices: dict[tuple[int, ...], list[int]] = {}
    for channel in np.unique(exposure.planes[:, 1]):
        numbers = exposure.planes[exposure.planes[:, 1] == channel, 0]
        slices.setdefault(tuple(map(int, np.sort(numbers))), []).append(int(channel))
    for batch, channels in slices.items():
        yield np.array(batch, np.intp), np.array(channels, np.intp)


def name(image: Image, exposure: Exposure) -> str:
    """Return which planes of an image an exposure is, in words; "" for all of them."""
    count, channels = image.planes().shape[:2]
    phrases = []
    for batch, chosen in blocks(exposure):
        words = []
        if len(chosen) < channels:
            words.append(_channels(image, chosen))
        if len(batch) < count:
            words.append(f"slice{'s' if len(batch) > 1 else ''} {_ranges(batch)}")
        if words:
            phrases.append(" of ".join(reversed(words)))
    phrase = " and ".join(phrases)
    if exposure.box is not None:
        sides = zip(("rows", "columns"), exposure.box, image.planes().shape[2:], strict=True)
        spans = [
            f"{axis} {span.start} to {span.stop - 1}"
            for axis, span, side in sides
            if (span.start, span.stop) != (0, side)
        ]
        phrase = ", ".join([phrase, *spans] if phrase else spans)
    return phrase


def _channels(image: Image, chosen: Sequence[int] | NDArray[np.intp]) -> str:
    if image.channels:
        return " and ".join(image.channels[index] for index in chosen)
    return f"channel{'s' if len(chosen) > 1 else ''} {_ranges(chosen)}"


def _ranges(numbers: Sequence[int] | NDArray[np.intp]) -> str:
    """Return sorted numbers as "0, 3 to 7"."""
    runs: list[list[int]] = []
    for number in map(int, numbers):
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(
        str(run[0]) if len(run) == 1 else f"{run[0]} {'and' if len(run) == 2 else 'to'} {run[-1]}"
        for run in runs
    )
