"""Random labels for images, as frequent as in the HPA competition."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from unsmear.errors import OptionError

NEGATIVE = 18
IMAGES = 21_806
COUNTS = (
    *(8797, 1095, 2451, 1262, 1425, 1792, 775, 1846, 964, 998),
    *(818, 78, 1734, 3111, 2013, 252, 5685, 593, 34),
)
"""Number of images with each of the 19 labels in the competition's training list.

The list names some labels twice in an image (13|0|13); an image counts once here.
"""

PER_IMAGE = (10508, 8873, 2233, 190, 2)
"""Number of images with one to five different labels in that list; "Negative" is always alone."""


def draw_labels(
    generator: np.random.Generator, count: int, among: tuple[int, ...] = ()
) -> list[tuple[int, ...]]:
    """Return the labels of `count` images, each sorted, as frequent as in the real list.

    among: the labels to draw from; all 19 where it is empty.

    The numbers of labels an image and the frequency of each label are those of the list; which
    labels meet in an image is left to chance.

    Raises OptionError for a negative count or a label that is not among the 19.
    """
    if count < 0:
        raise OptionError(f"count must be 0 or more, got {count}.")
    allowed = np.array(sorted(set(among)) or range(len(COUNTS)))
    if allowed[0] < 0 or allowed[-1] >= len(COUNTS):
        raise OptionError(f"labels must be numbers from 0 to 18, got {among}.")
    return [_draw(generator, allowed) for _ in range(count)]


def _draw(generator: np.random.Generator, allowed: NDArray[np.int64]) -> tuple[int, ...]:
    positive = allowed[allowed != NEGATIVE]
    share = COUNTS[NEGATIVE] / IMAGES if NEGATIVE in allowed else 0.0
    if len(positive) == 0 or generator.random() < share:
        return (NEGATIVE,)
    odds = _odds()[positive]
    several = _several()[: len(positive)]
    number = 1 + generator.choice(len(several), p=several / several.sum())
    while True:
        # Draws that repeat a label are thrown away: what is left is what `_inclusion` computes.
        drawn = set(generator.choice(positive, size=number, p=odds / odds.sum()).tolist())
        if len(drawn) == number:
            return tuple(sorted(drawn))


def _several() -> NDArray[np.float64]:
    """Return the probabilities of one, two, ... labels for an image that is not negative."""
    numbers = np.array(PER_IMAGE, float)
    numbers[0] -= COUNTS[NEGATIVE]
    return np.asarray(numbers / numbers.sum())


@lru_cache
def _odds() -> NDArray[np.float64]:
    """Return the 18 labels' odds in a draw that give every label its frequency in the list."""
    positive = IMAGES - COUNTS[NEGATIVE]
    targets = np.array(COUNTS[:NEGATIVE]) / positive
    several = _several()
    odds = targets / targets.sum()
    for _ in range(200):
        odds = odds * targets / _inclusion(odds, several)
        odds /= odds.sum()
    return np.asarray(odds)


def _inclusion(odds: NDArray[np.float64], several: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return each label's probability of being in an image's set of distinct labels."""
    most = len(several)
    everything = _symmetric(odds, most)
    result = np.zeros(len(odds))
    for i, own in enumerate(odds):
        others = _symmetric(np.delete(odds, i), most)
        result[i] = sum(several[k] * own * others[k] / everything[k + 1] for k in range(most))
    return result


def _symmetric(values: NDArray[np.float64], degree: int) -> NDArray[np.float64]:
    """Return the elementary symmetric polynomials of degree 0 to `degree`."""
    sums = np.zeros(degree + 1)
    sums[0] = 1.0
    for value in values:
        sums[1:] = sums[1:] + value * sums[:-1]
    return sums
