"""Which planes of an image share a movement: each is estimated alone, and pooled where they agree.

A movement belongs to an exposure: channels that were recorded one after the other may have moved
differently, and one kernel for all ruins the others. Planes are pooled only with those under whose
movement their own spectrum is about as likely as under their best one (a likelihood-ratio test); a
plane whose own estimate is not sure takes the movement of the others only by the same test.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from unsmear import estimate as estimation
from unsmear.estimate import evidence, fields, likelihood, motion_fit, result, saturation
from unsmear.estimate import spectrum as spectra
from unsmear.estimate.evidence import Evidence
from unsmear.estimate.result import Estimate
from unsmear.estimate.spectrum import Spectrum
from unsmear.images import Image, outliers
from unsmear.images.nodata import Gaps

Per = Literal["auto", "file", "frame", "channel", "plane"]
"""What shares a movement: "auto" asks the data, plane by plane; "file" and "frame" pool all planes
of the file or of each time point and position; "channel" and "plane" estimate each by itself."""

BORROWED = 0.5
"""Drop in loss by the others' movement that is required of a plane which is not sure of its own, as
a fraction of what is required of a movement that is searched for."""
SUREST = 0.99
"""Highest confidence of planes that agree."""


@dataclass(frozen=True, eq=False)
class Exposure:
    """Planes that share an estimate.

    planes: their indices, (n, 2), batch and channel. estimate: what blurred them.
    box: rows and columns of the part of the field that it is about; None for the whole field.
    """

    planes: NDArray[np.intp]
    estimate: Estimate
    box: fields.Box | None = None

    def moved(self, down: int, across: int) -> Exposure:
        """Return the same exposure in a field that begins so many rows and columns earlier."""
        if self.box is None:
            return self
        rows, columns = (
            slice(span.start + by, span.stop + by)
            for span, by in zip(self.box, (down, across), strict=True)
        )
        return replace(self, box=(rows, columns))


@dataclass(frozen=True, eq=False)
class _Plane:
    """A plane, or several that are estimated together, with its own estimate."""

    index: list[tuple[int, int]]
    spectrum: Spectrum | None
    evidence: Evidence | None
    estimate: Estimate

    @property
    def weight(self) -> float:
        """Return the drop in loss by its own movement."""
        if self.evidence is None:
            return 0.0
        return self.evidence.improvement


def find(
    planes: NDArray[Any], gaps: NDArray[np.bool_] | None = None, per: Per = "auto"
) -> list[Exposure]:
    """Return the exposures of one time point and position, the surest first.

    planes: (batch, channel, y, x) counts, of which the batch are slices. gaps: as for
    `estimate_planes`. Every plane is in one exposure. Planes that hold one value, and those for
    which no motion is sure, are together in the last ones.
    """
    planes, _ = outliers.replaced(planes, gaps)
    gaps = saturation.masked(planes, gaps)
    count, channels = planes.shape[:2]
    everything = [(i, j) for i in range(count) for j in range(channels)]
    if per in ("file", "frame"):
        return [Exposure(np.array(everything), estimation.estimate_planes(planes, gaps))]
    if per == "channel":
        groups = [[(i, j) for i in range(count)] for j in range(channels)]
    else:
        groups = [[place] for place in everything]
    singles = [_alone(planes, gaps, group) for group in groups]
    if per != "auto":
        return [Exposure(np.array(single.index), single.estimate) for single in singles]
    pooled = (
        _pooled(planes, gaps, singles)
        if len(singles) > 1
        else [Exposure(np.array(singles[0].index), singles[0].estimate)]
    )
    return [
        Exposure(one.planes, estimate, box)
        for one in pooled
        for box, estimate in fields.parts(*_part(planes, gaps, one.planes), one.estimate)
    ]


def find_in(image: Image, gaps: Gaps | None, per: Per = "auto") -> list[Exposure]:
    """Return the exposures of an image of one time point and position.

    gaps: where it has no data, `Gaps.of(image)`.
    """
    if gaps is None:
        return find(image.planes(), None, per)
    found = find(gaps.filled(image).planes(), gaps.inside, per)
    return [one.moved(*(span.start for span in gaps.box)) for one in found]


def _alone(
    planes: NDArray[Any], gaps: NDArray[np.bool_] | None, index: list[tuple[int, int]]
) -> _Plane:
    part, held = _part(planes, gaps, index)
    measured = spectra.measure(part, held)
    if measured is None:
        return _Plane(index, None, None, Estimate(0.0))
    gathered = evidence.gather(measured)
    return _Plane(index, measured, gathered, estimation.conclude(gathered, part))


def _part(
    planes: NDArray[Any],
    gaps: NDArray[np.bool_] | None,
    index: Sequence[tuple[int, int]] | NDArray[np.intp],
) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
    """Return planes as channels of one image, (1, n, y, x), and where they have no data."""
    rows, columns = np.transpose(index)
    part = planes[rows, columns][None]
    return part, None if gaps is None else gaps[rows, columns][None]


def _pooled(
    planes: NDArray[Any], gaps: NDArray[np.bool_] | None, singles: list[_Plane]
) -> list[Exposure]:
    """Return the exposures that the planes' own estimates support."""
    sure = sorted((one for one in singles if one.estimate.sure), key=lambda one: -one.weight)
    unsure = [one for one in singles if not one.estimate.sure]
    if not sure and len(unsure) > 1:
        # Planes too weak to tell alone may tell together.
        together = _alone(planes, gaps, [place for one in unsure for place in one.index])
        if together.estimate.sure:
            sure, groups = [], [[together]]
            joined = [one for one in unsure if _shares(one, together)]
            if len(joined) > 1:
                places = [place for one in joined for place in one.index]
                rest = [one for one in unsure if one not in joined]
                found = [Exposure(np.array(places), together.estimate)]
                return found + _left(rest)
            return _left(unsure)
        return [Exposure(np.array(together.index), together.estimate)]
    groups = []
    for one in sure:
        for group in groups:
            if _shares(one, group[0]):
                group.append(one)
                break
        else:
            groups.append([one])
    rest = []
    for one in unsure:
        for group in groups:
            if _shares(one, group[0]):
                group.append(one)
                break
        else:
            rest.append(one)
    exposures = [_together(planes, gaps, group) for group in groups]
    return exposures + _left(rest)


def _left(rest: list[_Plane]) -> list[Exposure]:
    """Return the planes without a sure movement, those that say the same together."""
    said: dict[str, list[_Plane]] = {}
    for one in rest:
        said.setdefault(one.estimate.kind, []).append(one)
    return [
        Exposure(
            np.array([place for one in same for place in one.index]),
            min(same, key=lambda one: one.estimate.confidence).estimate,
        )
        for same in said.values()
    ]


def _shares(one: _Plane, strong: _Plane) -> bool:
    """Return whether a plane is about as likely under another's movement as under its own.

    A plane that is not sure of its own must be clearly likelier under it than without motion.
    """
    if one.evidence is None:
        return False
    search = one.evidence.search
    required = evidence.required_improvement(one.evidence.averages)
    transfer = search.problem.transfer(strong.estimate.kernel())
    held = likelihood.fit_held(search.problem, transfer, search.best.texture)
    own = one.evidence.profile
    best = search.best.loss if own is None else min(search.best.loss, own.fit.loss)
    if held.loss - best > required:
        return False
    improvement = min(search.still.loss, search.smooth.loss) - held.loss
    return one.estimate.sure or improvement > BORROWED * required


def _together(
    planes: NDArray[Any], gaps: NDArray[np.bool_] | None, group: list[_Plane]
) -> Exposure:
    """Return the exposure of planes that agree, with one estimate from all of them."""
    places = [place for one in group for place in one.index]
    first = group[0].estimate
    if len(group) == 1:
        return Exposure(np.array(places), first)
    sure = [one for one in group if one.estimate.sure]
    if (
        len(sure) > 1
        and first.profile is None
        and first.recipe is None
        and first.kind == "straight"
    ):
        first = _refitted(planes, gaps, sure)
    doubt = np.prod([1 - one.estimate.confidence for one in sure])
    confidence = max(first.confidence, min(float(1 - doubt), SUREST))
    return Exposure(np.array(places), replace(first, confidence=confidence))


def _refitted(
    planes: NDArray[Any], gaps: NDArray[np.bool_] | None, group: list[_Plane]
) -> Estimate:
    """Return the linear motion of all planes of a group, fitted to their spectra together."""
    first = group[0]
    part, held = _part(planes, gaps, [place for one in group for place in one.index])
    measured = spectra.measure(part, held)
    assert measured is not None  # for mypy: each alone had one
    values = (first.estimate.length, first.estimate.angle)
    problem = likelihood.Problem(motion_fit.with_noise(measured, values), motion_fit.FINE)
    fit = likelihood.fit(problem, likelihood.LINEAR_MOTION, values)
    length_error, angle_error = result.straight(fit.errors)
    return replace(
        first.estimate,
        length=fit.values[0],
        angle=fit.values[1],
        length_error=length_error,
        angle_error=angle_error,
    )


def blocks(exposure: Exposure) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Return the exposure's planes as products of slices and channels, (batch, channel) indices."""
    slices: dict[tuple[int, ...], list[int]] = {}
    for channel in np.unique(exposure.planes[:, 1]):
        held = exposure.planes[exposure.planes[:, 1] == channel, 0]
        slices.setdefault(tuple(map(int, np.sort(held))), []).append(int(channel))
    for batch, channels in slices.items():
        yield np.array(batch, np.intp), np.array(channels, np.intp)


def name(image: Image, exposure: Exposure) -> str:
    """Return which planes of an image an exposure is, in words; "" for all of them."""
    count, channels = image.planes().shape[:2]
    said = []
    for batch, chosen in blocks(exposure):
        words = []
        if len(chosen) < channels:
            words.append(_channels(image, chosen))
        if len(batch) < count:
            words.append(f"slice{'s' if len(batch) > 1 else ''} {_ranges(batch)}")
        if words:
            said.append(" of ".join(reversed(words)))
    phrase = " and ".join(said)
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
