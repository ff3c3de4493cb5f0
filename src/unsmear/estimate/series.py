"""The exposures of a series: time points or positions, which a stage may have moved alike.

Each has movements of its own. Where little light leaves one unsure, the sure movements of others
are offered to it, and where none is sure, what all of them give together; it takes one by the same
test as a channel takes that of another (`agreement.loss_under`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsmear.choices import Per
from unsmear.estimate import exposures, saturation
from unsmear.estimate.agreement import Plane, estimate_alone, is_even, is_same, loss_under, refitted
from unsmear.estimate.exposures import Exposure, Progress
from unsmear.estimate.result import SURE, Estimate
from unsmear.images import Image, frames, outliers
from unsmear.images.nodata import Gaps

MOST_OFFERED = 4
"""Largest number of movements that are offered to a time point."""
MOST_TOGETHER = 8
"""Largest number of time points that are estimated together."""


@dataclass(frozen=True, eq=False)
class Frame:
    """A time point of a position.

    name: "t=2". gaps: where it holds no data. known: (batch, channel), planes that are left out.
    empty: whether none of it holds data.
    """

    name: str
    image: Image
    gaps: Gaps | None = None
    known: NDArray[np.bool_] | None = None
    empty: bool = False


def split(image: Image, gaps: Gaps | None) -> list[Frame]:
    """Return each time point of each position; gaps: where the whole image holds no data."""
    named = frames.split(image)
    if gaps is None:
        return [Frame(name, part) for name, part in named]
    # What was found to hold no data in the whole image is known in each frame.
    masks = np.split(gaps.mask, len(named))
    return [
        Frame(name, part, empty=True)
        if mask.all()
        else Frame(name, part, Gaps.of(part, part.with_planes(mask).pixels))
        for (name, part), mask in zip(named, masks, strict=True)
    ]


@dataclass(frozen=True, eq=False)
class _Unsure:
    """Planes that are not sure of a movement. frame, number: which exposure of which frame."""

    frame: int
    number: int
    plane: Plane
    counts: NDArray[Any]
    gaps: NDArray[np.bool_] | None


def find(
    series: Sequence[Frame], per: Per = "auto", progress: Progress | None = None
) -> list[list[Exposure]]:
    """Return the exposures of each time point or position of a file; none of what is empty.

    per: what shares a movement; only "auto" lends those of others. progress: called as the work
    goes on.
    """
    found = []
    for number, frame in enumerate(series):
        known = frame.known
        done = frame.empty or (known is not None and bool(known.all()))
        own = _part(progress, number, len(series))
        found.append([] if done else exposures.find_in(frame.image, frame.gaps, per, known, own))
        if progress is not None:
            progress(number + 1, len(series))
    return _lent(series, found) if per == "auto" and len(series) > 1 else found


def _part(progress: Progress | None, number: int, count: int) -> Progress | None:
    if progress is None:
        return None
    whole = progress
    return lambda done, everything: whole(number * everything + done, count * everything)


def _lent(series: Sequence[Frame], found: list[list[Exposure]]) -> list[list[Exposure]]:
    """Return the exposures, where those that were not sure have taken the movements of others."""
    unsure = list(_unsure(series, found))
    if not unsure:
        return found
    # What those that moved alike say together is nearer to it than any of them in little light.
    offered = [_fitted(moved, _counts_of(moved, series, found)) for moved in _sure(found)]
    if not offered:
        unsure, offered = _together(unsure)
    taken = [(one, moved) for one in unsure if (moved := _taken(one.plane, offered)) is not None]
    lent = [list(own) for own in found]
    for moved in offered:
        takers = [one for one, own in taken if own is moved]
        if not takers:
            continue
        refined = _refined(moved, takers, series, found)
        for one in takers:
            lent[one.frame][one.number] = replace(found[one.frame][one.number], estimate=refined)
    return lent


def _refined(
    moved: Estimate,
    takers: Sequence[_Unsure],
    series: Sequence[Frame],
    found: Sequence[Sequence[Exposure]],
) -> Estimate:
    """Return a movement fitted to the spectra of those who take it, and of its own, together."""
    own = _counts_of(moved, series, found)
    return _fitted(moved, [*own, *(one.counts for one in takers if one.gaps is None)])


def _counts_of(
    moved: Estimate, series: Sequence[Frame], found: Sequence[Sequence[Exposure]]
) -> list[NDArray[Any]]:
    """Return the planes of the first frames that are sure of a movement themselves."""
    sure = (
        frame
        for frame, own in zip(series, found, strict=True)
        if frame.gaps is None
        and any(one.estimate.sure and is_same(one.estimate, moved) for one in own)
    )
    return [exposures.prepared(frame.image, None)[0] for frame in islice(sure, MOST_TOGETHER)]


def _fitted(moved: Estimate, counts: Sequence[NDArray[Any]]) -> Estimate:
    """Return a movement as several frames of one size give it together; counts: (batch, channel,
    y, x) of each.

    They are estimated anew: in little light no slope leads from what one of them says to that.
    """
    counts = [one for one in counts[:MOST_TOGETHER] if one.shape == counts[0].shape]
    if len(counts) < 2 or not is_even(moved):
        return moved
    planes = np.concatenate(counts)
    everything = [(int(i), int(j)) for i, j in np.ndindex(planes.shape[:2])]
    together = estimate_alone(planes, None, everything)
    estimate, measured = together.estimate, together.spectrum
    if estimate.sure and is_even(estimate) and is_same(estimate, moved):
        return estimate
    return moved if measured is None else refitted(moved, measured)


def _sure(found: list[list[Exposure]]) -> list[Estimate]:
    """Return the surest movements that are not the same within their intervals."""
    everything = [one.estimate for own in found for one in own if one.box is None]
    chosen: list[Estimate] = []
    for estimate in sorted(everything, key=lambda one: -one.confidence):
        usable = estimate.sure and estimate.kind == "straight" and estimate.processed is None
        if usable and not any(is_same(estimate, other) for other in chosen):
            chosen.append(estimate)
    return chosen[:MOST_OFFERED]


def _unsure(series: Sequence[Frame], found: list[list[Exposure]]) -> Iterator[_Unsure]:
    """Yield the exposures that are neither sure of a movement nor surely still."""
    for frame, own in enumerate(found):
        asked = [n for n, one in enumerate(own) if one.box is None and _is_open(one.estimate)]
        if not asked:
            continue
        counts, gaps = exposures.prepared(series[frame].image, series[frame].gaps)
        counts, _ = outliers.replaced(counts, gaps)
        gaps = saturation.masked(counts, gaps)
        for number in asked:
            index = [(int(i), int(j)) for i, j in own[number].planes]
            yield _Unsure(frame, number, estimate_alone(counts, gaps, index), counts, gaps)


def _is_open(estimate: Estimate) -> bool:
    return not estimate.sure and estimate.confidence < SURE and estimate.processed is None


def _together(unsure: list[_Unsure]) -> tuple[list[_Unsure], list[Estimate]]:
    """Return the time points that agree with what they give together, and that movement.

    Those with the most to tell are asked, of one size and without gaps.
    """
    whole = [
        one for one in unsure if one.gaps is None and len(one.plane.index) == _count(one.counts)
    ]
    whole = [one for one in whole if one.counts.shape == whole[0].counts.shape]
    if len(whole) < 2:
        return [], []
    asked = sorted(whole, key=lambda one: -one.plane.weight)[:MOST_TOGETHER]
    counts = np.concatenate([one.counts for one in asked])
    index = [(row, column) for row in range(counts.shape[0]) for column in range(counts.shape[1])]
    together = estimate_alone(counts, None, index).estimate
    if not together.sure or together.kind != "straight" or together.processed is not None:
        return [], []
    agreeing = [one for one in whole if loss_under(one.plane, together) is not None]
    return (agreeing, [together]) if len(agreeing) > 1 else ([], [])


def _count(counts: NDArray[Any]) -> int:
    return int(counts.shape[0] * counts.shape[1])


def _taken(plane: Plane, offered: Sequence[Estimate]) -> Estimate | None:
    """Return the movement of those offered under which a plane is likeliest; None for none."""
    losses = [(loss_under(plane, moved), number) for number, moved in enumerate(offered)]
    agreeing = [(loss, number) for loss, number in losses if loss is not None]
    return offered[min(agreeing)[1]] if agreeing else None
