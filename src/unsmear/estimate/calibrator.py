"""The calibrator: from the evidence to the kinds' probabilities, and to that of being right."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from unsmear.checkpoints import checkpoint
from unsmear.estimate.network import PREFIX, WEIGHTS
from unsmear.estimate.spectrum import Array


@dataclass(frozen=True)
class Calibrator:
    """Logistic regressions, fitted on clusters that are in neither the training nor the test set.

    middle, spread: (FEATURES,), mean and scale of the features. weight: (kind, FEATURES).
    bias: (kind,). trust: (kind, 4), the weights by which a constant, the probability of the kind,
    the interval and the drop in loss by linear motion give the probability of being right.
    """

    middle: Array
    spread: Array
    weight: Array
    bias: Array
    trust: Array

    @classmethod
    def of(cls, tensors: Mapping[str, Any]) -> Calibrator:
        """Return the calibrator stored among the tensors of a checkpoint."""
        names = ("middle", "spread", "weight", "bias", "trust")
        return cls(*(np.asarray(tensors[PREFIX + name], np.float64) for name in names))

    def kinds(self, features: Array) -> Array:
        """Return the probability of each kind, (..., 4), for features (..., FEATURES)."""
        normal = np.clip((features - self.middle) / self.spread, -4, 4)
        logits = normal @ self.weight.T + self.bias
        chances = np.exp(logits - logits.max(-1, keepdims=True))
        return np.asarray(chances / chances.sum(-1, keepdims=True))

    def chance(self, kind: int, probability: float, interval: float, improvement: float) -> float:
        """Return the probability that an estimate is right.

        kind: index of the kind. probability: of the kind. interval: half-width of the length or
        radius as a fraction of it. improvement: the feature at `evidence.IMPROVEMENT`.
        """
        inner = min(max(probability, 1e-3), 1 - 1e-3)
        terms = np.array([1.0, math.log(inner / (1 - inner)), interval, improvement])
        return float(1 / (1 + np.exp(-self.trust[kind] @ terms)))


@cache
def load(weights: str | Path = WEIGHTS) -> Calibrator:
    """Return the calibrator stored in weights, given by name or path."""
    return Calibrator.of(checkpoint.load(weights).arrays)
