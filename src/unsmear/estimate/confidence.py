"""Which kind of blur the evidence speaks for, and how often such an answer is right."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from unsmear.checkpoints import checkpoint
from unsmear.estimate.evidence import NONE, SHAKE, SHORT, STRAIGHT, Evidence, needed
from unsmear.estimate.network import JUDGE, WEIGHTS
from unsmear.estimate.result import KINDS, Kind
from unsmear.estimate.spectrum import Array

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
class Judge:
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
    def of(cls, tensors: Mapping[str, Any]) -> Judge:
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
def judge(weights: str | Path = WEIGHTS) -> Judge:
    """Return the judge among shipped weights, or those of a path."""
    return Judge.of(checkpoint.load(weights).tensors)


def decide(evidence: Evidence, judging: Judge) -> tuple[Kind, float]:
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
