"""The estimate that the evidence supports."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsmear.blur import Paper, Profile, Sampled
from unsmear.estimate import calibrator as calibrators
from unsmear.estimate import (
    confidence,
    decision,
    fitting,
    jpeg_blocks,
    line_jitter,
    motion_fit,
    paper_kernel,
    path_fit,
    processed,
    profile_fit,
    result,
    saturation,
    shake_fit,
    stage_fit,
    support,
)
from unsmear.estimate.evidence import DEFOCUS, IMPROVEMENT, NONE, SHAKE, STRAIGHT, Evidence
from unsmear.estimate.result import Estimate, Kind
from unsmear.estimate.shake_fit import equivalent

LONGEST = 62.0
"""Length above which the confidence is limited, pixels: a motion twice as long, which is not
searched for, would fit as well."""
DOUBTFUL = 0.4
"""Upper limit of the confidence where something else explains the dark bands as well."""
UNEXPLAINED = "which does not explain the whole pattern: perhaps not one motion at constant speed"
"""What is said of a linear motion that leaves a pattern."""


def conclude(gathered: Evidence, planes: NDArray[Any]) -> Estimate:
    """Return the estimate that the evidence supports."""
    estimate = answer(gathered, planes)
    return replace(estimate, confidence=confidence.calibrated(estimate, gathered))


def answer(gathered: Evidence, planes: NDArray[Any]) -> Estimate:
    """Return the estimate, its confidence that of the evidence on ordinary images."""
    estimate = _by_kind(gathered, planes)
    if estimate.sure and saturation.hides(planes, estimate.length):
        trusted = min(estimate.confidence, DOUBTFUL)
        return replace(estimate, confidence=trusted, doubt=saturation.HIDDEN)
    if line_jitter.is_present(planes):
        trusted = min(estimate.confidence, DOUBTFUL)
        return Estimate(0.0, confidence=trusted, processed=processed.JITTERED)
    return estimate


def _by_kind(gathered: Evidence, planes: NDArray[Any]) -> Estimate:
    calibrator = calibrators.load()
    kind, chance = decision.decide(gathered, calibrator)
    improvement = float(gathered.features()[IMPROVEMENT])
    paper = _paper(gathered) if kind == "straight" else None
    saturated = saturation.of(planes)
    hidden = saturated or paper is not None
    stage = None if hidden else _stage_motion(gathered, kind)
    changing = None if hidden else _at_changing_speed(gathered, planes, stage)
    if changing is not None:
        return changing
    if kind == "straight":
        confidence_of = partial(calibrator.chance, STRAIGHT, chance, improvement=improvement)
        linear = _linear_motion(gathered, planes, confidence_of, paper)
        if stage is None or linear.processed is not None:
            return linear
        # Of a motion that explains more it is not told which way it ran: this one is not right.
        trusted = min(linear.confidence, DOUBTFUL)
        return replace(linear, confidence=trusted, doubt=UNEXPLAINED)
    if kind == "shake" and gathered.shake is not None:
        trusted = calibrator.chance(SHAKE, chance, 0.0, improvement)
        irregular = _irregular_motion(gathered, planes, trusted)
        return replace(irregular, path_found=irregular.path_found and not saturated)
    if kind == "defocus" and gathered.disc is not None:
        confidence_of = partial(calibrator.chance, DEFOCUS, chance, improvement=improvement)
        return _defocus(gathered.disc, confidence_of)
    return _no_motion(planes, calibrator.chance(NONE, chance, 0.0, improvement))


def _at_changing_speed(
    gathered: Evidence, planes: NDArray[Any], stage: stage_fit.FittedStage | None
) -> Estimate | None:
    """Return the estimate of a line at uneven speed; None where there is none.

    stage: a motion of few values that is believed. Where it is as likely as free times, these are
    not asked: if the image does not say which way the stage ran, they are no nearer to the truth
    (a jump was taken for a pause twice as long).
    """
    if stage is not None and support.is_as_likely_as_free(gathered, stage.cost):
        return _at_speed_of(stage, gathered, planes)
    uneven = _uneven_motion(gathered, planes)
    if uneven is not None or stage is None:
        return uneven
    if not support.is_as_likely_as_free(gathered, stage.cost, support.NEARLY_AS_FREE):
        return None
    return _at_speed_of(stage, gathered, planes)


def _defocus(disc: fitting.Fit, confidence_of: Callable[[float], float]) -> Estimate:
    """Return the estimate of a disc; confidence_of: from its relative half-width."""
    radius = disc.values[0]
    error = result.disc(radius, disc.errors[0])
    trusted = confidence_of(error / radius)
    return Estimate(0.0, confidence=trusted, kind="defocus", radius=radius, radius_error=error)


def _no_motion(planes: NDArray[Any], trusted: float) -> Estimate:
    """Return that nothing moved, or that JPEG blocks may hide it."""
    if not jpeg_blocks.are_visible(planes):
        return Estimate(0.0, confidence=trusted)
    trusted = min(trusted, DOUBTFUL)
    return Estimate(0.0, confidence=trusted, processed=processed.COMPRESSED)


def _paper(gathered: Evidence) -> Paper | None:
    """Return the paper's recipe, where it is as likely as any uneven speed, of many values."""
    found = paper_kernel.find(gathered.search, gathered.pattern)
    if found is None:
        return None
    likely = support.is_as_likely_as_free(gathered, found.loss, support.NEARLY_AS_FREE)
    return found.paper if likely else None


def _uneven_motion(gathered: Evidence, planes: NDArray[Any]) -> Estimate | None:
    """Return the estimate of a linear motion at uneven speed; None where there is none."""
    if gathered.profile is None or not support.for_profile(gathered):
        return None
    blur: Profile | None = gathered.profile.blur
    if not gathered.profile.mirror:
        blur = profile_fit.resolve(planes, gathered.profile.blur)
    if blur is None or profile_fit.is_contradicted(planes, blur, gathered.profile.rival):
        return None
    if _is_irregular(gathered):
        return None
    errors = result.straight(gathered.profile.fit.errors[-2:])
    estimate = Estimate(
        blur.length, blur.angle, profile_fit.CONFIDENCE, *errors, kind="straight", profile=blur
    )
    return replace(estimate, processed=_processed(gathered))


def _is_irregular(gathered: Evidence) -> bool:
    """Return whether what looks like uneven speed along a line is rather a path."""
    assert gathered.profile is not None  # for mypy: it is asked about one
    if support.irregular_adds_little(gathered, gathered.profile.fit.loss):
        return False
    extent, _, _ = equivalent(gathered.guess.kernel)
    path = path_fit.find(gathered.spectrum, extent)
    return support.contradicts_profile(gathered, path)


def _may_be_stage_motion(gathered: Evidence, kind: Kind) -> bool:
    """Return whether a motion of few values is to be searched for: one is irregular, or linear but
    not at constant speed, or the network sees one that is found as nothing else.
    """
    if kind == "straight":
        return not (_is_even(gathered) and support.is_plain(gathered))
    return kind != "defocus" and support.is_hardly_still(gathered)


def _is_even(gathered: Evidence) -> bool:
    """Return whether constant speed explains a linear motion as well as uneven speed does."""
    return gathered.profile is None and support.explains_everything(gathered)


def _stage_motion(gathered: Evidence, kind: Kind) -> stage_fit.FittedStage | None:
    """Return the likeliest motion of few values; None where it explains too little.

    Jumps are expected as far as the network's kernel extends (two points extend by the root of
    three times their distance, as motions do), and as far as, or half as far as, a line that was
    found: a jump has the first dark band of a motion twice as long.
    """
    if not _may_be_stage_motion(gathered, kind):
        return None
    extent, _, angle = equivalent(gathered.guess.kernel)
    lines = [gathered.search.best.values, (gathered.guess.length, gathered.guess.angle)]
    if gathered.profile is not None:
        lines.append((gathered.profile.blur.length, gathered.profile.blur.angle))
    halves = [(length / 2, along) for length, along in lines]
    jumps = [(extent / np.sqrt(3), angle), *lines, *halves]
    stage = stage_fit.search(gathered.spectrum, gathered.search, angle, jumps)
    believed = stage is not None and support.for_few_values(gathered, stage)
    return stage if believed else None


def _at_speed_of(
    stage: stage_fit.FittedStage, gathered: Evidence, planes: NDArray[Any]
) -> Estimate | None:
    """Return the estimate of a motion of few values; None where the image supports neither
    half-turn, or a rival, or blocks of JPEG may feign it.
    """
    profile = profile_fit.resolve(planes, stage.blur)
    if profile is None or profile_fit.is_contradicted(planes, profile, stage.rival):
        return None
    blocks = jpeg_blocks.may_explain(profile.angle) and jpeg_blocks.are_visible(planes)
    if blocks and not support.explains_more_than_blocks(gathered, stage.fit):
        return None
    errors = result.straight((stage.fit.errors[0], stage.fit.errors[-1]))
    return Estimate(
        profile.length,
        profile.angle,
        profile_fit.CONFIDENCE,
        *errors,
        kind="straight",
        profile=profile,
        processed=_processed(gathered, stage.fit.loss),
    )


def _processed(gathered: Evidence, loss: float = np.inf) -> processed.Processed | None:
    """Return what was done to the image after it was recorded; loss: of another motion."""
    rival = min(gathered.search.best.loss, loss)
    if gathered.profile is not None:
        rival = min(rival, gathered.profile.fit.loss)
    required = motion_fit.required_improvement(gathered.averages)
    return processed.recognise(gathered.search, rival, required)


def _irregular_motion(gathered: Evidence, planes: NDArray[Any], trusted: float) -> Estimate:
    """Return the estimate of an irregular motion: its path, or a kernel that is only near it."""
    extent, _, _ = equivalent(gathered.guess.kernel)
    fitted = path_fit.find(gathered.spectrum, extent)
    confirmed = support.for_path(gathered, fitted)
    kernel = fitted.kernel if confirmed or gathered.shake is None else gathered.shake.kernel
    forwards = shake_fit.half_turn_told(planes, kernel) if confirmed else None
    confirmed = forwards is not None
    if confirmed:
        trusted = max(trusted, path_fit.CONFIDENCE)
    if forwards is None:
        kernel = shake_fit.resolve_half_turn(planes, kernel)
    elif not forwards:
        kernel = np.ascontiguousarray(kernel[::-1, ::-1])
    length, _, angle = equivalent(kernel)
    errors = result.shake(length)
    path = Sampled.of(kernel)
    return Estimate(length, angle, trusted, *errors, kind="shake", path=path, path_found=confirmed)


def _linear_motion(
    gathered: Evidence,
    planes: NDArray[Any],
    confidence_of: Callable[[float], float],
    paper: Paper | None,
) -> Estimate:
    """Return the estimate of a linear motion.

    confidence_of: from its relative half-width. paper: the paper's recipe, where it fits better.
    """
    best = gathered.search.best
    length, angle = best.values
    length_error, angle_error = result.straight(best.errors)
    trusted = confidence_of(length_error / length)
    seen = support.is_seen_in_noise(gathered)
    if paper is not None or seen or support.is_seen_by_both(gathered):
        trusted = max(trusted, support.SEEN)
    alteration = _processed(gathered)
    doubt = ""
    if length > LONGEST:
        doubt = "which may be half of a longer one"
    asked = not seen or support.is_plain(gathered) or support.uneven_explains_far_more(gathered)
    if alteration is None and paper is None and asked and not _is_even(gathered):
        # Where uneven speed fits better, but is not believed, constant speed is not right either.
        doubt = UNEXPLAINED
    if jpeg_blocks.may_explain(angle) and jpeg_blocks.are_visible(planes):
        doubt = doubt if support.exceeds_blocks(gathered) else "which blocks of 8 pixels may feign"
    trusted = min(trusted, DOUBTFUL) if doubt else trusted
    estimate = Estimate(
        length, angle, trusted, length_error, angle_error, kind="straight", doubt=doubt
    )
    if alteration is not None:  # a file in which its bands are recognised did move
        return replace(estimate, confidence=max(trusted, result.SURE), processed=alteration)
    if paper is None:
        return estimate
    length, _, angle = equivalent(paper.kernel())
    return replace(estimate, length=length, angle=angle, recipe=paper)
