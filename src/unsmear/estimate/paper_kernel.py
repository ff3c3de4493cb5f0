"""Recognition of the paper's OpenCV recipe, whose kernel has uneven weights along the motion."""

from __future__ import annotations

from functools import lru_cache
from operator import itemgetter
from typing import NamedTuple

import numpy as np

from unsmear.blur import Paper
from unsmear.blur.kernel import Kernel
from unsmear.errors import KernelError
from unsmear.estimate import fitting, likelihood
from unsmear.estimate.motion_fit import Search
from unsmear.estimate.shake_fit import equivalent
from unsmear.estimate.spectrum import Array

DIAGONAL = 135
"""Direction of the recipe's diagonal of ones before its rotation, degrees anticlockwise."""
AROUND = 4
"""Largest difference in angle between a recipe that is tried and the linear motion, degrees."""
NEAR = 1.2
"""Largest difference in length between a recipe that is tried and the linear motion, pixels."""
REFITTED = 3
"""Number of recipes whose texture is fitted, the likeliest first."""
LEAST_PATTERN = 0.05
"""Pattern that constant speed leaves below which no recipe is tried: motions at constant speed left
0.046 at most, 23 of 24 recipes 0.07 and more."""
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
where it is not, the recipes of 20 real images reached 0.48 to 1.6."""


class Found(NamedTuple):
    """A recipe that fits, and the loss of its fit."""

    paper: Paper
    loss: float


def find(search: Search, pattern: float) -> Found | None:
    """Return the recipe that fits a spectrum clearly better than the best motion at constant speed.

    pattern: what constant speed leaves unexplained (`goodness.excess`); where that is next to
    nothing no recipe is tried. None where there is no such recipe.
    """
    if pattern < LEAST_PATTERN:
        return None
    problem, best = search.problem, search.best
    evidence, scale = search.still.loss - best.loss, 1 + search.averages
    share = SHARE if evidence > EVIDENT * scale else LITTLE_SHARE
    candidates = []
    for paper in _near(*best.values):
        transfer = problem.transfer(_kernel(paper))
        candidates.append((likelihood.loss(problem, best.texture, transfer), paper, transfer))
    candidates.sort(key=itemgetter(0))
    line = fitted_loss(search, best.transfer)
    found, lowest = None, line - max(CLEARLY * scale, share * evidence)
    for _, paper, transfer in candidates[:REFITTED]:
        loss = fitted_loss(search, transfer, lowest)
        if loss < lowest:
            found, lowest = Found(paper, loss), loss
    return found


def fitted_loss(search: Search, transfer: Array, stop_above: float = np.inf) -> float:
    """Return the loss of a transfer; stop_above: above which it need not be exact.

    Its texture is fitted from those of the best motion and of none: from either alone one in four
    ends in an optimum that is not the best.
    """
    fits = [
        fitting.fit_held(search.problem, transfer, first.texture, stop_above=stop_above)
        for first in (search.best, search.still)
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
