"""What an estimator finds, whichever it is.

How far off an answer may be and still be called right: the intervals that are stated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from unsmear.blur import Blur, Defocus, Kernel, Motion, Paper, Sampled

SURE = 0.7
"""Confidence below which an image is better left alone: a wrong kernel makes it worse."""

Kind = Literal["none", "straight", "shake", "defocus"]
KINDS: tuple[Kind, ...] = ("none", "straight", "shake", "defocus")


@dataclass(frozen=True)
class Estimate:
    """What blurred an image, or that nothing did.

    Attributes
    ----------
    length
        Distance moved during the exposure, pixels; of an irregular motion, the extent of its path;
        0 means "no motion found".
    angle
        Direction, degrees in [0, 180) anticlockwise from +x, rows growing downwards (180-degree
        ambiguity); of an irregular motion, that of its longest extent.
    confidence
        0 to 1, how often such an estimate is right: the kind, and length and angle (or the radius)
        within the stated errors.
    length_error, angle_error
        Half-widths of the interval that the confidence speaks of, pixels and degrees; 0 where there
        is none.
    kind
        "straight" for linear motion, "shake" for irregular motion, "defocus", or "none". A length
        without a kind is that of a linear motion.
    radius, radius_error
        Of the disc that a point is when out of focus, and the half-width of its interval, pixels.
    recipe
        The paper's recipe, where it explains a linear motion better than constant speed would.
    path
        The kernel of an irregular motion.

    Examples
    --------
    >>> import unsmear
    >>> estimate = unsmear.Estimate(length=10.2, angle=41, confidence=0.97)
    >>> estimate.sure, estimate.describe()
    (True, 'linear motion of 10.2 px at 41 degrees (confidence 0.97)')
    >>> estimate.blur()
    Motion(length=10.2, angle=41)
    """

    length: float
    angle: float = 0.0
    confidence: float = 0.0
    length_error: float = 0.0
    angle_error: float = 0.0
    kind: Kind = "none"
    radius: float = 0.0
    radius_error: float = 0.0
    recipe: Paper | None = None
    path: Sampled | None = None

    def __post_init__(self) -> None:
        if self.kind == "none" and self.length > 0:
            object.__setattr__(self, "kind", "straight")

    @property
    def found(self) -> bool:
        """Whether a movement was found; being out of focus is none."""
        return self.kind in ("straight", "shake")

    @property
    def sure(self) -> bool:
        """Whether a straight movement was found that a restorer should act on.

        The kernel of a shake is right in too few images for that (benchmarks/estimate.md).
        """
        return self.kind == "straight" and self.confidence >= SURE

    def blur(self) -> Blur:
        """Return what was found as a blur: of length 0 where nothing was."""
        if self.kind == "defocus":
            return Defocus(self.radius)
        return self.path or self.recipe or self.motion()

    def motion(self) -> Motion:
        """Return the movement as an even, straight one; of length 0 where none was found."""
        return Motion(self.length, self.angle)

    def kernel(self) -> Kernel:
        """Return the sampled kernel of `blur`; a single 1 amid zeros where nothing was found."""
        return self.blur().kernel()

    def describe(self) -> str:
        """Return what was found as a phrase: "no motion found (confidence 0.98)"."""
        sure = f"(confidence {self.confidence:.2f})"
        if self.kind == "defocus":
            return f"out of focus by a disc of radius {self.radius:.1f} px, no motion found {sure}"
        if not self.found:
            return f"no motion found {sure}"
        if self.kind == "shake":
            extent = f"{self.length:.0f} px at {self.angle:.0f} degrees"
            return f"irregular motion that extends {extent} {sure}"
        uneven = ", by the recipe of the paper" if self.recipe else ""
        return f"linear motion of {self.length:.1f} px at {self.angle:.0f} degrees{uneven} {sure}"


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
