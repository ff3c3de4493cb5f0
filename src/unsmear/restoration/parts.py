"""An image restored part by part: time points, positions and exposures, each by its own kernel."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from unsmear.estimate import exposures as estimation
from unsmear.estimate import series
from unsmear.estimate.exposures import Exposure
from unsmear.estimate.series import Frame
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
    if job.per == "file" or count == 1:
        known = None if kernels is None else ~kernels.unknown
        estimated = []
        if known is None or not known.all():
            estimated = estimation.find_in(image, gaps, job.per, known, job.part(0, 2).report)
        return _by_exposure(image, kernels, gaps, estimated, job.part(1, 2))
    own_kernels = [None] * count if kernels is None else kernels.split(count)
    timeline = [
        replace(frame, known=None if own is None else ~own.unknown)
        for frame, own in zip(series.split(image, gaps), own_kernels, strict=True)
    ]
    estimates = series.find(timeline, job.per, job.part(0, 2).report)

    def restore_frame(number: int, frame: Frame) -> Restored[Image, Image]:
        own = job.part(1, 2).part(number, count)
        result = _by_exposure(frame.image, own_kernels[number], frame.gaps, estimates[number], own)
        own.report(1, 1)
        return result

    return by_frame.restore(image, timeline, gaps, restore_frame)


def _by_exposure(
    image: Image, kernels: ByPlace | None, gaps: Gaps | None, estimated: list[Exposure], job: Job
) -> Restored[Image, Image]:
    """Return an image of one time point and position with each exposure restored.

    kernels: those that are known. estimated: the exposures of the other planes.
    """
    decisions: list[tuple[Exposure, Decision]] = []
    if kernels is not None:
        for number, kernel in enumerate(kernels.kernels):
            planes = np.argwhere(kernels.numbers == number)
            if len(planes):
                decisions.append((exposures.of_given(planes), job.decide(kernel)))
    decisions += [(exposure, job.decide(exposure.estimate)) for exposure in estimated]
    if len(decisions) > 1:
        return by_exposure.restore(image, gaps, decisions, job)
    return single_kernel.restore(image, gaps, decisions[0][1], job)
