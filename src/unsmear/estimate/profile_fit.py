"""Linear motion at uneven speed: the exposure of places along a line, fitted to a spectrum.

A stage that starts, stops, waits, accelerates or vibrates exposes some places of its line longer
than others, and the dark bands of constant speed are filled. The logarithms of these times are
fitted under the same likelihood as length and angle. The power spectrum is that of the path run
backwards too; `resolve` chooses between the two in the image.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsmear.blur import Profile
from unsmear.blur.kernel import Kernel
from unsmear.estimate import families, fitting, goodness, likelihood, motion_fit, shake_fit
from unsmear.estimate.families import Family, Values
from unsmear.estimate.spectrum import Array, Spectrum

FEW, MANY = 6, 11
"""Numbers of places whose times are fitted: first, and where a motion has shorter pauses."""
RANGE = 5.0
"""Largest logarithm of a time, relative to the first place's."""
STARTS = (
    (0.0, 0.0, 0.0, 0.0, 0.0),
    (0.0, 1.0, 2.0, 2.0, 2.0),
    (0.0, 0.0, 1.5, 0.0, 0.0),
    (-1.0, -1.0, -1.0, -1.0, -1.0),
    (1.0, 2.0, 2.0, 1.0, 0.0),
)
"""Times to begin with: even, faster at the first end, a pause, rest at the first end, slow in the
middle; logarithms, relative to the first place's. The half-turn of each is the same fit."""
LONGER = (1.15, 1.6)
"""Lengths to begin with, as multiples of the linear motion's, which is too short as a rule."""
LONGEST = 2.2
"""The same for motions that are their own reverse: one with a pause in its middle is taken for one
of its halves."""
TILT = 0.06
"""Change of the logarithm of the times from place to place with which a profile is tilted."""
NEARLY, NEARLY_SHARE = 8.0, 0.03
"""Rise in loss that is allowed to a path that is its own reverse: it has five values less; and as
a fraction of the drop from constant speed, for textures are not as smooth as the model's."""
AMBIGUOUS = 0.15
"""Excess in loss over a path that is its own reverse, as a fraction of the drop from constant
speed, up to which one that is not is likely too: a rest before a motion has nearly the
autocorrelation of a pause in the middle of one twice as long."""
MIRRORED_STARTS = (
    (0.0, 0.0, 0.0, 0.0, 2.0),
    (-1.0, -1.2, -1.3, -1.3, -1.3),
    (0.5, 1.0, 1.2, 1.3, 1.3),
)
"""Times to begin with, of the first half and the middle: a pause, a vibration, slow half way."""
PATTERNED = 0.02
"""Pattern left over by constant speed (`goodness.excess`) below which no profile is tried."""
CLEARLY, SHARE = 70.0, 0.2
"""Drop in loss from constant speed that is required of a profile: for one averaged spectrum, more
for more of them, and as a fraction of the drop from no motion to constant speed. Even motions of
4 to 24 px in textures of real cells reached 195, a tenth of theirs."""
MORE_CLEARLY = 180.0
"""The same drop for a path that is its own reverse, which irregular motions look like too."""
WIDEST = 1.2
"""Largest extent, as a multiple of the linear motion's length, of a path that is not its own
reverse: the likeliest motion at constant speed is about as wide."""
HOPELESS = 0.25
"""Fraction of the required drop that the coarse fits must reach after a few steps for the search to
go on. For motions that were found in the end they reached 0.74 and more, but after one step less
0.05."""
SKETCHED, COMPARED = 4, 8
"""Steps of the coarse fits by which a search may end, and by which starts are compared."""
FINER = 60.0
"""Further drop in loss that is required of the profile with more places."""
CONFIDENCE = 0.85
"""Confidence of a motion at uneven speed."""


@dataclass(frozen=True)
class FittedProfile:
    """A motion at uneven speed.

    blur: the motion, or its reverse. fit: of the spectrum. pattern: what it leaves unexplained
    (`goodness.excess`). mirror: whether it is its own reverse. likely: whether its length may
    be right; if not, all that is known is that the speed was uneven. rival: a path that is about
    as likely as one that is its own reverse, and is not.
    """

    blur: Profile
    fit: fitting.Fit
    pattern: float
    mirror: bool = False
    likely: bool = True
    rival: Profile | None = None


def family(places: int, longest: float) -> Family:
    """Return the profiles of a number of places, as long as `longest` pixels at most.

    Their values are the logarithms of the times of all places but the first, then length and angle.
    """
    count = places - 1
    return Family(
        kernel=_kernel,
        differences=(*(0.05,) * count, 0.02, 0.1),
        reach=(*(1.0,) * count, 0.1, 6.0),
        lowest=(*(-RANGE,) * count, families.SHORTEST, -np.inf),
        highest=(*(RANGE,) * count, longest, np.inf),
        turns=True,
    )


def mirrored(longest: float) -> Family:
    """Return the profiles that are their own reverse, of MANY places.

    Their values are the logarithms of the times of the first half's places but the first, and of
    the middle, then length and angle.
    """
    return replace(family(MANY // 2 + 1, longest), kernel=_mirrored_kernel)


def blur_of(values: Values) -> Profile:
    """Return the motion with the values of a family, its times summing to 1."""
    *logs, length, angle = values
    times = np.exp([0.0, *logs])
    return Profile(length, angle % 180, tuple(map(float, times / times.sum())))


def _kernel(values: Values) -> Kernel:
    return blur_of(values).kernel()


def _both_halves(values: Values) -> Values:
    """Return the values of `family(MANY)` for those of `mirrored`."""
    *logs, length, angle = values
    half = [0.0, *logs]
    return (*half[1:], *half[-2::-1], length, angle)


def _mirrored_kernel(values: Values) -> Kernel:
    return _kernel(_both_halves(values))


def search(spectrum: Spectrum, line: motion_fit.Search) -> FittedProfile | None:
    """Return the likeliest uneven motion; None where constant speed explains the spectrum as well.

    line: the fits of constant speed.
    """
    longest = min(spectrum.window) / families.LONGEST_SHARE
    coarse = likelihood.Problem(spectrum, motion_fit.COARSE)
    few = family(FEW, longest)
    required = required_drop(spectrum.averages, line)
    transfer = coarse.transfer(line.best.family.kernel(line.best.values))
    even = fitting.fit_held(coarse, transfer, line.best.texture)
    scale = motion_fit.COARSE / motion_fit.FINE
    hopeful = even.loss - HOPELESS * required / scale
    tried = _tried(
        coarse, few, list(_starts(line.best.values, longest)), line.best.texture, hopeful
    )
    if not tried:
        return None
    fits = [
        fitting.fit(line.problem, few, start.values, start.texture, steps=12) for start in tried[:2]
    ]
    best = min(fits, key=motion_fit.LOSS)
    finer = fitting.fit(
        line.problem, family(MANY, longest), _refined(best.values), best.texture, steps=12
    )
    if finer.loss < best.loss - FINER:
        best = finer
    free = best
    same = _best_mirrored(spectrum, line, coarse, longest)
    tilted = _best_tilted(line, same, longest)
    best = min(best, tilted, key=motion_fit.LOSS)
    allowed = max(NEARLY, NEARLY_SHARE * (line.best.loss - best.loss))
    mirror = same.loss < best.loss + allowed
    best = same if mirror else best
    drop = line.best.loss - best.loss
    if mirror:
        required = max(MORE_CLEARLY * (1 + spectrum.averages), required)
    if drop < required:
        return None
    extent, _, _ = shake_fit.equivalent(best.family.kernel(best.values))
    likely = mirror or extent <= WIDEST * line.best.values[0]
    blur = _blur_of(best)
    ambiguous = mirror and free.loss < best.loss + AMBIGUOUS * drop
    rival = _blur_of(free) if ambiguous else None
    return FittedProfile(blur, best, goodness.excess(spectrum, best), mirror, likely, rival)


def required_drop(averages: float, line: motion_fit.Search) -> float:
    """Return the drop in loss below constant speed that is required of uneven speed."""
    return max(CLEARLY * (1 + averages), SHARE * line.improvement)


def _tried(
    coarse: likelihood.Problem,
    few: Family,
    starts: list[Values],
    texture: Array,
    hopeful: float,
) -> list[fitting.Fit]:
    """Return the likeliest coarse fits from several starts, the best first; none where all stay
    above the loss that is `hopeful`.

    They are asked after a few steps first: most images end there.
    """
    for steps in (SKETCHED, COMPARED):
        fits = [fitting.fit(coarse, few, start, texture, steps=steps) for start in starts]
        if min(map(motion_fit.LOSS, fits)) > hopeful:
            return []
    return sorted(fits, key=motion_fit.LOSS)


def _blur_of(fit: fitting.Fit) -> Profile:
    mirror = fit.family.kernel is _mirrored_kernel
    return blur_of(_both_halves(fit.values) if mirror else fit.values)


def _best_tilted(line: motion_fit.Search, same: fitting.Fit, longest: float) -> fitting.Fit:
    """Return the likeliest profile near one that is its own reverse, from which no slope leads to
    one that is not.
    """
    *logs, length, angle = _both_halves(same.values)
    tilt = TILT * np.arange(1, MANY)
    start = (*map(float, np.array(logs) + tilt), length, angle)
    return fitting.fit(line.problem, family(MANY, longest), start, same.texture, steps=12)


def _best_mirrored(
    spectrum: Spectrum, line: motion_fit.Search, coarse: likelihood.Problem, longest: float
) -> fitting.Fit:
    """Return the likeliest profile that is its own reverse."""
    length, angle = line.best.values
    mirror = mirrored(longest)
    tried = [
        fitting.fit(
            coarse,
            mirror,
            (*logs, min(length * by, longest), angle),
            line.best.texture,
            steps=8,
        )
        for by in (*LONGER, LONGEST)
        for logs in MIRRORED_STARTS
    ]
    fits = [
        fitting.fit(line.problem, mirror, start.values, start.texture, steps=12)
        for start in sorted(tried, key=motion_fit.LOSS)[:2]
    ]
    return min(fits, key=motion_fit.LOSS)


def _starts(line: Values, longest: float) -> Iterator[Values]:
    length, angle = line
    for by in LONGER:
        for logs in STARTS:
            yield (*logs, min(length * by, longest), angle)


def _refined(values: Values) -> Values:
    """Return the same profile with MANY places."""
    *logs, length, angle = values
    places = np.linspace(0, 1, MANY)
    finer = np.interp(places, np.linspace(0, 1, FEW), [0.0, *logs])
    return (*map(float, finer[1:] - finer[0]), length, angle)


def resolve(planes: NDArray[Any], blur: Profile) -> Profile | None:
    """Return the path or its reverse, whichever the image supports; None where it supports neither.

    planes: (batch, channel, y, x) counts. It does not matter which is taken where they are about
    the same; of narrow peaks, such as those of a jump, their times tell that, not their pixels.
    """
    times = np.array(blur.times)
    if times @ times[::-1] > shake_fit.SAME * times @ times:
        return blur
    forwards = shake_fit.half_turn_told(planes, blur.kernel())
    if forwards is None:
        return None
    return blur if forwards else blur.turned()


def is_contradicted(planes: NDArray[Any], blur: Profile, rival: Profile | None) -> bool:
    """Return whether the image supports a rival, or its reverse, rather than a motion.

    planes: (batch, channel, y, x) counts.
    """
    if rival is None:
        return False
    others = (rival, rival.turned())
    sparsest = min(shake_fit.sparsity(planes, other.kernel()) for other in others)
    return shake_fit.sparsity(planes, blur.kernel()) - sparsest > shake_fit.TOLD_APART
