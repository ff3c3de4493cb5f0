"""What was found, in words for a microscopist. No Qt."""

from __future__ import annotations

import re

from unsmear.estimate import Estimate
from unsmear.estimate.result import SURE
from unsmear.images import Image
from unsmear.napari.arrows import Found
from unsmear.restoration.consistency import LEFT, RESTORED
from unsmear.restoration.decision import decide
from unsmear.restoration.restored import Restored, outliers_phrase, saturated_phrase

CERTAIN = 0.95
"""Confidence from which an estimate is said to be almost certain."""
GUESS = 0.4
"""Confidence below which an estimate is said to be a guess."""
CONFIDENCE = re.compile(r" \(confidence [^)]*\)")
"""What the description of an estimate says of its confidence, which has a sentence of its own."""
TO_RESTORE = "will be restored"


def sentences(found: Found, pixel_size: tuple[float, float] | None = None) -> tuple[str, ...]:
    """Return what is said of an exposure: what was found, how sure that is, what follows.

    pixel_size: (y, x), micrometres.
    """
    estimate = found.estimate
    follows = outcome(estimate)
    if found.restored is not None:
        follows = "restored" if found.restored else follows.replace(" is:", " was:")
        if follows == TO_RESTORE:
            follows = "left as it was: a restored image would not be consistent with it"
    return movement(estimate, pixel_size), certainty(estimate), follows


def movement(estimate: Estimate, pixel_size: tuple[float, float] | None = None) -> str:
    """Return what was found, its length in micrometres too where the pixels are square."""
    sentence = CONFIDENCE.sub("", estimate.describe())
    if pixel_size is None or not estimate.found or abs(pixel_size[0] / pixel_size[1] - 1) > 1e-3:
        return sentence
    return f"{sentence}; {estimate.length * pixel_size[0]:.2g} µm"


def certainty(estimate: Estimate) -> str:
    """Return how sure an estimate is: a confidence says how often such estimates are right."""
    share = min(99, round(100 * estimate.confidence))
    if estimate.confidence >= CERTAIN:
        word = "almost certain"
    elif estimate.confidence >= SURE:
        word = "sure"
    elif estimate.confidence >= GUESS:
        word = "unsure"
    else:
        word = "hardly more than a guess"
    return f"{word}: {share} of 100 such findings are right"


def outcome(estimate: Estimate) -> str:
    """Return what restoring does about an estimate, and why."""
    if not decide(estimate).reason:
        return TO_RESTORE
    if estimate.processed is not None:
        return "left as it is: it was processed before"
    if estimate.kind == "defocus":
        return "left as it is: out of focus, which is not restored"
    if estimate.kind == "shake":
        return "left as it is: the path of the movement is too uncertain"
    if estimate.found:
        return "left as it is: too unsure to act on"
    if estimate.confidence >= SURE:
        return "left as it is: it did not move"
    return "left as it is: whether it moved is not known"


def done(name: str, restored: Restored[Image, Image]) -> str:
    """Return a sentence on what became of an image."""
    if not restored.touched:
        return f"{name}: left as it was ({restored.movement})."
    clipped = restored.clipped
    remarks = (
        f"{name}: {restored.movement}; restored",
        _tiles_phrase(restored),
        outliers_phrase(restored),
        saturated_phrase(restored),
        f"{clipped:,} pixels clipped at the end of the range" if clipped else "",
    )
    return f"{', '.join(filter(None, remarks))}."


def _tiles_phrase(restored: Restored[Image, Image]) -> str:
    """Return a phrase on the tiles that were refused, "2.1% of the tiles refused", or ""."""
    if restored.verdicts is None:
        return ""
    tried = restored.verdicts[restored.verdicts != LEFT]
    share = float((tried != RESTORED).mean()) if tried.size else 0.0
    return f"{share:.1%} of the tiles refused" if share else ""
