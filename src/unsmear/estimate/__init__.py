"""Which movement blurred an image: length, angle and confidence, without training."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from unsmear.estimate import blocks, confidence, spectrum, straight
from unsmear.estimate.result import Estimate

__all__ = ["Estimate", "estimate_blur"]


def estimate_blur(planes: NDArray[Any]) -> Estimate:
    """Return the straight movement that blurred an image; one for all planes and channels.

    planes: (batch, channel, y, x) in any counts, finite; neither gain nor offset matters.

    An image without texture, or with a side under 16 pixels, gives length 0 and confidence 0.
    """
    measured = spectrum.measure(planes)
    if measured is None:
        return Estimate(0.0)
    searched = straight.search(measured, [], True)
    found, sure = confidence.decide(searched)
    if not found:
        return Estimate(0.0, 0.0, sure)
    length, angle = searched.best.values
    if blocks.may_explain(angle) and blocks.are_visible(planes):
        sure = min(sure, confidence.DOUBTFUL)
    length_error, angle_error = searched.best.errors
    return Estimate(length, angle, sure, length_error, angle_error)
