"""Recognition of the paper's OpenCV recipe, whose kernel has uneven weights along the motion."""

from __future__ import annotations

from functools import lru_cache
from operator import itemgetter

import numpy as np

from unsmear.blur import Paper
from unsmear.blur.kernel import Kernel
from unsmear.errors import KernelError
from unsmear.estimate import fitting, likelihood
from unsmear.estimate.motion_fit import Search
from unsmear.estimate.shake_fit import equivalent

DIAGONAL = 135
"""Direction of the recipe's diagonal of ones before its rotation, degrees anticlockwise."""
AROUND = 4
"""Largest difference in angle between a recipe that is tried and the linear motion, degrees."""
NEAR = 1.2
"""Largest difference in length between a recipe that is tried and the linear motion, pixels."""
REFITTED = 3
"""Number of recipes whose texture is fitted, the likeliest first."""
PATTERNED = 0.05
"""Pattern that constant speed leaves below which no recipe is tried: motions at constant speed left
0.045 at most, 23 of 24 recipes 0.07 and more."""
CLEARLY = 100.0
"""Drop in loss from linear motion to a recipe that is required to accept it; for one averaged
spectrum, and more for more of them. In 110 images of linear motion at constant speed, with noise,
JPEG and saturation, chance reached it in eight."""
EVIDENT = 600.0
"""Drop in loss from no motion to linear motion that is evidence of some motion; for one averaged
spectrum, and more for more of them. None of those eight images reached it."""
SHARE, LITTLE_SHARE = 0.1, 0.4
"""The required drop as a fraction of that from no motion to linear motion, where that is evident
and where it is not. Where it is, recipes reached 0.13 to 0.8 and motions at constant speed 0.02;
where it is not, recipes reached 0.67 and more."""


def find(search: Search, pattern: float) -> Paper | None:
    """Return the recipe that fits a spectrum clearly better than the best motion at constant speed.

    pattern: what that leaves unexplained (`goodness.excess`); where it leaves none, no recipe is
    tried. None where there is no such recipe.
    """
    if pattern < PATTERNED:
        return None
    problem, best = search.problem, search.best
    evidence, scale = search.still.loss - best.loss, 1 + search.averages
    share = SHARE if evidence > EVIDENT * scale else LITTLE_SHARE
    candidates = []
    for paper in _near(*best.values):
        transfer = problem.transfer(_kernel(paper))
        candidates.append((likelihood.loss(problem, best.texture, transfer), paper))
    candidates.sort(key=itemgetter(0))
    # The texture of the best motion may not have settled, and that of a recipe is fitted.
    settled = fitting.fit_held(problem, best.transfer, best.texture, steps=6)
    accepted, lowest = None, settled.loss - max(CLEARLY * scale, share * evidence)
    for _, paper in candidates[:REFITTED]:
        loss = loss_of(paper, search, lowest)
        if loss < lowest:
            accepted, lowest = paper, loss
    return accepted


def loss_of(paper: Paper, search: Search, stop_above: float = np.inf) -> float:
    """Return the loss of a recipe; stop_above: above which it need not be exact.

    Its texture is fitted from those of the best motion and of none: from either alone one in four
    ends in an optimum that is not the best.
    """
    transfer = search.problem.transfer(_kernel(paper))
    fits = [
        fitting.fit_held(search.problem, transfer, begun.texture, stop_above=stop_above)
        for begun in (search.best, search.still)
    ]
    return min(fit.loss for fit in fits)


def _near(length: float, angle: float) -> list[Paper]:
    """Return the recipes of whole degrees and angles, -90 to 90, near a length and an angle."""
    turn = round(angle) - DIAGONAL
    angles = {(turn + step + 90) % 180 - 90 for step in range(-AROUND, AROUND + 1)}
    degrees = range(max(2, int(length / np.sqrt(2)) - 1), int(length) + 4)
    papers = [Paper(degree, float(turned)) for degree in degrees for turned in sorted(angles)]
    return [paper for paper in papers if abs(_length(paper) - length) < NEAR]


@lru_cache(maxsize=4096)
def _length(paper: Paper) -> float:
    try:
        return equivalent(_kernel(paper))[0]
    except KernelError:  # turned out of its own square
        return np.inf


@lru_cache(maxsize=4096)
def _kernel(paper: Paper) -> Kernel:
    return paper.kernel()
