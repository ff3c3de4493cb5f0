"""Recognition of the paper's OpenCV recipe, whose kernel has uneven weights along the motion."""

from __future__ import annotations

from functools import lru_cache
from operator import itemgetter

import numpy as np

from unsmear.blur import Paper
from unsmear.blur.kernel import Kernel
from unsmear.errors import KernelError
from unsmear.estimate import likelihood
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
EVIDENT = 600.0
"""Drop in loss from no motion to linear motion that is required before recipes are tried; for one
averaged spectrum, and more for more of them."""
CLEARLY = 100.0
"""Drop in loss from linear motion to a recipe that is required to accept it; for one averaged
spectrum, and more for more of them. In 110 images of linear motion at constant speed, with noise,
JPEG and saturation, chance reached it in eight, none of which reached `EVIDENT`."""
SHARE = 0.04
"""Drop in loss from linear motion to a recipe that is required to accept it, as a fraction of that
from no motion to linear motion."""


def find(search: Search) -> Paper | None:
    """Return the recipe that fits a spectrum clearly better than the best motion at constant speed.

    None where there is no such recipe.
    """
    problem, best = search.problem, search.best
    evidence, scale = search.still.loss - best.loss, 1 + search.averages
    if evidence < EVIDENT * scale:
        return None
    candidates = []
    for paper in _near(*best.values):
        transfer = problem.transfer(_kernel(paper))
        candidates.append((likelihood.loss(problem, best.texture, transfer), paper, transfer))
    candidates.sort(key=itemgetter(0))
    accepted, lowest = None, best.loss - max(CLEARLY * scale, SHARE * evidence)
    for _, paper, transfer in candidates[:REFITTED]:
        fit = likelihood.fit_held(problem, transfer, best.texture, steps=6)
        if fit.loss < lowest:
            accepted, lowest = paper, fit.loss
    return accepted


def _near(length: float, angle: float) -> list[Paper]:
    """Return the recipes of whole degrees and angles, -90 to 90, near a length and an angle."""
    turn = round(angle) - DIAGONAL
    angles = {(turn + step + 90) % 180 - 90 for step in range(-AROUND, AROUND + 1)}
    degrees = range(max(2, int(length / np.sqrt(2)) - 1), int(length) + 4)
    papers = [Paper(degree, float(turned)) for degree in degrees for turned in sorted(angles)]
    return [paper for paper in papers if abs(_length(paper) - length) < NEAR]


def _length(paper: Paper) -> float:
    try:
        return equivalent(_kernel(paper))[0]
    except KernelError:  # turned out of its own square
        return np.inf


@lru_cache(maxsize=4096)
def _kernel(paper: Paper) -> Kernel:
    return paper.kernel()
