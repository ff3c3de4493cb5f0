"""How far off an answer may be and still be called right: the intervals that are stated."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

WIDTH = 5.0
"""Standard errors that a stated interval is wide, to each side, beyond what is always granted."""
GRANTED = (0.1, 0.5)
"""Pixels and degrees."""
SHAKEN = (0.25, 15.0)
"""The interval of a shake: a share of its length, and degrees."""
DISC = 0.05
"""Of a disc's radius, granted too."""
WIDEST = 90.0
"""Pixels and degrees."""


def straight(errors: Sequence[float]) -> tuple[float, float]:
    """Return the half widths of length and angle, pixels and degrees, from standard errors."""
    wide = (g + WIDTH * error for g, error in zip(GRANTED, errors, strict=True))
    length, angle = (float(np.minimum(half, WIDEST)) for half in wide)
    return length, angle


def shake(length: float) -> tuple[float, float]:
    """Return the half widths of a shake's length and angle, pixels and degrees."""
    return SHAKEN[0] * length, SHAKEN[1]


def disc(radius: float, error: float) -> float:
    """Return the half width of a disc's radius, pixels, from its standard error."""
    return GRANTED[0] + DISC * radius + WIDTH * error
