"""The estimate of a blur, and the half-widths of its stated intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from unsmear.blur import Blur, Defocus, Kernel, Motion, Paper, Profile, Sampled
from unsmear.estimate.drift import Drift
from unsmear.estimate.processed import Processed

SURE = 0.7
"""Confidence below which an image is not restored: a wrong kernel would make it worse."""

Kind = Literal["none", "straight", "shake", "defocus"]
"""Kinds of blur as files and the command line name them; "straight" is linear motion, "shake"
irregular motion."""
KINDS: tuple[Kind, ...] = ("none", "straight", "shake", "defocus")
"""Kinds in the order in which networks and calibrators number them."""
WIDTH = 5.0
"""Standard errors in a stated half-width, beyond its minimum."""
GRANTED = (0.1, 0.5)
"""Minimum half-widths of length and angle, pixels and degrees."""
SHAKEN = (0.25, 15.0)
"""Half-widths for an irregular motion: fraction of its length, and angle in degrees."""
DISC = 0.05
"""Minimum half-width of a disc's radius as a fraction of the radius, beyond that in pixels."""
WIDEST = 90.0
"""Largest stated half-width, pixels or degrees."""


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
    profile
        A linear motion at uneven speed, where it explains the image better than constant speed;
        its length is that between the ends of its line.
    drift
        How a linear motion changes across the field, where it does; length and angle are those of
        its middle.
    doubt
        Why a motion that was found is not sure, in words; "" where its confidence says it.
    processed
        What was done to the image after it was recorded. One that was deconvolved is left alone
        unless it is forced, since what was taken out once cannot be taken out again; one that was
        compressed until its blocks show has kind "none", and a sentence that nothing is known.
    path_found
        Whether independent searches found that path; otherwise the kernel is only near it.

    Examples
    --------
    >>> import unsmear
    >>> estimate = unsmear.Estimate(length=10.2, angle=41, confidence=0.97)
    >>> estimate.sure, estimate.describe()
    (True, 'linear motion of 10.2 px at 41 degrees (confidence 0.97)')
    >>> unsmear.Estimate(length=0, confidence=0.42).describe()
    'unsure whether anything moved (confidence 0.42 that nothing did)'
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
    profile: Profile | None = None
    drift: Drift | None = None
    doubt: str = ""
    processed: Processed | None = None
    path_found: bool = False

    def __post_init__(self) -> None:
        if self.kind == "none" and self.length > 0:
            object.__setattr__(self, "kind", "straight")

    @property
    def found(self) -> bool:
        """Whether a motion was found, linear or irregular; defocus does not count."""
        return self.kind in ("straight", "shake")

    @property
    def sure(self) -> bool:
        """Whether a motion was found with enough confidence to restore the image by it.

        Never in a processed image. Of an irregular motion, the path must have been found too.
        """
        return self.confident and self.processed is None

    @property
    def confident(self) -> bool:
        """Whether a motion was found with enough confidence, processed or not."""
        known = self.kind == "straight" or (self.kind == "shake" and self.path_found)
        return known and self.confidence >= SURE

    @property
    def unsure(self) -> bool:
        """Whether it is open if anything moved, or how: nothing that can be acted on, or ruled out.

        A motion that is not `sure`, but for one that is known in a processed image; and one that
        was not found, where that is not confident either, or compression hides it.
        """
        if self.found:
            return not self.confident
        return self.confidence < SURE or self.processed is not None

    def blur(self) -> Blur:
        """Return the estimated blur; a motion of length 0 where no blur was found."""
        if self.kind == "defocus":
            return Defocus(self.radius)
        return self.path or self.profile or self.recipe or self.motion()

    def motion(self) -> Motion:
        """Return the linear motion at constant speed; of length 0 where no motion was found."""
        return Motion(self.length, self.angle)

    def kernel(self) -> Kernel:
        """Return the sampled kernel of `blur`; a single 1 amid zeros where no blur was found."""
        return self.blur().kernel()

    def describe(self) -> str:
        """Return the estimate as a phrase: "no motion found (confidence 0.98)"."""
        if self.processed is None:
            return self._describe_blur()
        if self.kind == "none":
            known = f"whether anything moved is not known (confidence {self.confidence:.2f})"
            return f"{known}: {self.processed.sentence}"
        return f"{self._describe_blur()}, but {self.processed.sentence}"

    def _describe_blur(self) -> str:
        sure = f"(confidence {self.confidence:.2f})"
        if self.kind == "defocus":
            disc = f"out of focus by a disc of radius {self.radius:.1f} px"
            return f"perhaps {disc} {sure}" if self.unsure else f"{disc}, no motion found {sure}"
        if not self.found and self.unsure:
            return f"unsure whether anything moved {sure[:-1]} that nothing did)"
        if not self.found:
            return f"no motion found {sure}"
        if self.kind == "shake":
            extent = f"{self.length:.0f} px at {_degrees(self.angle)} degrees"
            return f"irregular motion that extends {extent} {sure}"
        uneven = ", by the recipe of the paper" if self.recipe else ""
        uneven = " at uneven speed" if self.profile else uneven
        if self.drift is not None:
            motions = (self.drift.first, self.drift.last)
            first, last = (f"{m.length:.1f} px at {_degrees(m.angle)} degrees" for m in motions)
            ends = "top to bottom" if self.drift.down else "left to right"
            return f"linear motion that changes from {first} to {last}, {ends} {sure}"
        angle = _degrees(self.angle)
        return f"linear motion of {self.length:.1f} px at {angle} degrees{uneven} {sure}"


def _degrees(angle: float) -> int:
    """Return a direction in whole degrees, 0 to 179: 180 is 0 again."""
    return round(angle) % 180


def straight(errors: Sequence[float]) -> tuple[float, float]:
    """Return the half-widths of length and angle, pixels and degrees, from standard errors."""
    widths = (least + WIDTH * error for least, error in zip(GRANTED, errors, strict=True))
    length, angle = (float(np.minimum(width, WIDEST)) for width in widths)
    return length, angle


def shake(length: float) -> tuple[float, float]:
    """Return the half-widths of an irregular motion's length and angle, pixels and degrees."""
    return SHAKEN[0] * length, SHAKEN[1]


def disc(radius: float, error: float) -> float:
    """Return the half-width of a disc's radius, pixels, from its standard error."""
    return GRANTED[0] + DISC * radius + WIDTH * error
