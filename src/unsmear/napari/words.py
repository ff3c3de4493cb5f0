"""What was found, in words for a microscopist. No Qt."""

from __future__ import annotations

import re
from collections.abc import Sequence

from unsmear import advice
from unsmear.estimate import Estimate
from unsmear.estimate.processed import told_once
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


def paragraphs(
    found: Sequence[Found], pixel_size: tuple[float, float] | None = None
) -> list[tuple[str, tuple[str, ...]]]:
    """Return the place of each exposure and what is said of it, then what is said of all.

    pixel_size: (y, x), micrometres. Of all is said what was done to the file before, and what to
    do; their place is "".
    """
    said = [sentences(one, pixel_size) for one in found]
    movements = told_once([parts[0] for parts in said])
    exposures = [
        (one.place, (words, *parts[1:]))
        for one, words, parts in zip(found, movements, said, strict=False)
    ]
    of_all = [*movements[len(said) :], *dict.fromkeys(filter(None, map(what_to_do, found)))]
    return [*exposures, *(("", (sentence,)) for sentence in of_all)]


def sentences(found: Found, pixel_size: tuple[float, float] | None = None) -> tuple[str, ...]:
    """Return what is said of an exposure: what was found, how sure that is, what follows.

    pixel_size: (y, x), micrometres.
    """
    estimate = found.estimate
    return movement(estimate, pixel_size), certainty(estimate), outcome(found)


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


def outcome(found: Found) -> str:
    """Return what follows from an estimate, or what followed."""
    if found.restored is not None:
        return "restored" if found.restored else "left as it was"
    return "left as it is" if decide(found.estimate).reason else "will be restored"


def what_to_do(found: Found) -> str:
    """Return what to do about an exposure that is left as it is; "" about others."""
    estimate = found.estimate
    if not outcome(found).startswith("left"):
        return ""
    processed = "" if estimate.processed is None else estimate.processed.kind
    why = advice.reason(estimate.kind, processed, estimate.doubt, estimate.unsure)
    return f"What to do: {advice.sentence(why, advice.NAPARI)}"


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
