"""The decision between the kinds of blur."""

from __future__ import annotations

from unsmear.estimate import support
from unsmear.estimate.calibrator import Calibrator
from unsmear.estimate.evidence import NONE, SHAKE, STRAIGHT, Evidence
from unsmear.estimate.result import KINDS, Kind
from unsmear.estimate.spectrum import Array

TO_NONE = 0.8
"""Fraction of the probability of linear motion that goes to "none" where the likelihood does not
support it."""


def decide(evidence: Evidence, calibrator: Calibrator) -> tuple[Kind, float]:
    """Return the likeliest kind, and its probability.

    Linear motion needs the support of the likelihood, whatever the network says.
    """
    chances = adjusted(calibrator.kinds(evidence.features()), support.for_motion(evidence))
    if support.is_straight(evidence):
        chances[STRAIGHT] += chances[SHAKE]
        chances[SHAKE] = 0.0
    if not support.for_irregular(evidence):
        chances[NONE] += chances[SHAKE]
        chances[SHAKE] = 0.0
    index = int(chances.argmax())
    if index == NONE and support.is_plain(evidence):
        index = STRAIGHT  # whatever the network says: it may be one that was taken out before
    return KINDS[index], float(chances[index])


def adjusted(chances: Array, allowed: bool) -> Array:
    """Return the probabilities of the kinds; linear motion gets none of it unless `allowed`."""
    moved = chances.copy()
    if allowed:
        return moved
    moved[NONE] += TO_NONE * chances[STRAIGHT]
    moved[STRAIGHT] = 0
    return moved
