"""The straight movement that explains a spectrum best, and how well none at all does."""

from __future__ import annotations

from dataclasses import dataclass

from unsmear.estimate import candidates, whittle
from unsmear.estimate.spectrum import Spectrum

COARSE = 6
"""One frequency of so many takes part when candidates are compared."""
SHARE = 3
"""Of the window's shorter side that a movement may be long."""


@dataclass(frozen=True)
class Search:
    """What a search found, each with its texture.

    best: the best movement. still: no movement at all.
    """

    best: whittle.Fit
    still: whittle.Fit


def search(spectrum: Spectrum) -> Search:
    """Return the best movement: candidates by their bands, compared and refined by likelihood."""
    problem = whittle.Problem(spectrum, COARSE)
    longest = min(spectrum.window) / SHARE
    tried = [
        whittle.fit(problem, length, angle, longest, steps=6)
        for length, angle in candidates.find(spectrum)
    ]
    start = min(tried, key=lambda one: one.loss)
    still = whittle.fit_still(problem)
    whole = whittle.Problem(spectrum)
    return Search(
        best=whittle.fit(whole, start.length, start.angle, longest, start.texture),
        still=whittle.fit_still(whole, still.texture),
    )
