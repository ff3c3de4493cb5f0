"""Evidence for each kind of blur, the decision between them, and its calibrated confidence.

The evidence is the network's guess and the likelihood of every kind of blur.
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
from unsmear.estimate import (
    fitting,
    goodness,
    likelihood,
    motion_fit,
    network,
    path_fit,
    profile_fit,
    shake_fit,
)
from unsmear.estimate.families import DISC
from unsmear.estimate.network import PREFIX, WEIGHTS, Guess
from unsmear.estimate.result import KINDS, Kind
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
SHORTEST = 2.2
"""Shortest motion that is reported, pixels; the dark bands of a shorter one lie beyond the highest
frequency of an image."""
CAUTION = 3.0
"""Factor on the required drop in loss for a motion shorter than SHORT."""
LONGEST = 62.0
"""Length above which the confidence is limited, pixels: a motion twice as long, which is not
searched for, would fit as well."""
DOUBTFUL = 0.4
"""Upper limit of the confidence where something else explains the dark bands as well."""
SLIGHT, SLACK = 0.1, 3.0
"""Limits below which the extra drop in loss of an irregular motion still means a linear one: a
fraction of the drop by linear motion, and, where the network sees linear motion too, a multiple of
the required drop."""
PATTERNED = 0.08
"""Pattern that a fit leaves unexplained above which the motion is of another kind, or several."""
UNEXPLAINED = "which does not explain the whole pattern: perhaps not one motion at constant speed"
"""What is said of a linear motion that leaves a pattern."""
PLENTY = 1e4
"""Drop in loss that excuses a pattern of 1, and less for less."""
NETWORK_SEES = 0.5
"""Network probability above which the network sees linear motion."""
PATH_DROP = 5.0
"""Required drop in loss of a path below linear motion and below no motion, as a multiple of that
of a motion: a path has more values, and little is gained by one that explains little more."""
FEW_VALUES_DROP = 2.0
"""The same for a swing that dies away, or a jump, which have four values at most. Of 17 sharp
images 15 reached 1.2, two of one field 2.6; the network must rule that out."""
BLOCKS_DROP = 5.0
"""Required drop in loss of a motion along visible JPEG blocks, as a multiple of that of a motion.
Blocks of sharp images reached 3.5."""
AS_LONG = 0.2
"""Difference of the network's length within which it sees the same motion, as a fraction."""
THIN = 0.15
"""Ratio of a path's width to its length below which it is a line: what then looks like an uneven
speed may as well be a spectrum that sharpening has changed."""
TO_NONE = 0.8
"""Fraction of the probability of linear motion that goes to "none" where the likelihood does not
support it."""


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
    profile: profile_fit.Found | None = None
    pattern: float = 0.0

    @property
    def improvement(self) -> float:
        """Drop in loss by the likelier of constant and uneven speed, 0 or more."""
        best = self.search.best.loss
        best = best if self.profile is None else min(best, self.profile.fit.loss)
        return max(min(self.search.still.loss, self.search.smooth.loss) - best, 0.0)

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
                min(still, search.smooth.loss) - best,
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
        radius as a fraction of it. improvement: the feature at `IMPROVEMENT`.
        """
        inner = min(max(probability, 1e-3), 1 - 1e-3)
        terms = np.array([1.0, math.log(inner / (1 - inner)), interval, improvement])
        return float(1 / (1 + np.exp(-self.trust[kind] @ terms)))


def required_improvement(averages: float) -> float:
    """Return the drop in loss that a motion must reach.

    Set on real sharp and blurred images; it grows with the number of averaged spectra because no
    texture is exactly as smooth as the model's.
    """
    return 32 + 12 * averages


def gather(spectrum: Spectrum, weights: str | Path | None = None) -> Evidence:
    """Return the evidence in a spectrum; what the network rules out is not fitted.

    weights: the network's name or path, the shipped one if None.
    """
    guess = network.guess(spectrum, weights)
    start = max(guess.length, 2.5), guess.angle
    spectrum = motion_fit.with_noise(spectrum, start)
    certain = guess.kinds[STRAIGHT] > LIKELY or guess.kinds[STRAIGHT] < POSSIBLE
    widely = not certain or guess.length > FAR
    search = motion_fit.search(spectrum, [start], widely)
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


@cache
def load_calibrator(weights: str | Path = WEIGHTS) -> Calibrator:
    """Return the calibrator stored in weights, given by name or path."""
    return Calibrator.of(checkpoint.load(weights).tensors)


def decide(evidence: Evidence, calibrator: Calibrator) -> tuple[Kind, float]:
    """Return the likeliest kind, and its probability.

    Linear motion needs the support of the likelihood, whatever the network says.
    """
    chances = adjusted(calibrator.kinds(evidence.features()), supports_motion(evidence))
    if is_straight(evidence):
        chances[STRAIGHT] += chances[SHAKE]
        chances[SHAKE] = 0.0
    if not supports_irregular(evidence):
        chances[NONE] += chances[SHAKE]
        chances[SHAKE] = 0.0
    index = int(chances.argmax())
    return KINDS[index], float(chances[index])


def adjusted(chances: Array, allowed: bool) -> Array:
    """Return the probabilities of the kinds; linear motion gets none of it unless `allowed`."""
    moved = chances.copy()
    if allowed:
        return moved
    moved[NONE] += TO_NONE * chances[STRAIGHT]
    moved[STRAIGHT] = 0
    return moved


def is_straight(evidence: Evidence) -> bool:
    """Return whether what looks like irregular motion is linear motion.

    Irregular motion includes linear motion, so its loss is always lower, in noise much lower. The
    motion is linear if the likelihood supports linear motion and irregular motion lowers the loss
    little further, or not much further where the network sees linear motion.
    """
    if evidence.shake is None or not supports_motion(evidence):
        return False
    return irregular_adds_little(evidence, evidence.search.best.loss)


def irregular_adds_little(evidence: Evidence, line: float) -> bool:
    """Return whether irregular motion lowers the loss of a motion along a line little further."""
    if evidence.shake is None:
        return True
    search, required = evidence.search, required_improvement(evidence.averages)
    more = line - evidence.shake.fit.loss
    explained = min(search.still.loss, search.smooth.loss) - line
    network_agrees = evidence.guess.kinds[STRAIGHT] > NETWORK_SEES
    return bool(more < max(required, SLIGHT * explained, SLACK * required * network_agrees))


def supports_irregular(evidence: Evidence) -> bool:
    """Return whether an irregular motion, with a kernel of many values, fits far better than none:
    it fits a little better to any noise.
    """
    if evidence.shake is None:
        return True
    drop = evidence.search.still.loss - evidence.shake.fit.loss
    return drop > CAUTION * required_improvement(evidence.averages)


def supports_motion(evidence: Evidence) -> bool:
    """Return whether linear motion fits sufficiently better than no motion and than a Gaussian as
    wide.
    """
    search, length = evidence.search, evidence.search.best.values[0]
    improvement = min(search.still.loss, search.smooth.loss) - search.best.loss
    required = required_improvement(evidence.averages) * (CAUTION if length < SHORT else 1)
    return improvement > required and length >= SHORTEST


def explains(pattern: float, improvement: float) -> bool:
    """Return whether a fit that lowers the loss so much leaves so little pattern that the blur is
    of its kind.

    Where there is little noise, a texture that is not as smooth as the model's leaves some too.
    """
    return pattern < max(PATTERNED, improvement / PLENTY)


def explains_everything(evidence: Evidence) -> bool:
    """Return whether linear motion leaves no pattern that another kind of blur would explain."""
    search = evidence.search
    improvement = min(search.still.loss, search.smooth.loss) - search.best.loss
    return explains(evidence.pattern, improvement)


def exceeds_blocks(evidence: Evidence) -> bool:
    """Return whether a motion along JPEG blocks explains more than blocks alone would, or the
    network, which was trained with blocks, is sure of a motion as long.
    """
    guess, length = evidence.guess, evidence.search.best.values[0]
    if guess.kinds[STRAIGHT] > LIKELY and abs(length - guess.length) < AS_LONG * length:
        return True
    return evidence.improvement > BLOCKS_DROP * required_improvement(evidence.averages)


def supports_profile(evidence: Evidence) -> bool:
    """Return whether uneven speed fits clearly better than no motion and than a Gaussian as wide,
    and leaves no pattern.
    """
    if evidence.profile is None or not evidence.profile.likely:
        return False
    search = evidence.search
    improvement = min(search.still.loss, search.smooth.loss) - evidence.profile.fit.loss
    required = CAUTION * required_improvement(evidence.averages)
    return improvement > required and explains(evidence.profile.pattern, improvement)


def supports_path(evidence: Evidence, found: path_fit.Found) -> bool:
    """Return whether the searches agree on a path, not a line, that fits much better than one."""
    rivals = [evidence.search.best.loss, evidence.search.still.loss]
    rivals += [evidence.profile.fit.loss] if evidence.profile else []
    required = PATH_DROP * required_improvement(evidence.averages)
    return _is_path(found) and min(rivals) - path_loss(evidence, found) > required


def contradicts_profile(evidence: Evidence, found: path_fit.Found) -> bool:
    """Return whether the searches agree on a path, not a line, that fits better than uneven speed
    along one.
    """
    assert evidence.profile is not None  # for mypy: it is asked about one
    drop = evidence.profile.fit.loss - path_loss(evidence, found)
    return _is_path(found) and drop > required_improvement(evidence.averages)


def _is_path(found: path_fit.Found) -> bool:
    length, width, _ = shake_fit.equivalent(found.kernel)
    return found.agreement >= path_fit.AGREEING and width >= THIN * length


def path_loss(evidence: Evidence, found: path_fit.Found) -> float:
    """Return the loss of a path."""
    search = evidence.search
    transfer = search.problem.transfer(found.kernel)
    return fitting.fit_held(search.problem, transfer, search.best.texture).loss


def supports_few_values(evidence: Evidence, fit: fitting.Fit) -> bool:
    """Return whether a swing or a jump fits clearly better than no motion, a Gaussian as wide and
    other lines, and no worse than a free kernel, and the network rules out that nothing moved.
    """
    if evidence.guess.kinds[NONE] > POSSIBLE:
        return False
    search, required = evidence.search, required_improvement(evidence.averages)
    rivals = [search.still.loss, search.smooth.loss, search.best.loss]
    rivals += [evidence.profile.fit.loss] if evidence.profile else []
    if min(rivals) - fit.loss < FEW_VALUES_DROP * required:
        return False
    return evidence.shake is None or fit.loss < evidence.shake.fit.loss
