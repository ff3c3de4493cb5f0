"""What an estimate means for a user, and what to do where an image is not restored."""

from __future__ import annotations

from collections.abc import Sequence

from unsmear.estimate.result import SURE, Estimate
from unsmear.local_page.work import Finding

DRAW = "If you see streaks, draw a line along one of them and restore with that movement."
NOTHING = "Nothing to do: an image that did not move is left as it is."
UNSURE = f"The image does not tell whether it moved, perhaps for little light or detail. {DRAW}"
PERHAPS = (
    "A wrong movement would make the image worse, so nothing is done. If the line in the image "
    "lies along streaks that you see, restore with that movement; else leave it."
)
SHAKE = (
    "No straight line describes it. Tick “also irregular movements” to try it, and compare the "
    "result with the recorded image before you use it; or record again."
)
DEFOCUS = "Being out of focus is no movement, and is not taken out: focus and record again."
DECONVOLVED = (
    "Restore the file that the camera wrote: what was taken out once cannot be taken out again."
)
COMPRESSED = f"Use the file that the camera wrote, not a JPEG of it. {DRAW}"
CONTRADICTED = (
    "Draw the line again, along another streak and from end to end of it, or let the movement be "
    "found in the image."
)
DOUBTFUL = "If you know the movement, draw it or type it, and restore with it."


def of(finding: Finding) -> str:
    """Return what to do where an exposure is not restored; "" where it is."""
    estimate = finding.estimate
    if finding.moved:
        return ""
    if estimate is None:
        return CONTRADICTED
    if estimate.processed is not None:
        return DECONVOLVED if estimate.processed.kind == "deconvolved" else COMPRESSED
    if estimate.kind == "defocus":
        return DEFOCUS
    if estimate.kind == "shake":
        return SHAKE
    if estimate.kind == "straight":
        return DOUBTFUL if estimate.doubt or estimate.sure else PERHAPS
    return NOTHING if estimate.confidence >= SURE else UNSURE


def sentence(finding: Finding) -> str:
    """Return what was found for an exposure, as a sentence."""
    words = finding.movement if finding.planes == "" else f"{finding.planes}: {finding.movement}"
    return f"{words[:1].upper()}{words[1:]}."


def verdict(findings: Sequence[Finding]) -> str:
    """Return the verdict on an image: whether it moved, or whether that is unsure."""
    if any(finding.moved for finding in findings):
        return "moved"
    estimates = [finding.estimate for finding in findings if finding.estimate is not None]
    if not estimates:
        return ""
    if all(map(_is_still, estimates)):
        return "still"
    return "defocus" if all(one.kind == "defocus" for one in estimates) else "unsure"


def _is_still(estimate: Estimate) -> bool:
    return estimate.kind == "none" and estimate.confidence >= SURE and estimate.processed is None
