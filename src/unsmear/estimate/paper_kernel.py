"""The OpenCV recipe as what moved the image: its weights are uneven, and only it has them so."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from unsmear.blur import Paper
from unsmear.blur.kernel import Kernel
from unsmear.errors import KernelError
from unsmear.estimate import likelihood
from unsmear.estimate.motion_fit import Search
from unsmear.estimate.shake_fit import equivalent

DIAGONAL = 135
"""Degrees, anticlockwise; the direction of the recipe's diagonal of ones before it is turned."""
AROUND = 4
"""Degrees from the direction of an even movement within which recipes are tried."""
NEAR = 1.2
"""Pixels from the length of an even movement within which recipes are tried."""
REFITTED = 3
"""Recipes whose texture is fitted too."""
EVIDENT = 600.0
"""Of the loss, that the even movement must gain over none before recipes are tried."""
CLEARLY = 100.0
"""Of the loss, that a recipe must gain over every even movement. Both for looks of 1, more for
more looks: in 110 images moved evenly, with noise, JPEG and saturation, chance gained as much in
eight, all of them with less evidence for a movement at all."""
SHARE = 0.04
"""And as a share of what the even movement gains over none."""


def find(search: Search) -> Paper | None:
    """Return the recipe that explains a spectrum clearly better than the best even movement."""
    problem, best = search.problem, search.best
    evidence, scale = search.still.loss - best.loss, 1 + search.looks
    if evidence < EVIDENT * scale:
        return None
    tried = []
    for paper in _near(*best.values):
        transfer = problem.transfer(_kernel(paper))
        tried.append((likelihood.loss(problem, best.texture, transfer), paper, transfer))
    tried.sort(key=lambda one: one[0])
    found, lowest = None, best.loss - max(CLEARLY * scale, SHARE * evidence)
    for _, paper, transfer in tried[:REFITTED]:
        fitted = likelihood.fit_held(problem, transfer, best.texture, steps=6)
        if fitted.loss < lowest:
            found, lowest = paper, fitted.loss
    return found


def _near(length: float, angle: float) -> list[Paper]:
    """Return the recipes of whole degrees and angles, -90 to 90, that move about so."""
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
