"""Whether a movement was found at all, and how sure that is."""

from __future__ import annotations

import math

from unsmear.estimate.straight import Search

SHORTEST = 2.2
"""Pixels; the bands of a shorter movement lie beyond the highest frequency of an image."""
SHORT = 3.2
"""Pixels; below, a texture in one direction looks much like a movement."""
CAUTION = 3.0
"""Times the evidence that a short movement needs."""
LONGEST = 42.0
"""Pixels; a longer movement cannot be told from one twice as long, which is not searched for."""
DOUBTFUL = 0.4
"""Confidence where something else explains the bands as well."""
BLUNDER = 2.0
"""Times the standard errors that errors on real images have."""


def decide(search: Search) -> tuple[bool, float]:
    """Return whether there is a movement, and the confidence in that answer, 0 to 1.

    The evidence is the gain of the movement over no movement and over a Gaussian of its width,
    the lesser of both. What it must exceed was set on real sharp and blurred images; it grows with
    the looks, as no texture is exactly as smooth as the model's. benchmarks/estimate.md has the
    rates of both errors and what comes true of the confidence.
    """
    best = search.best
    length, (length_error, angle_error) = best.values[0], best.errors
    evidence = min(search.still.loss, search.smooth.loss) - best.loss
    needed = 32 + 12 * search.looks
    if length < SHORT:
        needed *= CAUTION
    if evidence <= needed or length < SHORTEST:
        return False, 0.98 - 0.4 * min(max(evidence / needed, 0.0), 1.0)
    near = _within(1.0, length_error) * _within(5.0, angle_error)
    if length > LONGEST:
        near = min(near, DOUBTFUL)
    return True, 0.99 * near * (1 - 0.4 * (needed / evidence) ** 1.5)


def _within(bound: float, error: float) -> float:
    """Return the chance that a normal error is within the bound."""
    return math.erf(bound / (BLUNDER * max(error, 1e-9) * math.sqrt(2)))
