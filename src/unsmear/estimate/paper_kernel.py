"""Recognition of the paper's OpenCV recipe, whose kernel has uneven weights along the motion."""

from __future__ import annotations

from functools import lru_cache
from operator import itemgetter

import numpy as np

from unsmear.blur import Paper
from unsmear.blur.kernel import Kernel
from unsmear.errors import KernelError
from unsmear.estimate import fitting, likelihood
from unsmear.estimate.likelihood import BOUND
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
SHARE = 0.1
"""Drop in loss from linear motion to a recipe that is required to accept it, as a fraction of that
from no motion to linear motion. Recipes reach 0.13 to 0.7, motions at constant speed 0.02."""
UNEVEN = 1.0
"""Unevenness above which recipes are tried: of 25 recipes all reached it, of 54 motions at constant
speed one in seven."""
LOBES, BINS = 4, 16
"""Number of lobes of a spectrum in which the unevenness is measured, and of bins in them."""
FEWEST = 30
"""Least number of frequencies in a bin that counts."""
NOTICED = 0.03
"""Transfer at which a frequency's signal must still be above its noise to count."""


def find(search: Search) -> Paper | None:
    """Return the recipe that fits a spectrum clearly better than the best motion at constant speed.

    None where there is no such recipe.
    """
    problem, best = search.problem, search.best
    evidence, scale = search.still.loss - best.loss, 1 + search.averages
    if evidence < EVIDENT * scale or unevenness(search) < UNEVEN:
        return None
    candidates = []
    for paper in _near(*best.values):
        transfer = problem.transfer(_kernel(paper))
        candidates.append((likelihood.loss(problem, best.texture, transfer), paper, transfer))
    candidates.sort(key=itemgetter(0))
    # The texture of the best motion may not have settled, and that of a recipe is fitted.
    settled = fitting.fit_held(problem, best.transfer, best.texture, steps=6)
    accepted, lowest = None, settled.loss - max(CLEARLY * scale, SHARE * evidence)
    for _, paper, transfer in candidates[:REFITTED]:
        fit = fitting.fit_held(problem, transfer, best.texture, steps=6, stop_above=lowest)
        if fit.loss < lowest:
            accepted, lowest = paper, fit.loss
    return accepted


def unevenness(search: Search) -> float:
    """Return how far the lobes of a spectrum are from those of a motion at constant speed.

    It is the mean square, in standard errors, of the excess of the power over its model in bins of
    the frequency along the motion; about 0.5 at constant speed, as the texture is fitted to it too.
    """
    problem, best = search.problem, search.best
    length, angle = best.values
    place = np.floor(np.abs(problem.along(angle)) * length * (BINS / LOBES)).astype(int)
    squares = []
    for power, row in zip(problem.power, best.texture, strict=True):
        amplitude, model = problem.parts(row, best.transfer)
        noise = model - amplitude * best.transfer
        counted = (place < BINS) & (amplitude * NOTICED > noise)
        excess = np.minimum(power / model, BOUND)[counted] - 1
        number = np.bincount(place[counted], minlength=BINS)
        total = np.bincount(place[counted], excess, minlength=BINS)
        filled = number >= FEWEST
        squares.append(search.averages * total[filled] ** 2 / number[filled])
    joined = np.concatenate(squares)
    return float(joined.mean()) if joined.size else 0.0


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
