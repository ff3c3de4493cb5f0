"""How often an answer such as this is right: the last step of an estimate.

`decision.decide` says how likely a kind of blur is on ordinary images. What remains is whether an
answer can be trusted under all conditions: little light, files that were compressed, movements that
no family describes. A logistic regression for each sort of answer, fitted on images of all these
conditions (`recipes/weights/confidence.py`), gives the probability of being right.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import numpy as np

from unsmear.blur import Motion
from unsmear.checkpoints import checkpoint
from unsmear.estimate import goodness, likelihood, support
from unsmear.estimate.evidence import NONE, Evidence
from unsmear.estimate.motion_fit import required_improvement
from unsmear.estimate.network import PREFIX, WEIGHTS
from unsmear.estimate.result import SURE, Estimate
from unsmear.estimate.spectrum import Array

ANSWERS: Final = ("none", "even speed", "uneven speed", "path", "irregular", "defocus")
"""Sorts of answers, each with a regression of its own."""
ACTED_ON: Final = ("even speed", "uneven speed", "path")
"""Those by which an image is restored if they are sure."""
FEATURES = 7
"""Number of an answer's features, a constant among them."""
NAMES = tuple(f"{PREFIX}answers.{name}" for name in ("middle", "spread", "weight"))
"""Names of the regressions' tensors, stored beside the network's weights."""
PROBES = tuple((length, angle) for length in (5.0, 10.0) for angle in (0.0, 45.0, 90.0, 135.0))
"""Motions, pixels and degrees, of which it is asked whether they would have been seen."""
EVEN_ODDS, NOT_SURELY_STILL = 0.5, 0.85
"""Probability below which "no motion found" is not surely right, and its highest confidence."""
JUST_UNSURE = SURE - 0.01
"""Highest confidence of an answer of which the evidence was not sure."""
LIKELY = 0.89
"""Highest confidence of what is likely and no more: a path or an irregular motion, which half of
the time is not quite the right one; constant speed that leaves a pattern, or of which the evidence
was no surer than `support.SEEN`."""
WOULD_BE_SEEN = 1.0
"""Visibility, as the feature is, below which it is not sure that nothing moved."""
VISIBLE, PATTERN = 3, 4
"""Indices of the visibility, and of the pattern that is left, among the features."""


@dataclass(frozen=True)
class Trust:
    """The regressions. middle, spread: (ANSWERS, FEATURES); weight: (ANSWERS, FEATURES)."""

    middle: Array
    spread: Array
    weight: Array

    @classmethod
    def of(cls, tensors: Mapping[str, Any]) -> Trust | None:
        """Return the regressions stored among the tensors of a checkpoint; None without them."""
        if NAMES[0] not in tensors:
            return None
        return cls(*(np.asarray(tensors[name], np.float64) for name in NAMES))

    def confidence(self, answer: int, features: Array, before: float) -> float:
        """Return the confidence of an answer; before: that which the evidence gave it.

        It is the probability of being right; for answers that are acted on if they are sure, on the
        side of `SURE` on which the evidence is: what is restored does not depend on it.
        """
        normal = np.clip((features - self.middle[answer]) / self.spread[answer], -3, 3)
        chance = float(1 / (1 + np.exp(-normal @ self.weight[answer])))
        highest = _highest(ANSWERS[answer], features, before)
        if ANSWERS[answer] == "none":
            # How many of the images at hand moved is not known: the regression only limits.
            return min(before, highest if chance >= EVEN_ODDS else NOT_SURELY_STILL)
        if ANSWERS[answer] not in ACTED_ON:
            return min(chance, highest)
        return max(min(chance, highest), SURE) if before >= SURE else min(chance, JUST_UNSURE)


def _highest(sort: str, features: Array, before: float) -> float:
    """Return the highest confidence of a sort of answer.

    Where nearly all that is said is right, the regressions also trust what looks the same and is
    wrong under rarer conditions; these signs tell them apart.
    """
    if sort == "none":
        return 1.0 if features[VISIBLE] >= WOULD_BE_SEEN else NOT_SURELY_STILL
    if sort in ("path", "irregular"):
        return LIKELY
    leaves_pattern = features[PATTERN] > np.log(support.PATTERNED)
    if sort == "even speed" and (leaves_pattern or before <= support.SEEN):
        return LIKELY
    return 1.0


@cache
def load() -> Trust | None:
    """Return the shipped regressions."""
    return Trust.of(checkpoint.load(WEIGHTS).arrays)


def calibrated(estimate: Estimate, gathered: Evidence) -> float:
    """Return the confidence of an estimate, from that which the evidence gave it."""
    before = estimate.confidence
    if estimate.kind == "none" and support.noise_may_hide_a_motion(gathered):
        # The likelihood tells little there, and the network is the surer that it saw nothing.
        before = min(before, float(gathered.guess.kinds[NONE]))
    trust = load()
    if trust is None:
        return before
    return trust.confidence(answer(estimate), features(estimate, gathered), before)


def answer(estimate: Estimate) -> int:
    """Return the index of an estimate's sort of answer."""
    if estimate.kind == "straight":
        return ANSWERS.index("uneven speed" if estimate.profile else "even speed")
    if estimate.kind == "shake":
        return ANSWERS.index("path" if estimate.path_found else "irregular")
    return ANSWERS.index(estimate.kind)


def features(estimate: Estimate, gathered: Evidence) -> Array:
    """Return (FEATURES,): what says whether such an answer is right."""
    required = required_improvement(gathered.averages)
    inner = min(max(estimate.confidence, 1e-3), 1 - 1e-3)
    size = max(estimate.length, estimate.radius, 1.0)
    fit = gathered.search.still if estimate.kind == "none" else gathered.search.best
    left = goodness.excess(gathered.spectrum, fit)
    if estimate.profile is not None and gathered.profile is not None:
        left = gathered.profile.pattern
    return np.array(
        [
            1.0,
            np.log(inner / (1 - inner)),
            np.log1p(gathered.improvement / required),
            np.log1p(visibility(gathered) / required),
            np.log(max(left, 1e-3)),
            min((estimate.length_error + estimate.radius_error) / size, 1.0),
            np.log(size),
        ]
    )


def visibility(gathered: Evidence) -> float:
    """Return the drop in loss that a motion would have made here, the least of several.

    It is the divergence of the spectrum with the motion's dark bands from that with a Gaussian as
    wide, for the texture and the noise that are found without motion.
    """
    problem, still = gathered.search.problem, gathered.search.still
    drops = []
    for length, angle in PROBES:
        transfer = problem.transfer(Motion(length, angle).kernel())
        smooth = np.exp(-((np.pi * length * problem.along(angle)) ** 2) / 3)
        total = 0.0
        for row in still.texture:
            _, banded = problem.parts(row, transfer)
            _, plain = problem.parts(row, np.maximum(smooth, likelihood.DARKEST))
            ratio = banded / plain
            total += float(np.sum(ratio - 1 - np.log(ratio)))
        drops.append(2 * problem.averages * total)
    return min(drops)
