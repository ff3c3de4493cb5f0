"""What a stage does between two places, in few values: settle, jump, pause or rest, accelerate.

A stage that is exposed while it settles swings along a line, and less and less: most of the
exposure is near its end, and the free times of `profile_fit` are too coarse for the narrow peaks
where it turns. A stage that jumps is exposed at two places and nowhere between. One that rests
before it moves, or pauses, is exposed at one place longer; one that accelerates, longer near its
start. All are lines of uneven speed (`Profile`), so that what is fitted is what is taken out, and
are told with less light than the free times of a profile, for they have three or four values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from unsmear.blur import Profile
from unsmear.estimate import families, fitting, likelihood, motion_fit, profile_fit
from unsmear.estimate.families import Family, Values
from unsmear.estimate.spectrum import Array, Spectrum

PITCH = 0.25
"""Distance of the places whose times make a swing's profile, pixels."""
MOMENTS = 1200
"""Number of moments of the exposure at which a swing is computed."""
AMPLITUDES, CYCLES, DECAY = (5.0, 8.0, 12.0), (1.5, 2.3, 3.5), 4.0
"""Swings to begin with: first deflection in pixels, cycles in the exposure, and decay, the
logarithm of the ratio of the deflections at the exposure's beginning and end."""
DISTANCES = (0.8, 1.0, 1.25)
"""Distances of two positions to begin with, as multiples of each that is expected."""
ALIKE, ALIKE_TURN = 0.04, 3.0
"""Difference of two such distances, as a fraction, and turn in degrees, below which one will do."""
NEARBY, TURNS = (0.98, 1.0, 1.02), (-2.0, -1.0, 0.0, 1.0, 2.0)
"""The same near one that was found with another share of the time, and turns in degrees."""
POINT = 0.02
"""Extent of each of two positions, as a fraction of their distance."""
PAUSES, RESTS = (0.85, 1.5), (0.25, 0.45)
"""Lengths of a line with a pause to begin with, as multiples of the linear motion's, and shares of
the exposure spent at rest."""
AT_AN_END, IN_THE_MIDDLE = 0.02, 0.48
"""Places of a pause to begin with, as fractions of the line."""
PLACES = 41
"""Number of places whose times make the profile of a pause."""
RAMPS, FIRST_SPEEDS = (0.95, 1.1), (0.05, 0.4)
"""Lengths of an accelerated motion to begin with, as multiples of the linear motion's, and speeds
at first, as fractions of the last."""
VALUE = 8.0
"""Rise in loss that a family may have for each value less: the logarithm of the number of
frequencies, as in the Bayesian information criterion."""
HELD, SKETCHED, ASKED, COMPARED = 4, 2, 2, 6
"""Steps of the coarse fits: of a jump's texture alone, of all starts, further ones of the LEADING
of each family, by which a search may end, and further ones of all, by which they are compared."""
LEADING, FINALISTS = 2, 2
"""Numbers of coarse fits of a family that are asked, and that are refined."""
HOPELESS = 0.25
"""Fraction of the required drop that one of the coarse fits must reach for the search to go on."""
BEHIND = 0.25
"""Fraction of the largest drop of the coarse fits that a family must reach to be refined."""
DROP = 2.5
"""Required drop in loss of a swing or a jump, as a multiple of that of a motion: below no motion,
below a Gaussian as wide and below constant speed. Of 98 sharp images those that the network called
still with less than 0.35 reached 1.3 by a swing or a jump, others 6.4."""
OTHER = 1.3
"""Ratio of the lengths of two motions above which they are not the same."""


@dataclass(frozen=True)
class FittedStage:
    """A motion of few values.

    blur: the motion, or its reverse. fit: of the spectrum. nests: whether constant speed is one of
    its family. rival: a motion of another length that is about as likely.
    """

    blur: Profile
    fit: fitting.Fit
    nests: bool = False
    rival: Profile | None = None

    @property
    def cost(self) -> float:
        """Loss, and what its values cost."""
        return cost(self.fit)


def cost(fit: fitting.Fit) -> float:
    """Return the loss of a fit, and what its blur's values cost."""
    return fit.loss + VALUE * len(fit.values)


def has_few_values(profile: Profile) -> bool:
    """Return whether a line at uneven speed is one of these, which are exposed at more places than
    there are free times.
    """
    return len(profile.times) > profile_fit.MANY


def settled(values: Values) -> Profile:
    """Return the line of a swing amplitude * exp(-decay t) * cos(2 pi cycles t), t from 0 to 1.

    values: amplitude in pixels, decay, cycles, and the angle of the first deflection, degrees.
    """
    amplitude, decay, cycles, angle = values
    time = (np.arange(MOMENTS) + 0.5) / MOMENTS
    place = amplitude * np.exp(-decay * time) * np.cos(2 * np.pi * cycles * time)
    length = float(np.ptp(place))
    count = max(profile_fit.MANY + 1, round(length / PITCH) + 1)
    times = _times((place - place.min()) / length, count)
    return Profile(length, angle % 180, tuple(map(float, times)))


def _times(places: Array, count: int) -> Array:
    """Return how long each of `count` places from 0 to 1 was exposed; places: at equal times."""
    step = places * (count - 1)
    first = np.minimum(step.astype(int), count - 2)
    share = step - first
    times = np.bincount(first, 1 - share, count) + np.bincount(first + 1, share, count)
    times[[0, -1]] *= 2  # only half as far from the next place
    return np.asarray(times / times.sum())


def jumped(values: Values) -> Profile:
    """Return the line of a jump; values: distance in pixels, time spent at the first of the two
    positions as a fraction of the exposure, angle in degrees.
    """
    distance, share, angle = values
    count = round(1 / POINT) + 1
    times = np.zeros(count)
    times[0], times[-1] = share, 1 - share
    return Profile(distance, angle % 180, tuple(map(float, times)))


def paused(values: Values) -> Profile:
    """Return a line at constant speed with a rest at one place.

    values: length in pixels, share of the exposure spent at rest, place of the rest as a fraction
    of the line, angle in degrees.
    """
    length, share, place, angle = values
    rest = np.zeros(PLACES)
    step = min(abs(place), 1.0) * (PLACES - 1)
    first = min(int(step), PLACES - 2)
    rest[first], rest[first + 1] = first + 1 - step, step - first
    rest[[0, -1]] *= 2  # only half as far from the next place
    times = (1 - share) / (PLACES - 1) + share * rest
    return Profile(length, angle % 180, tuple(map(float, times)))


def ramped(values: Values) -> Profile:
    """Return the line of a constant acceleration; values: length in pixels, speed at first as a
    fraction of the last, angle in degrees.
    """
    length, first, angle = values
    first = abs(first)
    time = (np.arange(MOMENTS) + 0.5) / MOMENTS
    place = (first * time + (1 - first) * time**2 / 2) * 2 / (1 + first)
    times = _times(place, max(profile_fit.MANY + 1, round(length / PITCH) + 1))
    return Profile(length, angle % 180, tuple(map(float, times)))


def _family(blur_of: Callable[[Values], Profile], *bounds: tuple[float, float]) -> Family:
    lowest, highest = (tuple(bound[side] for bound in bounds) for side in (0, 1))
    count = len(bounds)
    return Family(
        kernel=lambda values: blur_of(values).kernel(),
        differences=(*(0.02,) * count, 0.1),
        reach=(*(0.25,) * count, 8.0),
        lowest=(*lowest, -np.inf),
        highest=(*highest, np.inf),
        turns=True,
    )


def required_drop(averages: float, line: motion_fit.Search, nests: bool) -> float:
    """Return the drop in loss below constant speed that is required of a motion of few values.

    line: the fits of constant speed. nests: whether that is one of the motion's family.
    """
    if nests:
        return profile_fit.required_drop(averages, line)
    return DROP * motion_fit.required_improvement(averages)


@dataclass(frozen=True)
class _Trial:
    """A family that is tried.

    blur_of: its motions by their values. starts: values to begin with. texture: to begin with.
    nests: whether constant speed is one of the family. jumps: whether nothing is exposed between
    two places.
    """

    blur_of: Callable[[Values], Profile]
    family: Family
    starts: Sequence[Values]
    texture: Array
    nests: bool = False
    jumps: bool = False

    def found(self, fit: fitting.Fit) -> FittedStage:
        """Return the motion of a fit."""
        return FittedStage(self.blur_of(fit.values), fit, self.nests)


def search(
    spectrum: Spectrum, line: motion_fit.Search, angle: float, jumps: Sequence[Values]
) -> FittedStage | None:
    """Return the likeliest motion of few values; None where constant speed explains the spectrum
    as well.

    line: the fits of constant speed. angle: of a swing, expected, degrees. jumps: expected
    distances and angles of a jump, pixels and degrees.
    """
    longest = min(spectrum.window) / families.LONGEST_SHARE
    motions = [
        trial.found(_refined(line, trial, starts))
        for trial, starts in _promising(spectrum, line, _trials(line, longest, angle, jumps))
    ]
    if not motions:
        return None
    best, *others = sorted(motions, key=lambda motion: motion.cost)
    allowed = best.cost + profile_fit.AMBIGUOUS * max(line.best.loss - best.fit.loss, 0.0)
    rivals = [
        motion.blur
        for motion in others
        if motion.cost < allowed and _differ(motion.blur.length, best.blur.length)
    ]
    return replace(best, rival=rivals[0] if rivals else None)


def _trials(
    line: motion_fit.Search, longest: float, angle: float, jumps: Sequence[Values]
) -> list[_Trial]:
    swing = _family(settled, (2.0, longest / 2), (0.5, 12.0), (0.75, 12.0))
    jump = _family(jumped, (3.0, longest), (0.1, 0.9))
    pause = _family(paused, (2.0, longest), (0.05, 0.8), (0.0, 0.5))
    ramp = _family(ramped, (2.0, longest), (0.0, 1.0))
    even, texture = line.best.values, line.best.texture
    return [
        _Trial(settled, swing, list(_swings(angle)), line.still.texture),
        _Trial(jumped, jump, list(_jumps(jumps)), line.still.texture, jumps=True),
        _Trial(paused, pause, list(_pauses(even, AT_AN_END, longest)), texture, nests=True),
        _Trial(paused, pause, list(_pauses(even, IN_THE_MIDDLE, longest)), texture, nests=True),
        _Trial(ramped, ramp, list(_ramps(even, longest)), texture, nests=True),
    ]


def _promising(
    spectrum: Spectrum, line: motion_fit.Search, trials: Sequence[_Trial]
) -> list[tuple[_Trial, list[fitting.Fit]]]:
    """Return the families that may explain enough, and their likeliest coarse fits, the best
    first; none where all of them stay too close to constant speed, as in most images.
    """
    coarse = likelihood.Problem(spectrum, motion_fit.COARSE)
    scale = motion_fit.COARSE / motion_fit.FINE
    transfer = coarse.transfer(line.best.family.kernel(line.best.values))
    even = fitting.fit_held(coarse, transfer, line.best.texture).loss
    sketched = [_sketched(coarse, trial) for trial in trials]
    asked = [_continued(coarse, fits[:LEADING], ASKED)[0] for fits in sketched]
    required = [required_drop(spectrum.averages, line, trial.nests) / scale for trial in trials]
    if all(even - fit.loss < HOPELESS * r for fit, r in zip(asked, required, strict=True)):
        return []
    tried = [_continued(coarse, fits, COMPARED)[:FINALISTS] for fits in sketched]
    least = even - BEHIND * max(even - fits[0].loss for fits in tried)
    return [pair for pair in zip(trials, tried, strict=True) if pair[1][0].loss <= least]


def _sketched(coarse: likelihood.Problem, trial: _Trial) -> list[fitting.Fit]:
    """Return the fits of a family after a few steps, the best first; a jump's texture is fitted
    alone before: its steps are cheap, and some take it far.
    """
    fits = []
    for start in trial.starts:
        texture = trial.texture
        if trial.jumps:
            transfer = coarse.transfer(trial.family.kernel(trial.family.bounded(start)))
            texture = fitting.fit_held(coarse, transfer, texture, steps=HELD).texture
        fits.append(fitting.fit(coarse, trial.family, start, texture, steps=SKETCHED))
    return sorted(fits, key=motion_fit.LOSS)


def _continued(
    coarse: likelihood.Problem, fits: Sequence[fitting.Fit], steps: int
) -> list[fitting.Fit]:
    """Return fits after more steps, the best first."""
    further = [
        fitting.fit(coarse, fit.family, fit.values, fit.texture, steps=steps) for fit in fits
    ]
    return sorted(further, key=motion_fit.LOSS)


def _refined(line: motion_fit.Search, trial: _Trial, starts: Sequence[fitting.Fit]) -> fitting.Fit:
    """Return the likeliest fit of a family to all frequencies."""
    fits = [fitting.fit(line.problem, trial.family, s.values, s.texture) for s in starts]
    best = min(fits, key=motion_fit.LOSS)
    if not trial.jumps:
        return best
    return min(best, _shared_equally(line, trial.family, best), key=motion_fit.LOSS)


def _differ(first: float, second: float) -> bool:
    return max(first, second) > OTHER * min(first, second)


def _shared_equally(line: motion_fit.Search, jump: Family, found: fitting.Fit) -> fitting.Fit:
    """Return the likeliest jump near one that spends half of its time at each position: from other
    shares, whose bands are filled, no slope leads there.
    """
    distance, _, angle = found.values
    problem, texture = line.problem, line.still.texture
    starts = [(distance * by, 0.5, angle + turn) for by in NEARBY for turn in TURNS]
    tried = [
        fitting.fit_held(
            problem, problem.transfer(jump.kernel(start)), texture, steps=motion_fit.QUICK
        )
        for start in starts
    ]
    nearest = starts[int(np.argmin([motion_fit.LOSS(fit) for fit in tried]))]
    return fitting.fit(problem, jump, nearest, texture, settle_texture=True)


def _swings(angle: float) -> Iterator[Values]:
    for amplitude in AMPLITUDES:
        for cycles in CYCLES:
            yield amplitude, DECAY, cycles, angle


def _jumps(expected: Sequence[Values]) -> Iterator[Values]:
    distinct: list[Values] = []
    for distance, angle in expected:
        for by in DISTANCES:
            start = distance * by, angle
            if not any(_are_alike(start, other) for other in distinct):
                distinct.append(start)
                yield distance * by, 0.5, angle


def _are_alike(first: Values, second: Values) -> bool:
    """Return whether fits that begin at two distances and angles end at the same jump."""
    turn = abs((first[1] - second[1] + 90) % 180 - 90)
    return abs(first[0] - second[0]) < ALIKE * second[0] and turn < ALIKE_TURN


def _pauses(line: Values, place: float, longest: float) -> Iterator[Values]:
    length, angle = line
    for by in PAUSES:
        for share in RESTS:
            yield min(length * by, longest), share, place, angle


def _ramps(line: Values, longest: float) -> Iterator[Values]:
    length, angle = line
    for by in RAMPS:
        for first in FIRST_SPEEDS:
            yield min(length * by, longest), first, angle
