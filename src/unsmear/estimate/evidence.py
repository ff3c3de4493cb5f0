"""What speaks for each kind of blur: the network's guess and the likelihood of every kind.

Which kind of blur the evidence speaks for, and how often such an answer is right.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from unsmear.checkpoints import checkpoint
from unsmear.estimate import likelihood, motion_fit, network, shake_fit
from unsmear.estimate.likelihood import DISC
from unsmear.estimate.network import JUDGE, WEIGHTS, Guess
from unsmear.estimate.result import KINDS, Kind
from unsmear.estimate.shake_fit import Shake
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
    search: motion_fit.Search
    disc: likelihood.Fit | None
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
    search = motion_fit.search(spectrum, [(max(guess.length, 2.5), guess.angle)], not certain)
    fine = search.problem
    disc, shaken = None, None
    if guess.kinds[DEFOCUS] > POSSIBLE:
        disc = _disc(spectrum, fine, guess.radius)
    if guess.kinds[SHAKE] > POSSIBLE:
        shaken = shake_fit.refine(fine, guess.kernel)
    return Evidence(guess, search, disc, shaken, spectrum.looks)


def _disc(spectrum: Spectrum, fine: likelihood.Problem, radius: float) -> likelihood.Fit:
    """Return the likeliest disc; the dark rings of one lie near other rings of the next."""
    coarse = likelihood.Problem(spectrum, motion_fit.COARSE)
    starts = [likelihood.fit(coarse, DISC, (radius * by,), steps=motion_fit.QUICK) for by in AROUND]
    start = min(starts, key=lambda one: one.loss)
    return likelihood.fit(fine, DISC, start.values, start.texture)


def _signed_log(value: float) -> float:
    return float(np.sign(value) * np.log1p(abs(value)))


SHORTEST = 2.2
"""Pixels; the bands of a shorter movement lie beyond the highest frequency of an image."""
CAUTION = 3.0
"""Times the evidence that a short movement needs."""
LONGEST = 42.0
"""Pixels; a longer movement cannot be told from one twice as long, which is not searched for."""
DOUBTFUL = 0.4
"""Confidence where something else explains the bands as well."""
SLIGHT, SLACK = 0.1, 3.0
"""What a shake may explain more than a straight movement that is one all the same: a part of what
that explains, and, where the network sees it too, times the evidence needed."""
SEEN = 0.5
"""Probability by the network from which it sees a straight movement."""
SPARED = 0.8
"""Of the probability of a straight movement that the likelihood denies, what goes to none."""


@dataclass(frozen=True)
class Calibrator:
    """Logistic regressions, fitted on groups that neither train nor test.

    middle, spread: (FEATURES,) of the features. weight: (kind, FEATURES). bias: (kind,).
    trust: (kind, 4), by which the chance of the kind, the size of the interval and the gain of a
    straight movement become the chance of being right.
    """

    middle: Array
    spread: Array
    weight: Array
    bias: Array
    trust: Array

    @classmethod
    def of(cls, tensors: Mapping[str, Any]) -> Calibrator:
        """Return the judge that lies among the tensors of a checkpoint."""
        names = ("middle", "spread", "weight", "bias", "trust")
        return cls(*(np.asarray(tensors[JUDGE + name], np.float64) for name in names))

    def kinds(self, features: Array) -> Array:
        """Return the probability of each kind, (..., 4), for features (..., FEATURES)."""
        normal = np.clip((features - self.middle) / self.spread, -4, 4)
        logits = normal @ self.weight.T + self.bias
        chances = np.exp(logits - logits.max(-1, keepdims=True))
        return np.asarray(chances / chances.sum(-1, keepdims=True))

    def chance(self, kind: int, probability: float, interval: float, gain: float) -> float:
        """Return how often such an answer is right.

        probability: of the kind. interval: its half width, pixels, as a share of the length.
        gain: the feature of that name.
        """
        inner = min(max(probability, 1e-3), 1 - 1e-3)
        terms = np.array([1.0, math.log(inner / (1 - inner)), interval, gain])
        return float(1 / (1 + np.exp(-self.trust[kind] @ terms)))


@cache
def judge(weights: str | Path = WEIGHTS) -> Calibrator:
    """Return the judge among shipped weights, or those of a path."""
    return Calibrator.of(checkpoint.load(weights).tensors)


def decide(evidence: Evidence, judging: Calibrator) -> tuple[Kind, float]:
    """Return the likeliest kind, and its probability.

    A straight movement is none without the likelihood's own evidence, whatever else speaks for it.
    """
    chances = weighed(judging.kinds(evidence.features()), speaks(evidence))
    if is_straight(evidence):
        chances[STRAIGHT] += chances[SHAKE]
        chances[SHAKE] = 0.0
    index = int(chances.argmax())
    return KINDS[index], float(chances[index])


def weighed(chances: Array, allowed: bool) -> Array:
    """Return the probabilities of the kinds; where no straight movement is allowed, what speaks
    for one speaks for none.
    """
    moved = chances.copy()
    if allowed:
        return moved
    moved[NONE] += SPARED * chances[STRAIGHT]
    moved[STRAIGHT] = 0
    return moved


def is_straight(evidence: Evidence) -> bool:
    """Return whether what looks like a shake is a straight movement.

    A straight movement is a shake too, so a shake always explains somewhat more, and of noise a
    good deal more. The likelihood of a straight movement must speak for it, and the shake explain
    hardly more, or not much more where the network sees a straight one.
    """
    if evidence.shake is None or not speaks(evidence):
        return False
    search, enough = evidence.search, needed(evidence.looks)
    more = search.best.loss - evidence.shake.fit.loss
    explained = min(search.still.loss, search.smooth.loss) - search.best.loss
    seen = evidence.guess.kinds[STRAIGHT] > SEEN
    return bool(more < max(enough, SLIGHT * explained, SLACK * enough * seen))


def speaks(evidence: Evidence) -> bool:
    """Return whether a straight movement explains enough that neither no movement nor a Gaussian
    of its width does.
    """
    search, length = evidence.search, evidence.search.best.values[0]
    gain = min(search.still.loss, search.smooth.loss) - search.best.loss
    enough = needed(evidence.looks) * (CAUTION if length < SHORT else 1)
    return gain > enough and length >= SHORTEST
