"""Blind blur estimation: the kind of blur in an image, its kernel and its confidence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsmear.blur import Paper, Profile, Sampled
from unsmear.estimate import (
    confidence,
    evidence,
    fitting,
    jpeg_blocks,
    paper_kernel,
    path_fit,
    processed,
    profile_fit,
    result,
    saturation,
    settling_fit,
    shake_fit,
    spectrum,
)
from unsmear.estimate.evidence import DEFOCUS, IMPROVEMENT, NONE, SHAKE, STRAIGHT, Evidence
from unsmear.estimate.result import Estimate, Kind
from unsmear.estimate.shake_fit import equivalent
from unsmear.images import Image, outliers
from unsmear.images.nodata import Gaps, NoData

__all__ = ["Estimate", "estimate_blur", "estimate_image", "estimate_planes"]


def estimate_blur(image: Image | NDArray[Any], *, axes: str | None = None) -> Estimate:
    """Return what blurred an image: one kernel for all its planes and channels.

    Parameters
    ----------
    image
        An image, or an array of counts in any unit: (y, x), or with `axes` any other.
        Neither gain nor offset matters. NaN and margins without data are left out.
    axes
        Letters of "PSTCZYX", one for each dimension of an array, such as "CYX".

    Returns
    -------
    Estimate
        An image without texture, or with a side under 16 pixels, gives no motion and confidence 0.

    Raises
    ------
    AxesError
        For axes that are missing or do not fit.
    ImageError
        For infinities, or no numbers.

    References
    ----------
    Whittle, "Estimation and information in stationary time series", 1953, for the likelihood of
    the spectrum; docs/design/estimator.md.

    Examples
    --------
    >>> import numpy as np
    >>> import unsmear
    >>> sharp = np.random.default_rng(0).random((192, 192)).cumsum(0).cumsum(1) % 40
    >>> blurred = unsmear.convolve(sharp, unsmear.Motion(12, 30).kernel())
    >>> estimate = unsmear.estimate_blur(blurred)
    >>> estimate.kind, round(estimate.length), round(estimate.angle)
    ('straight', 12, 30)
    """
    return estimate_image(Image.of(image, axes))


def estimate_image(image: Image, no_data: NoData | None = None) -> Estimate:
    """Return the blur of an image, its pixels without data left out; no_data: see `Gaps.of`."""
    gaps = Gaps.of(image, no_data)
    if gaps is None:
        return estimate_planes(image.planes())
    return estimate_planes(gaps.filled(image).planes(), gaps.inside)


def estimate_planes(planes: NDArray[Any], gaps: NDArray[np.bool_] | None = None) -> Estimate:
    """Return the blur of an image with planes (batch, channel, y, x); see `estimate_blur`.

    gaps: in that shape, true where a pixel holds no data and was filled.
    """
    planes, _ = outliers.replaced(planes, gaps)
    measured = spectrum.measure(planes, saturation.masked(planes, gaps))
    if measured is None:
        return Estimate(0.0)
    return conclude(evidence.gather(measured), planes)


def conclude(gathered: Evidence, planes: NDArray[Any]) -> Estimate:
    """Return the estimate that the evidence supports."""
    found = answer(gathered, planes)
    return replace(found, confidence=confidence.calibrated(found, gathered))


def answer(gathered: Evidence, planes: NDArray[Any]) -> Estimate:
    """Return the estimate, its confidence that of the evidence on ordinary images."""
    found = _by_kind(gathered, planes)
    if found.sure and saturation.hides(planes, found.length):
        trusted = min(found.confidence, evidence.DOUBTFUL)
        return replace(found, confidence=trusted, doubt=saturation.HIDDEN)
    return found


def _by_kind(gathered: Evidence, planes: NDArray[Any]) -> Estimate:
    calibrator = evidence.load_calibrator()
    kind, chance = evidence.decide(gathered, calibrator)
    improvement = float(gathered.features()[IMPROVEMENT])
    paper = _paper(gathered)
    saturated = saturation.of(planes)
    if (paper is None or kind != "straight") and not saturated:
        uneven = _uneven_motion(gathered, planes)
        if uneven is not None:
            return uneven
    if not saturated and _may_be_settling(gathered, kind, paper):
        settling = _settling(gathered, planes)
        if settling is not None:
            return settling
    if kind == "straight":
        confidence_of = partial(calibrator.chance, STRAIGHT, chance, improvement=improvement)
        return _linear_motion(gathered, planes, confidence_of, paper)
    if kind == "shake" and gathered.shake is not None:
        trusted = calibrator.chance(SHAKE, chance, 0.0, improvement)
        found = _irregular_motion(gathered, planes, trusted)
        return replace(found, path_found=found.path_found and not saturated)
    if kind == "defocus" and gathered.disc is not None:
        radius = gathered.disc.values[0]
        error = result.disc(radius, gathered.disc.errors[0])
        trusted = calibrator.chance(DEFOCUS, chance, error / radius, improvement)
        return Estimate(0.0, confidence=trusted, kind="defocus", radius=radius, radius_error=error)
    found = Estimate(0.0, confidence=calibrator.chance(NONE, chance, 0.0, improvement))
    if jpeg_blocks.are_visible(planes):
        trusted = min(found.confidence, evidence.DOUBTFUL)
        return replace(found, confidence=trusted, processed=processed.COMPRESSED)
    return found


def _paper(gathered: Evidence) -> Paper | None:
    """Return the paper's recipe, where it fits no worse than any uneven speed."""
    paper = paper_kernel.find(gathered.search)
    if paper is None or gathered.profile is None:
        return paper
    problem, best = gathered.search.problem, gathered.search.best
    fit = fitting.fit_held(problem, problem.transfer(paper.kernel()), best.texture)
    allowed = evidence.required_improvement(gathered.averages)
    return paper if fit.loss < gathered.profile.fit.loss + allowed else None


def _uneven_motion(gathered: Evidence, planes: NDArray[Any]) -> Estimate | None:
    """Return the estimate of a linear motion at uneven speed; None where there is none."""
    if gathered.profile is None or not evidence.supports_profile(gathered):
        return None
    blur: Profile | None = gathered.profile.blur
    if not gathered.profile.mirror:
        blur = profile_fit.resolve(planes, gathered.profile.blur)
    if blur is None or profile_fit.is_contradicted(planes, blur, gathered.profile.rival):
        return None
    if _is_irregular(gathered):
        return None
    errors = result.straight(gathered.profile.fit.errors[-2:])
    found = Estimate(
        blur.length, blur.angle, profile_fit.CONFIDENCE, *errors, kind="straight", profile=blur
    )
    return replace(found, processed=_processed(gathered))


def _is_irregular(gathered: Evidence) -> bool:
    """Return whether what looks like uneven speed along a line is rather a path."""
    assert gathered.profile is not None  # for mypy: it is asked about one
    if evidence.irregular_adds_little(gathered, gathered.profile.fit.loss):
        return False
    extent, _, _ = equivalent(gathered.guess.kernel)
    found = path_fit.find(gathered.spectrum, extent)
    return evidence.contradicts_profile(gathered, found)


def _may_be_settling(gathered: Evidence, kind: Kind, paper: Paper | None) -> bool:
    """Return whether the motion is irregular, or linear but not at constant speed."""
    if kind == "straight":
        return paper is None and not _is_even(gathered)
    return kind == "shake" and gathered.shake is not None


def _is_even(gathered: Evidence) -> bool:
    """Return whether constant speed explains a linear motion as well as uneven speed does."""
    return gathered.profile is None and evidence.explains_everything(gathered)


def _settling(gathered: Evidence, planes: NDArray[Any]) -> Estimate | None:
    """Return the estimate of a swing that dies away, or of a jump; None where there is none."""
    extent, _, angle = equivalent(gathered.guess.kernel)
    jumps = [(extent / np.sqrt(3), angle), gathered.search.best.values]
    if gathered.profile is not None:
        jumps.append((gathered.profile.blur.length, gathered.profile.blur.angle))
    blur, fit = settling_fit.search(gathered.spectrum, gathered.search, angle, jumps)
    if not evidence.supports_few_values(gathered, fit):
        return None
    told = profile_fit.resolve(planes, blur)
    if told is None:
        return None
    errors = result.straight((fit.errors[0], fit.errors[-1]))
    return Estimate(
        told.length,
        told.angle,
        profile_fit.CONFIDENCE,
        *errors,
        kind="straight",
        profile=told,
        processed=_processed(gathered),
    )


def _processed(gathered: Evidence) -> processed.Processed | None:
    """Return what was done to the image after it was recorded."""
    rival = gathered.search.best.loss
    if gathered.profile is not None:
        rival = min(rival, gathered.profile.fit.loss)
    required = evidence.required_improvement(gathered.averages)
    return processed.recognise(gathered.search, rival, required)


def _irregular_motion(gathered: Evidence, planes: NDArray[Any], trusted: float) -> Estimate:
    """Return the estimate of an irregular motion: its path, or a kernel that is only near it."""
    extent, _, _ = equivalent(gathered.guess.kernel)
    found = path_fit.find(gathered.spectrum, extent)
    confirmed = evidence.supports_path(gathered, found)
    kernel = found.kernel if confirmed or gathered.shake is None else gathered.shake.kernel
    told = shake_fit.half_turn_told(planes, kernel) if confirmed else None
    confirmed = told is not None
    if confirmed:
        trusted = max(trusted, path_fit.CONFIDENCE)
    if told is None:
        kernel = shake_fit.resolve_half_turn(planes, kernel)
    elif not told:
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
    done = _processed(gathered)
    doubt = ""
    if length > evidence.LONGEST:
        doubt = "which may be half of a longer one"
    if done is None and paper is None and not _is_even(gathered):
        # Where uneven speed fits better, but is not believed, constant speed is not right either.
        doubt = evidence.UNEXPLAINED
    if jpeg_blocks.may_explain(angle) and jpeg_blocks.are_visible(planes):
        doubt = doubt if evidence.exceeds_blocks(gathered) else "which blocks of 8 pixels may feign"
    trusted = min(trusted, evidence.DOUBTFUL) if doubt else trusted
    found = Estimate(
        length, angle, trusted, length_error, angle_error, kind="straight", doubt=doubt
    )
    if done is not None:
        return replace(found, processed=done)
    if paper is None:
        return found
    length, _, angle = equivalent(paper.kernel())
    return replace(found, length=length, angle=angle, recipe=paper)
