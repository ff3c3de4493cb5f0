"""Which movement blurred each channel of a slide, by the windows with the most to see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from unsmear.choices import Per
from unsmear.estimate import Estimate
from unsmear.estimate import exposures as estimation
from unsmear.estimate.exposures import Exposure
from unsmear.estimate.fields import DIFFERS
from unsmear.estimate.result import SURE
from unsmear.images import Image
from unsmear.images.nodata import Gaps, NoData

AGREE = 0.8
"""Least part of the windows that are sure of anything that must be sure of one movement."""
UNSURE = 0.5
"""Highest confidence of a movement that is not the same everywhere."""
NOTHING = Estimate(0.0)


def of_channels(image: Image, per: Per, no_data: NoData | None) -> list[Estimate]:
    """Return what blurred each channel.

    image: the windows, "TCYX", all of one time point. per: as in `restore`. no_data: a value that
    stands for no data, or a mask of the image's shape.
    """
    gaps = Gaps.of(image, no_data)
    if gaps is not None:  # windows beside what was scanned say less
        whole = ~gaps.mask.any(axis=(1, 2, 3))
        image = replace(image, pixels=image.pixels[whole]) if whole.any() else image
    planes = image.planes()
    pooled: Per = "auto" if per == "plane" else per
    found = estimation.find(planes, None, pooled, timing=image.timing)
    return [_of_channel(found, channel) for channel in range(planes.shape[1])]


def _of_channel(found: Sequence[Exposure], channel: int) -> Estimate:
    """Return the movement on which a channel's windows agree, or one that is not sure."""
    votes = [(int((one.planes[:, 1] == channel).sum()), one) for one in found]
    votes = [(count, one) for count, one in votes if count]
    sure = [(count, one.estimate) for count, one in votes if one.estimate.sure and one.box is None]
    if not sure:
        return max(votes, key=lambda vote: (vote[1].estimate.confidence, vote[0]))[1].estimate
    count, estimate = max(sure, key=lambda vote: vote[0])
    others = sum(
        number
        for number, one in votes
        if one.estimate is not estimate and (one.estimate.sure or _is_still(one.estimate))
    )
    if estimate.drift is not None or count < AGREE * (count + others):
        return replace(estimate, confidence=min(estimate.confidence, UNSURE), doubt=DIFFERS)
    return estimate


def _is_still(estimate: Estimate) -> bool:
    """Return whether it is sure that nothing moved."""
    return estimate.kind == "none" and estimate.processed is None and estimate.confidence >= SURE
