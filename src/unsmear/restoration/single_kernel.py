"""An image restored as a whole: by one kernel, blindly, or not at all."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from unsmear.blur import Blur
from unsmear.cores import beside, one_blas_thread
from unsmear.estimate import exposures as estimation
from unsmear.estimate import second_opinion
from unsmear.images import Image
from unsmear.images.nodata import Gaps
from unsmear.restoration import consistency, exposures
from unsmear.restoration.application import apply
from unsmear.restoration.decision import Decision
from unsmear.restoration.field_kernel import FieldKernel
from unsmear.restoration.preparation import check_kernel_fits, check_size
from unsmear.restoration.restored import Restored
from unsmear.restoration.settings import Job

ONLY_NOISE = "but nothing in the image can be told from noise"
CONTRADICTED = "which is not consistent with the image"
"""Phrase on a kernel that the consistency check found wrong."""


def restore(
    image: Image, gaps: Gaps | None, decision: Decision, job: Job
) -> Restored[Image, Image]:
    """Return an image restored as the decision says: by one kernel, or blindly, or not at all."""
    unchanged = replace(check_size(image), pixels=as_dtype(image.pixels, job.settings.dtype))
    if decision.reason:
        share = 0.0 if gaps is None else gaps.share
        return Restored(unchanged, False, decision.reason, decision.estimate, no_data=share)
    field_kernel = FieldKernel.of(decision)
    if field_kernel is not None and decision.estimate is None:
        check_kernel_fits(field_kernel.kernel, image)
    given = decision.blur if decision.estimate is None else None
    # What the image says of a given kernel is asked meanwhile, without more threads for either.
    with one_blas_thread(), beside(lambda: _doubt(image, gaps, given)) as asked:
        result = apply(image, field_kernel, job.settings, gaps)
        doubt = asked()
    movement = f"{decision.movement}{doubt and f', although the image {doubt}'}"
    result = replace(result, estimate=decision.estimate, blur=decision.blur, movement=movement)
    if not is_put_back(result):
        return _without_contradicted(image, result)
    reason = f"{CONTRADICTED}{doubt and f': it {doubt}'}"
    if result.consistency is not None and result.consistency.empty.all():
        reason = ONLY_NOISE
    return replace(
        result,
        image=unchanged,
        touched=False,
        movement=f"{decision.movement}, {reason}",
        uncertainty=None,
        outliers=0,
        saturated=0,
        clipped=0,
        clipped_black=0,
    )


def _doubt(image: Image, gaps: Gaps | None, given: Blur | None) -> str:
    """Return `other_motion_phrase` for a kernel that was given; "" for none."""
    return "" if given is None else other_motion_phrase(image, gaps, given)


def other_motion_phrase(image: Image, gaps: Gaps | None, blur: Blur) -> str:
    """Return a phrase on a motion that an image shows far more clearly than a given one, or ""."""
    planes = image.planes() if gaps is None else gaps.filled(image).planes()
    holes = None if gaps is None else gaps.inside
    motion = second_opinion.other_motion(planes, holes, blur.kernel())
    if motion is None:
        return ""
    length, angle = motion
    return f"looks like a motion of {length:.1f} px at {round(angle) % 180} degrees"


def is_put_back(result: Restored[Image, Image]) -> bool:
    """Return whether the recorded image took the place of the whole result."""
    return result.verdicts is not None and bool((result.verdicts == consistency.INPUT).all())


def as_dtype(pixels: NDArray[Any], dtype: DTypeLike | None) -> NDArray[Any]:
    """Return pixels in the dtype of results; None for their own."""
    return pixels if dtype is None else pixels.astype(dtype, copy=False)


def _without_contradicted(image: Image, result: Restored[Image, Image]) -> Restored[Image, Image]:
    """Return the same, the planes that were put back as a whole named and their tiles LEFT."""
    if result.verdicts is None:
        return result
    put_back = (result.verdicts == consistency.INPUT).all(axis=(2, 3))
    if result.consistency is not None:
        put_back &= ~result.consistency.empty
    if not put_back.any():
        return result
    name = estimation.name(image, exposures.of_given(np.argwhere(put_back)))
    band = result.uncertainty
    if band is not None:
        band = band.with_planes(np.where(put_back[..., None, None], np.nan, band.planes()))
    return replace(
        result,
        movement=f"{result.movement}, which is not consistent with {name}, left as it was",
        verdicts=np.where(put_back[..., None, None], consistency.LEFT, result.verdicts),
        uncertainty=band,
    )
