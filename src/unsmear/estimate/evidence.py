"""Evidence for each kind of blur: the network's guess and the likelihood of every kind."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from unsmear.estimate import (
    fitting,
    goodness,
    likelihood,
    motion_fit,
    network,
    profile_fit,
    shake_fit,
)
from unsmear.estimate.families import DISC
from unsmear.estimate.motion_fit import required_improvement
from unsmear.estimate.network import Guess
from unsmear.estimate.result import KINDS
from unsmear.estimate.shake_fit import Shake
from unsmear.estimate.spectrum import Array, Spectrum

NONE, STRAIGHT, SHAKE, DEFOCUS = (KINDS.index(k) for k in ("none", "straight", "shake", "defocus"))
POSSIBLE = 0.08
"""Network probability below which a kind of blur is not fitted."""
LIKELY = 0.8
"""Network probability of linear motion above which no other candidates are searched for."""
FAR = 12.0
"""Length of the network's guess above which all lengths are searched, pixels: it was trained on
motions up to 22 px, and takes longer ones for half or a third of their length."""
AROUND = (0.75, 0.87, 1.0, 1.15, 1.33)
"""Initial radii of the disc fits as multiples of the network's radius."""
FEATURES = 16
"""Number of the calibrator's features."""
IMPROVEMENT = len(KINDS)
"""Index of the feature that says how much linear motion lowers the loss."""
SHORT = 3.2
"""Length below which a texture in one direction looks much like a motion, pixels."""


@dataclass(frozen=True)
class Evidence:
    """The evidence in a spectrum.

    guess: the network's. search: the fits of linear motion. disc, shake: the fits of defocus and of
    irregular motion, None where the network rules them out. spectrum: what all were fitted to.
    profile: a linear motion at uneven speed, None where constant speed explains as much.
    pattern: what linear motion leaves unexplained (`goodness.excess`).
    """

    guess: Guess
    search: motion_fit.Search
    disc: fitting.Fit | None
    shake: Shake | None
    spectrum: Spectrum
    profile: profile_fit.FittedProfile | None = None
    pattern: float = 0.0

    @property
    def improvement(self) -> float:
        """Drop in loss by the likelier of constant and uneven speed, 0 or more."""
        best = self.search.best.loss
        best = best if self.profile is None else min(best, self.profile.fit.loss)
        return max(self.search.unmoved - best, 0.0)

    @property
    def averages(self) -> float:
        """Effective number of averaged spectra."""
        return self.spectrum.averages

    def features(self) -> Array:
        """Return (FEATURES,) for the calibrator: logarithms of probabilities and drops in loss."""
        search = self.search
        best, still = search.best.loss, search.still.loss
        disc = self.disc.loss if self.disc else still
        shake = self.shake.fit.loss if self.shake else still
        improvements = np.array(
            [
                search.improvement,
                still - best,
                still - disc if self.disc else 0.0,
                still - shake if self.shake else 0.0,
                best - disc if self.disc else 0.0,
                best - shake if self.shake else 0.0,
            ]
        )
        length, (length_error, angle_error) = search.best.values[0], search.best.errors
        return np.array(
            [
                *np.log(np.maximum(self.guess.kinds, 1e-4)),
                *map(_signed_log, improvements / required_improvement(self.averages)),
                np.log(length),
                float(length < SHORT),
                np.log(max(length_error, 1e-4)),
                np.log(max(angle_error, 1e-3)),
                np.log(self.guess.radius + 0.1),
                np.log(self.averages),
            ]
        )


def gather(spectrum: Spectrum, weights: str | Path | None = None) -> Evidence:
    """Return the evidence in a spectrum; what the network rules out is not fitted.

    weights: the network's name or path, the shipped one if None.
    """
    guess = network.guess(spectrum, weights)
    start = max(guess.length, 2.5), guess.angle
    spectrum, first = motion_fit.fit_noise(spectrum, start)
    certain = guess.kinds[STRAIGHT] > LIKELY or guess.kinds[STRAIGHT] < POSSIBLE
    widely = not certain or guess.length > FAR
    prior = motion_fit.Prior(*start, chance=float(guess.kinds[STRAIGHT]))
    search = motion_fit.search(spectrum, [start], widely, prior, first)
    fine = search.problem
    disc, shake = None, None
    if guess.kinds[DEFOCUS] > POSSIBLE:
        disc = _disc(spectrum, fine, guess.radius)
    if guess.kinds[SHAKE] > POSSIBLE:
        shake = shake_fit.refine(fine, guess.kernel)
    moved = guess.kinds[STRAIGHT] + guess.kinds[SHAKE] > POSSIBLE
    pattern = goodness.excess(spectrum, search.best) if moved else 0.0
    profile = None
    if pattern > profile_fit.PATTERNED:
        profile = profile_fit.search(spectrum, search)
    return Evidence(guess, search, disc, shake, spectrum, profile, pattern)


def _disc(spectrum: Spectrum, fine: likelihood.Problem, radius: float) -> fitting.Fit:
    """Return the likeliest disc, from several radii: rings of different discs can coincide."""
    coarse = likelihood.Problem(spectrum, motion_fit.COARSE)
    starts = [fitting.fit(coarse, DISC, (radius * by,), steps=motion_fit.QUICK) for by in AROUND]
    start = min(starts, key=motion_fit.LOSS)
    return fitting.fit(fine, DISC, start.values, start.texture)


def _signed_log(value: float) -> float:
    return float(np.sign(value) * np.log1p(abs(value)))
