"""Whether one movement blurred the whole field, and what else did: seams, and a smooth drift.

Half fields and their overlapping middles are fitted too. Where each is about as likely under the
whole field's movement as under its own, the movement is one. Where lengths and angles change
linearly across the field (a stage that speeds up between lines), the field has a kernel for each
place; where the field has a seam (tiles of a mosaic), each part is an image of its own; where none
of this fits, the field is left alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import compress
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from unsmear import estimate as estimation
from unsmear.blur import Motion
from unsmear.estimate import (
    conclusion,
    families,
    fitting,
    goodness,
    jpeg_blocks,
    likelihood,
    motion_fit,
    network,
    result,
    stage_fit,
    support,
)
from unsmear.estimate import spectrum as spectra
from unsmear.estimate.agreement import is_even, is_same
from unsmear.estimate.drift import Drift
from unsmear.estimate.result import Estimate
from unsmear.estimate.seams import SMALLEST, Box, seam

Gaps: TypeAlias = NDArray[np.bool_] | None

TOLERANCE = 0.25, 1.0
"""Difference of a part's length and angle from a drift that is allowed beyond their intervals,
pixels and degrees: within a part they change too."""
EVEN, UNEVEN = (1.0,), (1.0, 0.75, 0.55)
"""Lengths with which the fit of a part begins, as multiples of the field's: a drift that was taken
for uneven speed is as long as its longest part."""
DRIFTING = (1.0, 1.35, 0.75, 0.55)
"""Those with which it begins where the parts disagree, and that which the network sees there."""
LONGER = 1.5
"""Longest motion that is fitted to a part, as a multiple of the field's, where a third of the part
is shorter."""
FARTHEST = 0.8
"""Largest change of a drift from one end of the field to the other, as a fraction of its longest
motion: parts of a field that change by more do not hold one motion each. 10 px to 4 px is 0.6; what
was taken for a drift in a saturated channel changed by 1.4."""
NEAR = 0.02
"""Difference of two motions that does not matter, as a fraction of their length."""
PARTS = 3
"""Least number of parts that must tell: half fields along an axis of a drift along it, quarters of
whether all moved."""


@dataclass(frozen=True, eq=False)
class _Field:
    """A field whose parts are asked.

    planes: (batch, channel, y, x) counts, all of one exposure. estimate: that of the whole.
    compressed: whether there are JPEG blocks.
    """

    planes: NDArray[Any]
    gaps: Gaps
    estimate: Estimate
    compressed: bool


@dataclass(frozen=True)
class _Window:
    """A part of a field.

    down: whether it is cut between rows. place: of its middle along that axis, 0 to 1. fit: of
    linear motion near the field's. agrees: whether it is as likely under the field's. tells:
    whether it holds a motion. measured: its spectrum.
    """

    down: bool
    place: float
    fit: fitting.Fit
    agrees: bool
    tells: bool
    measured: spectra.Spectrum

    def values(self, angle: float) -> tuple[float, float]:
        """Return its length, and its angle less another, pixels and degrees."""
        length, own = self.fit.values
        return length, (own - angle + 90) % 180 - 90

    def holds(self, drift: Drift) -> bool:
        """Return whether all motions of a drift together are about as likely as its own."""
        problem = likelihood.Problem(self.measured, motion_fit.FINE)
        transfers = [problem.transfer(motion.kernel()) for _, motion in drift.nodes()]
        held = fitting.fit_held(problem, np.mean(transfers, axis=0), self.fit.texture)
        return held.loss - self.fit.loss <= motion_fit.required_improvement(self.measured.averages)


TELLS = 0.5
"""Drop in loss by which a quarter of a field tells of a motion, as a multiple of the required."""
UNEVEN_PART = 0.8
"""Least confidence of uneven speed in a part of a field: it is small, and one of several asked."""
DEPTH = 3
"""Number of times that a field with seams is cut."""
DRIFTS = 0.85
"""Confidence of a motion that changes linearly across the field."""
DIFFERS = "which is not the same in all parts of the field"


def parts(
    planes: NDArray[Any], gaps: Gaps, estimate: Estimate, depth: int = DEPTH
) -> list[tuple[Box | None, Estimate]]:
    """Return the parts of a field with their estimates; one part, None, where it is not cut.

    planes: (batch, channel, y, x) counts, all of one exposure. estimate: that of the whole field.
    """
    moved = estimate.kind == "straight" or estimate.sure
    same, drift = agree(planes, gaps, estimate) if moved else (True, None)
    if estimate.sure and same:
        return [(None, estimate)]
    boxes = seam(planes, gaps) if depth else None
    if boxes is not None:
        cut: list[tuple[Box | None, Estimate]] = [
            (_within(box, inner), part_estimate)
            for box in boxes
            for inner, part_estimate in _part(planes, gaps, box, depth - 1)
        ]
        if any(part_estimate.sure for _, part_estimate in cut):
            agreed = _agreed([part_estimate for _, part_estimate in cut])
            return cut if agreed is None else [(None, agreed)]
    if drift is not None and estimate.doubt in ("", conclusion.UNEXPLAINED):
        middle = drift.at(0.5)
        confidence = max(estimate.confidence, DRIFTS)
        return [
            (
                None,
                replace(
                    estimate,
                    length=middle.length,
                    angle=middle.angle % 180,
                    confidence=confidence,
                    drift=drift,
                    doubt="",
                    profile=None,
                    recipe=None,
                ),
            )
        ]
    if not same:
        estimate = replace(
            estimate, confidence=min(estimate.confidence, conclusion.DOUBTFUL), doubt=DIFFERS
        )
    return [(None, estimate)]


def _part(
    planes: NDArray[Any], gaps: Gaps, box: Box, depth: int
) -> list[tuple[Box | None, Estimate]]:
    part, part_gaps = planes[:, :, *box], None if gaps is None else gaps[:, :, *box]
    # A seam is evidence of two motions, not of two paths: a part is too small to be sure of one.
    estimate = replace(estimation.estimate_planes(part, part_gaps), path_found=False)
    if estimate.profile is not None and estimate.confidence < UNEVEN_PART:
        estimate = replace(estimate, confidence=min(estimate.confidence, conclusion.DOUBTFUL))
    return parts(part, part_gaps, estimate, depth)


def _agreed(estimates: Sequence[Estimate]) -> Estimate | None:
    """Return the surest of motions that are all the same; None where they are not."""
    surest = max(estimates, key=lambda one: one.confidence)
    even = all(is_even(one) and one.drift is None for one in estimates)
    return surest if even and all(is_same(one, surest) for one in estimates) else None


def _within(box: Box, inner: Box | None) -> Box:
    """Return a part of a part in the rows and columns of the field."""
    if inner is None:
        return box
    rows, columns = (
        slice(outer.start + part.start, outer.start + part.stop)
        for outer, part in zip(box, inner, strict=True)
    )
    return rows, columns


def agree(planes: NDArray[Any], gaps: Gaps, estimate: Estimate) -> tuple[bool, Drift | None]:
    """Return whether an estimate holds in all parts of a field, and the drift that holds if not.

    planes: (batch, channel, y, x) counts.
    """
    field = _Field(planes, gaps, estimate, jpeg_blocks.are_present(planes))
    begins = UNEVEN if estimate.profile is not None else EVEN
    may_have_rested = estimate.profile is not None and stage_fit.has_few_values(estimate.profile)
    if _halves_agree(field, begins) and (not may_have_rested or _moved_everywhere(field)):
        return True, None
    telling = _telling(field, (0.0, 0.25, 0.5), DRIFTING)
    telling = [window for window in telling if window.tells]
    possible = estimate.kind == "straight" and len(telling) >= PARTS
    return False, _drift(telling, estimate) if possible else None


def _halves_agree(field: _Field, begins: tuple[float, ...]) -> bool:
    """Return whether no half of a field denies its motion; begins: as for `_telling`."""
    telling = _telling(field, (0.0, 0.5), begins)
    agreeing = [window for window in telling if window.agrees]
    denying = [window for window in telling if not window.agrees]
    # If half of the field were still, halves across it would hold both, which leaves a pattern.
    surely_one = len(agreeing) >= PARTS and all(map(_is_clear, agreeing))
    if surely_one and not any(window.tells for window in denying):
        return True
    return 2 * len(denying) <= len(telling) and not any(map(_is_clear, denying))


def _moved_everywhere(field: _Field) -> bool:
    """Return whether most quarters of the field, at its corners and in its middle, are likelier
    under its motion than without one: where a part moves before one that rests, the whole looks
    like a stage that rested a while.
    """
    sides = field.planes.shape[2:]
    if min(sides) < 2 * SMALLEST:
        return True
    corners = [(down, across) for down in (0.0, 0.5) for across in (0.0, 0.5)]
    asked = [_tells_of_motion(field, place) for place in [*corners, (0.25, 0.25)]]
    answers = [tells for tells in asked if tells is not None]
    return len(answers) < PARTS or 2 * answers.count(True) > len(answers)


def _tells_of_motion(field: _Field, place: tuple[float, float]) -> bool | None:
    """Return whether the quarter of the field that begins at a place, as fractions of its sides, is
    likelier under the field's motion than without one; None where it cannot be measured.
    """
    rows, columns = (
        slice(int(begin * side), int((begin + 0.5) * side))
        for begin, side in zip(place, field.planes.shape[2:], strict=True)
    )
    gaps = None if field.gaps is None else field.gaps[:, :, rows, columns]
    measured = spectra.measure(field.planes[:, :, rows, columns], gaps, field.compressed)
    if measured is None:
        return None
    estimate = field.estimate
    measured, quick = motion_fit.fit_noise(measured, (estimate.length, estimate.angle))
    problem = likelihood.Problem(measured, motion_fit.FINE)
    held = fitting.fit_held(problem, problem.transfer(estimate.kernel()), quick.texture)
    drop = fitting.fit_still(problem).loss - held.loss
    return drop > TELLS * motion_fit.required_improvement(measured.averages)


def _is_clear(window: _Window) -> bool:
    """Return whether one blur explains a part of a field; a seam through it leaves a pattern."""
    return goodness.excess(window.measured, window.fit) < support.PATTERNED


def _telling(field: _Field, places: tuple[float, ...], begins: tuple[float, ...]) -> list[_Window]:
    """Return the half fields that begin at these places and tell of a motion, or of another.

    begins: lengths with which their fits begin, as multiples of the field's.
    """
    windows = [
        _window(field, box, down, place, begins)
        for box, down, place in _halves(field.planes.shape[2:], places)
    ]
    return [w for w in windows if w is not None and (w.tells or not w.agrees)]


def _halves(shape: tuple[int, ...], begins: tuple[float, ...]) -> list[tuple[Box, bool, float]]:
    """Return half fields along both axes, whether they are cut between rows, and their middles."""
    halves: list[tuple[Box, bool, float]] = []
    height, width = shape
    for begin in begins:
        if height >= 2 * SMALLEST:
            rows = slice(int(begin * height), int((begin + 0.5) * height))
            halves.append(((rows, slice(0, width)), True, begin + 0.25))
        if width >= 2 * SMALLEST:
            columns = slice(int(begin * width), int((begin + 0.5) * width))
            halves.append(((slice(0, height), columns), False, begin + 0.25))
    return halves


def _window(
    field: _Field, box: Box, down: bool, place: float, begins: tuple[float, ...]
) -> _Window | None:
    estimate, gaps = field.estimate, field.gaps
    part_gaps = None if gaps is None else gaps[:, :, *box]
    measured = spectra.measure(field.planes[:, :, *box], part_gaps, field.compressed)
    if measured is None:
        return None
    values = max(estimate.length, motion_fit.SHORTEST), estimate.angle
    measured, quick = motion_fit.fit_noise(measured, values)
    problem = likelihood.Problem(measured, motion_fit.FINE)
    held = fitting.fit_held(problem, problem.transfer(estimate.kernel()), quick.texture)
    # Half a window must not keep its fit from a length that the whole field has.
    longest = max(min(measured.window) / families.LONGEST_SHARE, LONGER * estimate.length)
    family = families.LINEAR_MOTION.up_to(longest)
    lengths = [by * estimate.length for by in begins]
    if begins == DRIFTING:
        lengths.append(network.guess(measured).length)
    starts = [
        fitting.fit(
            problem,
            family,
            (max(length, motion_fit.SHORTEST), estimate.angle),
            held.texture,
        )
        for length in lengths
    ]
    likeliest = min(starts, key=motion_fit.LOSS)
    fit = fitting.fit(problem, family, likeliest.values, likeliest.texture, settle_texture=True)
    still = fitting.fit_still(problem, stop_above=fit.loss + 1000)
    required = motion_fit.required_improvement(measured.averages)
    # A free spectrum of the noise takes more or less of the bands in each part.
    allowed = required if measured.noise == "camera" else support.CAUTION * required
    # In little light a texture that was not moved fits some of the noise: the evidence says so.
    tells = still.loss - min(fit.loss, held.loss) > required
    agrees = held.score - still.score <= allowed
    # A half that tells of no motion has none of its own with which to deny that of the field.
    agrees &= held.loss - fit.loss <= allowed or not tells
    if tells and estimate.kind == "straight" and estimate.profile is None:
        agrees |= _are_near(fit.values, (estimate.length, estimate.angle))
    return _Window(down, place, fit, agrees, tells, measured)


def _are_near(first: Sequence[float], second: Sequence[float]) -> bool:
    """Return whether two motions, (length, angle), differ too little to matter."""
    (length, angle), (other, turned) = first, second
    turn = np.deg2rad((angle - turned + 90) % 180 - 90)
    return bool(np.hypot(length - other, turn * length) <= NEAR * max(length, other))


def _drift(windows: list[_Window], estimate: Estimate) -> Drift | None:
    """Return the change along one axis that explains all windows; None if none does."""
    clear = list(filter(_is_clear, windows))
    along_axes = [_along(clear, estimate, down) for down in (False, True)]
    possible = [drift for drift in along_axes if drift is not None]
    return max(possible, key=lambda drift: drift[0])[1] if possible else None


def _along(windows: list[_Window], estimate: Estimate, down: bool) -> tuple[float, Drift] | None:
    """Return the drift along an axis that fits the parts best, after how much of them it explains.

    The parts along the axis must lie on the line, and the others between its ends, or be as likely
    under all of it: where in them the cells are is not known.
    """
    parts = [window for window in windows if window.down == down]
    if len(parts) < PARTS:
        return None
    place = np.array([window.place for window in parts])
    every = np.array([window.values(estimate.angle) for window in windows])
    widths = np.array([result.straight(window.fit.errors) for window in windows])
    chosen = np.array([window.down == down for window in windows])
    lines, outside = [], np.zeros(np.count_nonzero(~chosen), bool)
    for index in (0, 1):
        values, width = every[chosen, index], widths[chosen, index]
        line = np.polyfit(place - 0.5, values, 1, w=1 / width)
        if (np.abs(np.polyval(line, place - 0.5) - values) > width + TOLERANCE[index]).any():
            return None
        ends = np.sort(np.polyval(line, (-0.5, 0.5)))
        slack = widths[~chosen, index] + TOLERANCE[index]
        beside = every[~chosen, index]
        outside |= (beside < ends[0] - slack) | (beside > ends[1] + slack)
        lines.append(line)
    first, last = (
        (float(np.polyval(lines[0], end)), estimate.angle + float(np.polyval(lines[1], end)))
        for end in (-0.5, 0.5)
    )
    if min(first[0], last[0]) <= 0 or _are_near(first, last):
        return None
    drift = Drift(down, Motion(*first), Motion(*last))
    if drift.change > FARTHEST * max(first[0], last[0]):
        return None
    others = [window for window in windows if window.down != down]
    if not all(window.holds(drift) for window in compress(others, outside)):
        return None
    along, weight = every[chosen], 1 / widths[chosen]
    off = along - np.stack([np.polyval(line, place - 0.5) for line in lines], axis=1)
    constant = along - (along * weight**2).sum(0) / (weight**2).sum(0)
    explained = float((np.square(constant * weight) - np.square(off * weight)).sum())
    return explained, drift
