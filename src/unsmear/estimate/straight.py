"""The straight movement that explains a spectrum best, and how well none at all does."""

from __future__ import annotations

from dataclasses import dataclass

from unsmear.estimate import candidates, whittle
from unsmear.estimate.spectrum import Spectrum

COARSE = 12
"""One frequency of so many takes part when candidates are compared."""
FINE = 3
"""And when the best is refined: a taper leaves about a quarter of them independent."""
SHARE = 3
"""Of the window's shorter side that a movement may be long."""


@dataclass(frozen=True)
class Search:
    """What a search found, each with its texture.

    best: the best movement. still: no movement at all. smooth: a Gaussian instead of the best.
    looks: of the spectrum that was searched.
    """

    best: whittle.Fit
    still: whittle.Fit
    smooth: whittle.Fit
    looks: float


def search(spectrum: Spectrum) -> Search:
    """Return the best movement: candidates by their bands, compared and refined by likelihood."""
    problem = whittle.Problem(spectrum, COARSE)
    longest = min(spectrum.window) / SHARE
    tried = [
        whittle.fit(problem, length, angle, longest, steps=6)
        for length, angle in candidates.find(spectrum)
    ]
    likeliest = min(tried, key=lambda one: one.loss)
    if 2 * likeliest.length < longest:
        # The bands of a movement are every other band of one twice as long.
        tried.append(whittle.fit(problem, 2 * likeliest.length, likeliest.angle, longest, steps=6))
    still = whittle.fit_still(problem)
    whole = whittle.Problem(spectrum, FINE)
    best = min(
        (
            whittle.fit(whole, start.length, start.angle, longest, start.texture)
            for start in _likeliest(tried)
        ),
        key=lambda one: one.loss,
    )
    return Search(
        best=best,
        still=whittle.fit_still(whole, still.texture),
        smooth=whittle.fit_smooth(whole, best),
        looks=spectrum.looks,
    )


def _likeliest(tried: list[whittle.Fit]) -> list[whittle.Fit]:
    """Return the best and the best of those that are clearly other movements."""
    first, *others = sorted(tried, key=lambda one: one.loss)
    return [first, *[one for one in others if not _alike(one, first)][:1]]


def _alike(one: whittle.Fit, other: whittle.Fit) -> bool:
    turn = abs((one.angle - other.angle + 90) % 180 - 90)
    return abs(one.length - other.length) < 0.15 * other.length and turn < 10
