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
FINALISTS = 2
"""Number of coarse fits of a family that are refined."""
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


def search(
    spectrum: Spectrum, line: motion_fit.Search, angle: float, jumps: Sequence[Values]
) -> FittedStage:
    """Return the likeliest motion of few values.

    line: the fits of constant speed. angle: of a swing, expected, degrees. jumps: expected
    distances and angles of a jump, pixels and degrees.
    """
    longest = min(spectrum.window) / families.LONGEST_SHARE
    swing = _family(settled, (2.0, longest / 2), (0.5, 12.0), (0.75, 12.0))
    jump = _family(jumped, (3.0, longest), (0.1, 0.9))
    pause = _family(paused, (2.0, longest), (0.05, 0.8), (0.0, 0.5))
    ramp = _family(ramped, (2.0, longest), (0.0, 1.0))
    coarse = likelihood.Problem(spectrum, motion_fit.COARSE)
    swung = _fitted(coarse, line, swing, _swings(angle), line.still.texture)
    apart = _fitted(coarse, line, jump, _jumps(jumps), line.still.texture)
    apart = min(apart, _shared_equally(line, jump, apart), key=motion_fit.LOSS)
    motions = [FittedStage(settled(swung.values), swung), FittedStage(jumped(apart.values), apart)]
    texture = line.best.texture
    for place in (AT_AN_END, IN_THE_MIDDLE):
        rested = _fitted(coarse, line, pause, _pauses(line.best.values, place, longest), texture)
        motions.append(FittedStage(paused(rested.values), rested, nests=True))
    faster = _fitted(coarse, line, ramp, _ramps(line.best.values, longest), texture)
    motions.append(FittedStage(ramped(faster.values), faster, nests=True))
    best, *others = sorted(motions, key=lambda motion: motion.cost)
    allowed = best.cost + profile_fit.AMBIGUOUS * max(line.best.loss - best.fit.loss, 0.0)
    rivals = [
        motion.blur
        for motion in others
        if motion.cost < allowed and _differ(motion.blur.length, best.blur.length)
    ]
    return replace(best, rival=rivals[0] if rivals else None)


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
    for distance, angle in expected:
        for by in DISTANCES:
            yield distance * by, 0.5, angle


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


def _fitted(
    coarse: likelihood.Problem,
    line: motion_fit.Search,
    family: Family,
    starts: Iterator[Values],
    texture: Array,
) -> fitting.Fit:
    tried = [fitting.fit(coarse, family, start, texture, steps=8) for start in starts]
    fits = [
        fitting.fit(line.problem, family, start.values, start.texture)
        for start in sorted(tried, key=motion_fit.LOSS)[:FINALISTS]
    ]
    return min(fits, key=motion_fit.LOSS)
