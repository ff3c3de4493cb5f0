"""Whether planes agree on a movement: each is estimated alone, and the likelihoods are compared.

Planes moved alike, or in one direction and in proportion to their exposure times, if the spectrum
of each is about as likely under that movement as under its best one (a likelihood-ratio test).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsmear.estimate import (
    conclusion,
    evidence,
    families,
    fitting,
    likelihood,
    motion_fit,
    result,
    support,
)
from unsmear.estimate import spectrum as spectra
from unsmear.estimate.evidence import Evidence
from unsmear.estimate.result import Estimate
from unsmear.estimate.spectrum import Spectrum

Places = list[tuple[int, int]]
"""Planes of an image by their batch and channel."""
BORROWED = 0.5
"""Drop in loss by the others' movement that is required of a plane which is not sure of its own, as
a fraction of what is required of a movement that is searched for."""
MOST = 8
"""Largest number of channels that are fitted together."""
SUREST = 0.99
"""Highest confidence of planes that agree."""


@dataclass(frozen=True, eq=False)
class Plane:
    """A plane, or several that are estimated together, with its own estimate.

    time: exposure time, seconds; None where it is unknown.
    """

    index: Places
    spectrum: Spectrum | None
    evidence: Evidence | None
    estimate: Estimate
    time: float | None = None

    @property
    def weight(self) -> float:
        """Return the drop in loss by its own movement."""
        if self.evidence is None:
            return 0.0
        return self.evidence.improvement


def estimate_alone(
    planes: NDArray[Any],
    gaps: NDArray[np.bool_] | None,
    index: Places,
    time: float | None = None,
) -> Plane:
    """Return planes with the estimate from all of them.

    planes: (batch, channel, y, x). gaps: in that shape, where there are no data. time: of their
    exposure, seconds.
    """
    part, part_gaps = part_of(planes, gaps, index)
    measured = spectra.measure(part, part_gaps)
    if measured is None:
        return Plane(index, None, None, Estimate(0.0))
    gathered = evidence.gather(measured)
    return Plane(index, measured, gathered, conclusion.conclude(gathered, part), time)


def part_of(
    planes: NDArray[Any],
    gaps: NDArray[np.bool_] | None,
    index: Sequence[tuple[int, int]] | NDArray[np.intp],
) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
    """Return planes as one image, (batch, channel, y, x), and where they have no data.

    Slices of the same channels are its batch. Of more than MOST channels, or planes that are no
    such product, those with the most contrast are taken: the cost of a fit rises with their cube.
    """
    rows, columns = np.transpose(index)
    batch, channels = np.unique(rows), np.unique(columns)
    if len(batch) * len(channels) == len(rows) and len(channels) <= MOST:
        grid = np.ix_(batch, channels)
        return planes[grid], None if gaps is None else gaps[grid]
    contrast = [-float(np.ptp(planes[place])) for place in zip(rows, columns, strict=True)]
    chosen = np.sort(np.argsort(contrast, kind="stable")[:MOST])
    rows, columns = rows[chosen], columns[chosen]
    return planes[rows, columns][None], None if gaps is None else gaps[rows, columns][None]


def loss_under(plane: Plane, moved: Estimate) -> float | None:
    """Return a plane's loss under a movement; None where its own is clearly likelier.

    A plane that is not sure of its own must be clearly likelier under it than without motion, or in
    an image that is mostly noise the network must see it.
    """
    if plane.evidence is None:
        return None
    kernel = moved.kernel()
    search = plane.evidence.search
    required = motion_fit.required_improvement(plane.evidence.averages)
    held = fitting.fit_held(search.problem, search.problem.transfer(kernel), search.best.texture)
    profile = plane.evidence.profile
    best = search.best.loss if profile is None else min(search.best.loss, profile.fit.loss)
    if held.loss - best > required:
        return None
    alike = plane.estimate.sure or search.unmoved - held.loss > BORROWED * required
    alike = alike or support.is_seen_alike(plane.evidence, moved.length, moved.angle)
    return held.loss if alike else None


class Group:
    """Planes with one movement, or with movements in proportion to their exposure times.

    first: the surest of them.
    """

    def __init__(self, first: Plane) -> None:
        self._first = first
        self._alike: dict[float, list[Plane]] = {1.0: [first]}

    def fit(self, plane: Plane) -> tuple[float, float] | None:
        """Return a plane's loss under the group's movement, and the time for which it moved so.

        The time is relative to that of the first. None where the plane does not agree.
        """
        movements = {1.0: self._first.estimate}
        if plane.time and self._first.time and is_even(self._first.estimate):
            ratio = plane.time / self._first.time
            if motion_fit.SHORTEST <= self._first.estimate.length * ratio <= motion_fit.LONGEST:
                movements.setdefault(ratio, _scaled(self._first.estimate, ratio))
        losses = [(loss_under(plane, moved), ratio) for ratio, moved in movements.items()]
        return min(((loss, ratio) for loss, ratio in losses if loss is not None), default=None)

    def add(self, plane: Plane, ratio: float) -> None:
        """Add a plane that moved for so many times the first one's time."""
        self._alike.setdefault(ratio, []).append(plane)

    def estimates(
        self, planes: NDArray[Any], gaps: NDArray[np.bool_] | None
    ) -> list[tuple[Places, Estimate]]:
        """Return the planes of each exposure time, or those that moved alike, and their movement.

        planes: (batch, channel, y, x). gaps: in that shape, where there are no data.
        """
        by_ratio = {ratio: _together(planes, gaps, alike) for ratio, alike in self._alike.items()}
        if len(by_ratio) == 1:
            return list(by_ratio.values())
        sure = {
            ratio: estimate
            for ratio, (_, estimate) in by_ratio.items()
            if estimate.sure and is_even(estimate)
        }
        shared = _in_proportion(sure)
        return [(places, _scaled(shared, ratio)) for ratio, (places, _) in by_ratio.items()]


def is_even(estimate: Estimate) -> bool:
    """Return whether an estimate is of linear motion at constant speed."""
    return estimate.kind == "straight" and estimate.profile is None and estimate.recipe is None


def is_same(one: Estimate, other: Estimate) -> bool:
    """Return whether two motions are the same within their intervals."""
    turn = abs((one.angle - other.angle + 90) % 180 - 90)
    near = abs(one.length - other.length) < one.length_error + other.length_error
    return near and turn < one.angle_error + other.angle_error


def _scaled(estimate: Estimate, ratio: float) -> Estimate:
    """Return the estimate of a motion at the same velocity for so many times the time."""
    if ratio == 1:
        return estimate
    length, error = estimate.length * ratio, estimate.length_error * ratio
    return replace(estimate, length=length, length_error=error)


def _in_proportion(estimates: Mapping[float, Estimate]) -> Estimate:
    """Return the motion during the time 1 that the motions during other times agree on.

    found: by their times. The means of lengths and angles are weighted by their inverse variances.
    """
    first = estimates[1.0]
    times = np.array(list(estimates))
    lengths, errors, angles, angle_errors = np.array(
        [
            [estimate.length, estimate.length_error, estimate.angle, estimate.angle_error]
            for estimate in estimates.values()
        ]
    ).T
    weights, angle_weights = (1 / np.maximum(e, 1e-3) ** 2 for e in (errors, angle_errors))
    information = (weights * times**2).sum()
    turns = (angles - first.angle + 90) % 180 - 90
    doubt = np.prod([1 - estimate.confidence for estimate in estimates.values()])
    return replace(
        first,
        length=float((weights * times * lengths).sum() / information),
        length_error=float(information**-0.5),
        angle=float(first.angle + np.average(turns, weights=angle_weights)) % 180,
        angle_error=float(angle_weights.sum() ** -0.5),
        confidence=max(first.confidence, min(float(1 - doubt), SUREST)),
    )


def _together(
    planes: NDArray[Any], gaps: NDArray[np.bool_] | None, group: list[Plane]
) -> tuple[Places, Estimate]:
    """Return planes that agree, with one estimate from all of them."""
    places = [place for plane in group for place in plane.index]
    first = group[0].estimate
    sure = [plane for plane in group if plane.estimate.sure]
    if len(sure) > 1 and is_even(first):
        first = _refitted(planes, gaps, sure)
    doubt = np.prod([1 - plane.estimate.confidence for plane in sure])
    confidence = max(first.confidence, min(float(1 - doubt), SUREST))
    return places, replace(first, confidence=confidence)


def _spectrum_of(
    planes: NDArray[Any], gaps: NDArray[np.bool_] | None, group: list[Plane]
) -> Spectrum:
    """Return the spectrum of all planes of a group; each alone has one."""
    places = [place for plane in group for place in plane.index]
    known = [plane.spectrum for plane in group if plane.spectrum is not None]
    if len({row for row, _ in places}) == 1 and len(places) == len(known) <= MOST:
        return spectra.together(known)
    measured = spectra.measure(*part_of(planes, gaps, places))
    assert measured is not None  # for mypy: each alone had one
    return measured


def _refitted(planes: NDArray[Any], gaps: NDArray[np.bool_] | None, group: list[Plane]) -> Estimate:
    """Return the linear motion of all planes of a group, fitted to their spectra together."""
    return refitted(group[0].estimate, _spectrum_of(planes, gaps, group))


def refitted(moved: Estimate, measured: Spectrum) -> Estimate:
    """Return a linear motion at constant speed fitted again, to a spectrum of more than its own."""
    values = (moved.length, moved.angle)
    measured, quick = motion_fit.fit_noise(measured, values)
    problem = likelihood.Problem(measured, motion_fit.FINE)
    fit = fitting.fit(problem, families.LINEAR_MOTION, quick.values, quick.texture)
    length_error, angle_error = result.straight(fit.errors)
    return replace(
        moved,
        length=fit.values[0],
        angle=fit.values[1],
        length_error=length_error,
        angle_error=angle_error,
    )
