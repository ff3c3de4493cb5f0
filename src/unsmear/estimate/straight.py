"""The straight movement that explains a spectrum best, and how well none at all does."""

from __future__ import annotations

from dataclasses import dataclass

from unsmear.estimate import candidates, whittle
from unsmear.estimate.families import SHARE, STRAIGHT
from unsmear.estimate.spectrum import Spectrum

COARSE = 12
"""One frequency of so many takes part when candidates are compared."""
FINE = 3
"""And when the best is refined: a taper leaves about a quarter of them independent."""
QUICK = 6
"""Steps of a fit that is only compared."""
NEARLY = 60.0
"""Of the coarse loss; a fit that is so much worse is not refined."""
UNCLEAR = 150.0
"""Evidence below which a movement's texture is fitted to the end too, as the others' are."""
PLENTY = 1000.0
"""Evidence beyond which more makes no one surer."""


@dataclass(frozen=True)
class Search:
    """What a search found, each with its texture.

    best: the best movement. still: no movement at all. smooth: a Gaussian instead of the best.
    problem: the frequencies that all were fitted to. looks: of the spectrum that was searched.
    """

    best: whittle.Fit
    still: whittle.Fit
    smooth: whittle.Fit
    problem: whittle.Problem
    looks: float


def search(spectrum: Spectrum, guesses: list[tuple[float, float]], widely: bool) -> Search:
    """Return the best movement: guesses compared, and the best refined, by likelihood.

    guesses: (length, angle), pixels and degrees. widely: whether all movements are looked through
    for more of them.
    """
    coarse, fine = whittle.Problem(spectrum, COARSE), whittle.Problem(spectrum, FINE)
    longest = min(spectrum.window) / SHARE
    family = STRAIGHT.up_to(longest)
    if widely:
        guesses = guesses + candidates.find(spectrum)
    tried = [whittle.fit(coarse, family, guess, steps=QUICK) for guess in guesses]
    length, angle = min(tried, key=lambda one: one.loss).values
    if widely and 2 * length < longest:
        # The bands of a movement are every other band of one twice as long.
        tried.append(whittle.fit(coarse, family, (2 * length, angle), steps=QUICK))
    starts = _likeliest(tried)
    fits = [whittle.fit(fine, family, start.values, start.texture) for start in starts]
    best = min(fits, key=lambda one: one.loss)
    enough = best.loss + PLENTY * (1 + spectrum.looks)
    first = whittle.fit_still(coarse, steps=QUICK).texture
    still = whittle.fit_still(fine, first, enough=enough)
    smooth = whittle.fit_smooth(fine, best, enough)
    if min(still.loss, smooth.loss) < best.loss + UNCLEAR * (1 + spectrum.looks):
        best = whittle.fit(fine, family, best.values, best.texture, restless=True)
    return Search(best, still, smooth, fine, spectrum.looks)


def _likeliest(tried: list[whittle.Fit]) -> list[whittle.Fit]:
    """Return the best and the best of those that are other movements and nearly as good."""
    first, *others = sorted(tried, key=lambda one: one.loss)
    others = [one for one in others if one.loss < first.loss + NEARLY and not _alike(one, first)]
    return [first, *others[:1]]


def _alike(one: whittle.Fit, other: whittle.Fit) -> bool:
    turn = abs((one.values[1] - other.values[1] + 90) % 180 - 90)
    return abs(one.values[0] - other.values[0]) < 0.15 * other.values[0] and turn < 10
