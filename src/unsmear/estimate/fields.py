"""Whether one movement blurred the whole field, and what else did: seams, and a smooth drift.

Half fields and their overlapping middles are fitted too. Where each is about as likely under the
whole field's movement as under its own, the movement is one. Where lengths and angles change
linearly across the field (a stage that speeds up between lines), the field has a kernel for each
place; where the field has a seam (tiles of a mosaic), each part is an image of its own; where none
of this fits, the field is left alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from unsmear import estimate as estimation
from unsmear.blur import Motion
from unsmear.estimate import evidence, goodness, likelihood, motion_fit, result
from unsmear.estimate import spectrum as spectra
from unsmear.estimate.drift import Drift
from unsmear.estimate.result import Estimate

Box: TypeAlias = tuple[slice, slice]
"""Rows and columns of a part of a field."""
Gaps: TypeAlias = NDArray[np.bool_] | None

SMALLEST = 96
"""Least side of a part of a field that is looked at by itself, pixels."""
UNLIKELY = 7.0
"""Least excess of the logarithm of the step between two rows at a seam, in standard deviations of
those of the rows around it. Fields without a seam reached 5, those with one 10 and more."""
AROUND = 12
"""Rows on each side with which a step is compared."""
FAINTEST = 1e-3
"""Least step that counts, as a fraction of the standard deviation of the pixels."""
LEAST_SPREAD = 0.02
"""Least standard deviation of the logarithms of steps."""
TOLERANCE = 0.25, 1.0
"""Difference of a part's length and angle from a drift that is allowed beyond their intervals,
pixels and degrees: within a part they change too."""
EVEN, UNEVEN = (1.0,), (1.0, 0.75, 0.55)
"""Lengths with which the fit of a part begins, as multiples of the field's: a drift that was taken
for uneven speed is as long as its longest part."""
PARTS = 3
"""Least number of half fields along an axis that must tell of a motion for a drift along it."""


@dataclass(frozen=True)
class _Window:
    """A part of a field.

    down: whether it is cut between rows. place: of its middle along that axis, 0 to 1. fit: of
    linear motion near the field's. agrees: whether it is as likely under the field's. tells:
    whether it holds a motion. measured: its spectrum.
    """

    down: bool
    place: float
    fit: likelihood.Fit
    agrees: bool
    tells: bool
    measured: spectra.Spectrum

    def values(self, angle: float) -> tuple[float, float]:
        """Return its length, and its angle less another, pixels and degrees."""
        length, own = self.fit.values
        return length, (own - angle + 90) % 180 - 90


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
    boxes = seam(planes) if depth else None
    if boxes is not None:
        cut: list[tuple[Box | None, Estimate]] = [
            (_within(box, inner), found)
            for box in boxes
            for inner, found in _part(planes, gaps, box, depth - 1)
        ]
        if any(found.sure for _, found in cut):
            return cut
    if drift is not None:
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
                    profile=None,
                    recipe=None,
                ),
            )
        ]
    if not same:
        estimate = replace(
            estimate, confidence=min(estimate.confidence, evidence.DOUBTFUL), doubt=DIFFERS
        )
    return [(None, estimate)]


def _part(
    planes: NDArray[Any], gaps: Gaps, box: Box, depth: int
) -> list[tuple[Box | None, Estimate]]:
    part, held = planes[:, :, *box], None if gaps is None else gaps[:, :, *box]
    return parts(part, held, estimation.estimate_planes(part, held), depth)


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
    telling = _telling(planes, gaps, estimate, (0.0, 0.5))
    denying = [window for window in telling if not window.agrees]
    if 2 * len(denying) <= len(telling) and not any(map(_is_clear, denying)):
        return True, None
    telling += _telling(planes, gaps, estimate, (0.25,))
    telling = [window for window in telling if window.tells]
    possible = estimate.kind == "straight" and len(telling) >= PARTS
    return False, _drift(telling, estimate) if possible else None


def _is_clear(window: _Window) -> bool:
    """Return whether one blur explains a part of a field; a seam through it leaves a pattern."""
    return goodness.excess(window.measured, window.fit) < evidence.PATTERNED


def _telling(
    planes: NDArray[Any], gaps: Gaps, estimate: Estimate, begins: tuple[float, ...]
) -> list[_Window]:
    """Return the half fields that begin at these places and tell of a motion, or of another."""
    windows = [
        _window(planes, gaps, box, down, place, estimate)
        for box, down, place in _halves(planes.shape[2:], begins)
    ]
    return [w for w in windows if w is not None and (w.tells or not w.agrees)]


def _halves(shape: tuple[int, ...], begins: tuple[float, ...]) -> list[tuple[Box, bool, float]]:
    """Return half fields along both axes, whether they are cut between rows, and their middles."""
    found: list[tuple[Box, bool, float]] = []
    height, width = shape
    for begin in begins:
        if height >= 2 * SMALLEST:
            rows = slice(int(begin * height), int((begin + 0.5) * height))
            found.append(((rows, slice(0, width)), True, begin + 0.25))
        if width >= 2 * SMALLEST:
            columns = slice(int(begin * width), int((begin + 0.5) * width))
            found.append(((slice(0, height), columns), False, begin + 0.25))
    return found


def _window(
    planes: NDArray[Any], gaps: Gaps, box: Box, down: bool, place: float, estimate: Estimate
) -> _Window | None:
    part = planes[:, :, *box]
    measured = spectra.measure(part, None if gaps is None else gaps[:, :, *box])
    if measured is None:
        return None
    values = max(estimate.length, motion_fit.SHORTEST), estimate.angle
    measured = motion_fit.with_noise(measured, values)
    problem = likelihood.Problem(measured, motion_fit.FINE)
    held = likelihood.fit_held(problem, problem.transfer(estimate.kernel()))
    family = likelihood.LINEAR_MOTION.up_to(min(measured.window) / likelihood.LONGEST_SHARE)
    starts = [
        likelihood.fit(
            problem,
            family,
            (max(by * estimate.length, motion_fit.SHORTEST), estimate.angle),
            held.texture,
        )
        for by in (UNEVEN if estimate.profile is not None else EVEN)
    ]
    likeliest = min(starts, key=motion_fit.LOSS)
    fit = likelihood.fit(problem, family, likeliest.values, likeliest.texture, settle_texture=True)
    still = likelihood.fit_still(problem, stop_above=fit.loss + 1000)
    required = evidence.required_improvement(measured.averages)
    # A free spectrum of the noise takes more or less of the bands in each part.
    allowed = required if measured.noise == "camera" else evidence.CAUTION * required
    return _Window(
        down,
        place,
        fit,
        held.loss - min(fit.loss, still.loss) <= allowed,
        still.loss - min(fit.loss, held.loss) > required,
        measured,
    )


def _drift(windows: list[_Window], estimate: Estimate) -> Drift | None:
    """Return the change along one axis that explains all windows; None if none does."""
    clear = list(filter(_is_clear, windows))
    found = [_along(clear, estimate, down) for down in (False, True)]
    possible = [one for one in found if one is not None]
    return max(possible, key=lambda one: one[0])[1] if possible else None


def _along(windows: list[_Window], estimate: Estimate, down: bool) -> tuple[float, Drift] | None:
    """Return the drift along an axis that fits the parts best, after how much of them it explains.

    The parts along the axis must lie on the line, and the others between its ends: where in them
    the cells are is not known.
    """
    parts = [window for window in windows if window.down == down]
    if len(parts) < PARTS:
        return None
    place = np.array([window.place for window in parts])
    every = np.array([window.values(estimate.angle) for window in windows])
    widths = np.array([result.straight(window.fit.errors) for window in windows])
    chosen = np.array([window.down == down for window in windows])
    lines = []
    for index in (0, 1):
        values, width = every[chosen, index], widths[chosen, index]
        line = np.polyfit(place - 0.5, values, 1, w=1 / width)
        if (np.abs(np.polyval(line, place - 0.5) - values) > width + TOLERANCE[index]).any():
            return None
        ends = np.sort(np.polyval(line, (-0.5, 0.5)))
        slack = widths[~chosen, index] + TOLERANCE[index]
        others = every[~chosen, index]
        if (others < ends[0] - slack).any() or (others > ends[1] + slack).any():
            return None
        lines.append(line)
    first, last = (
        (float(np.polyval(lines[0], end)), estimate.angle + float(np.polyval(lines[1], end)))
        for end in (-0.5, 0.5)
    )
    if min(first[0], last[0]) <= 0:
        return None
    along, weight = every[chosen], 1 / widths[chosen]
    off = along - np.stack([np.polyval(line, place - 0.5) for line in lines], axis=1)
    constant = along - (along * weight**2).sum(0) / (weight**2).sum(0)
    explained = float((np.square(constant * weight) - np.square(off * weight)).sum())
    return explained, Drift(down, Motion(*first), Motion(*last))


def seam(planes: NDArray[Any]) -> tuple[Box, Box] | None:
    """Return the two parts of a field on both sides of its clearest seam; None without one.

    A seam runs through the whole field: along it, neighbouring rows (or columns) differ more than
    all around. planes: (batch, channel, y, x) counts.
    """
    height, width = planes.shape[2:]
    best, clearest = None, UNLIKELY
    for axis, side in ((2, height), (3, width)):
        if side < 2 * SMALLEST + 4:
            continue
        step, unlikely = _clearest_step(planes, axis)
        if unlikely > clearest:
            clearest = unlikely
            first, last = slice(0, step), slice(step, side)
            whole = slice(0, width if axis == 2 else height)
            best = ((first, whole), (last, whole)) if axis == 2 else ((whole, first), (whole, last))
    return best


def _clearest_step(planes: NDArray[Any], axis: int) -> tuple[int, float]:
    """Return the first row (axis 2) or column after the clearest step, and how unlikely it is.

    Third differences vanish in what a motion has smoothed, and not across a seam.
    """
    values = planes.astype(np.float64)
    values = values / max(np.abs(values).max(), np.finfo(np.float64).tiny)
    if values.std() == 0:
        return SMALLEST, 0.0
    lines = np.moveaxis(values, axis, 0).reshape(planes.shape[axis], -1)
    sizes = np.sqrt(np.square(np.diff(lines, 3, axis=0)).mean(axis=1))
    steps = np.log(sizes + FAINTEST * lines.std())
    excess = steps - ndimage.median_filter(steps, 2 * AROUND + 1, mode="nearest")
    spread = 1.4826 * float(np.median(np.abs(excess))) + LEAST_SPREAD
    unlikely = (excess / spread)[SMALLEST - 2 : len(excess) - SMALLEST + 1]
    step = int(unlikely.argmax())
    return step + SMALLEST, float(unlikely[step])
