"""An image restored part by part: time points, positions and exposures, each by its own kernel."""

from __future__ import annotations

import numpy as np

from unsmear.estimate import exposures as estimation
from unsmear.estimate.exposures import Exposure
from unsmear.images import Image, frames
from unsmear.images.nodata import Gaps
from unsmear.restoration import by_exposure, by_frame, exposures, single_kernel
from unsmear.restoration.by_place import ByPlace
from unsmear.restoration.decision import Decision
from unsmear.restoration.restored import Restored
from unsmear.restoration.settings import Job


def restore(
    image: Image, kernels: ByPlace | None, gaps: Gaps | None, job: Job
) -> Restored[Image, Image]:
    """Return an image with each exposure restored by its own kernel.

    kernels: those that are known; the others are estimated.
    """
    count = frames.count(image)
    if job.per != "file" and count > 1:

        def restore_frame(
            number: int, frame: Image, kernels: ByPlace | None, gaps: Gaps | None
        ) -> Restored[Image, Image]:
            result = restore(frame, kernels, gaps, job.part(number, count))
            job.report(number + 1, count)
            return result

        return by_frame.restore(image, kernels, gaps, restore_frame)
    decisions = _decisions(image, kernels, gaps, job.part(0, 2))
    if len(decisions) > 1:
        return by_exposure.restore(image, gaps, decisions, job.part(1, 2))
    return single_kernel.restore(image, gaps, decisions[0][1], job.part(1, 2))


def _decisions(
    image: Image, kernels: ByPlace | None, gaps: Gaps | None, job: Job
) -> list[tuple[Exposure, Decision]]:
    """Return the exposures with a known kernel, then the others, and what to do about each."""
    decisions: list[tuple[Exposure, Decision]] = []
    known = None
    if kernels is not None:
        known = ~kernels.unknown
        for number, kernel in enumerate(kernels.kernels):
            planes = np.argwhere(kernels.numbers == number)
            if len(planes):
                decisions.append((exposures.of_given(planes), job.decide(kernel)))
    if known is None or not known.all():
        estimated = estimation.find_in(image, gaps, job.per, known, job.report)
        decisions += [(exposure, job.decide(exposure.estimate)) for exposure in estimated]
    return decisions
