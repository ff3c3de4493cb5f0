"""What speaks for each kind of blur: the network's guess and the likelihood of every kind."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from unsmear.estimate import network, shake, straight, whittle
from unsmear.estimate.families import DISC
from unsmear.estimate.network import Guess
from unsmear.estimate.result import KINDS
from unsmear.estimate.shake import Shake
from unsmear.estimate.spectrum import Array, Spectrum

NONE, STRAIGHT, SHAKE, DEFOCUS = (KINDS.index(k) for k in ("none", "straight", "shake", "defocus"))
POSSIBLE = 0.08
"""Probability by the network below which a kind is not looked into."""
LIKELY = 0.8
"""And from which its guess at a movement is taken without looking for others."""
AROUND = (0.75, 0.87, 1.0, 1.15, 1.33)
"""Times the network's radius at which the fit of a disc starts."""
FEATURES = 16
GAIN = len(KINDS)
"""Of the features, the one of how much a straight movement explains."""


@dataclass(frozen=True)
class Evidence:
    """Everything that was found in one spectrum.

    guess: the network's. search: of straight movements. disc, shake: where they are possible.
    looks: of the spectrum.
    """

    guess: Guess
    search: straight.Search
    disc: whittle.Fit | None
    shake: Shake | None
    looks: float

    def features(self) -> Array:
        """Return (FEATURES,) numbers for the judge: logarithms of chances and of gains in loss."""
        search = self.search
        best, still = search.best.loss, search.still.loss
        disc = self.disc.loss if self.disc else still
        shaken = self.shake.fit.loss if self.shake else still
        gains = [
            min(still, search.smooth.loss) - best,
            still - best,
            still - disc if self.disc else 0.0,
            still - shaken if self.shake else 0.0,
            best - disc if self.disc else 0.0,
            best - shaken if self.shake else 0.0,
        ]
        length, (length_error, angle_error) = search.best.values[0], search.best.errors
        return np.array(
            [
                *np.log(np.maximum(self.guess.kinds, 1e-4)),
                *(_signed_log(gain / needed(self.looks)) for gain in gains),
                np.log(length),
                float(length < SHORT),
                np.log(max(length_error, 1e-4)),
                np.log(max(angle_error, 1e-3)),
                np.log(self.guess.radius + 0.1),
                np.log(self.looks),
            ]
        )


SHORT = 3.2
"""Pixels; below, a texture in one direction looks much like a movement."""


def needed(looks: float) -> float:
    """Return the gain in loss that a movement must show.

    Set on real sharp and blurred images; it grows with the looks, as no texture is exactly as
    smooth as the model's.
    """
    return 32 + 12 * looks


def gather(spectrum: Spectrum, weights: str | Path | None = None) -> Evidence:
    """Return the evidence in a spectrum; what the network rules out is not looked into.

    weights: the path of a network that is not the shipped one.
    """
    guess = network.guess(spectrum, weights)
    certain = guess.kinds[STRAIGHT] > LIKELY or guess.kinds[STRAIGHT] < POSSIBLE
    search = straight.search(spectrum, [(max(guess.length, 2.5), guess.angle)], not certain)
    fine = search.problem
    disc, shaken = None, None
    if guess.kinds[DEFOCUS] > POSSIBLE:
        disc = _disc(spectrum, fine, guess.radius)
    if guess.kinds[SHAKE] > POSSIBLE:
        shaken = shake.refine(fine, guess.kernel)
    return Evidence(guess, search, disc, shaken, spectrum.looks)


def _disc(spectrum: Spectrum, fine: whittle.Problem, radius: float) -> whittle.Fit:
    """Return the likeliest disc; the dark rings of one lie near other rings of the next."""
    coarse = whittle.Problem(spectrum, straight.COARSE)
    starts = [whittle.fit(coarse, DISC, (radius * by,), steps=straight.QUICK) for by in AROUND]
    start = min(starts, key=lambda one: one.loss)
    return whittle.fit(fine, DISC, start.values, start.texture)


def _signed_log(value: float) -> float:
    return float(np.sign(value) * np.log1p(abs(value)))
