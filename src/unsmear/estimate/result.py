"""What an estimator finds, whichever it is."""

from __future__ import annotations

from dataclasses import dataclass

from unsmear.blur import Kernel, Motion

SURE = 0.5
"""Confidence below which an image is better left alone."""


@dataclass(frozen=True)
class Estimate:
    """A straight movement found in a blurred image, or that none was found.

    length: distance moved during the exposure, pixels; 0 means "no motion found".
    angle: direction, degrees in [0, 180) anticlockwise from +x, rows growing downwards.
    confidence: 0 to 1, about how often such an answer is right: length within 1 pixel and angle
        within 5 degrees, or rightly no motion.
    length_error, angle_error: standard errors, pixels and degrees; 0 where no motion was found.
    """

    length: float
    angle: float = 0.0
    confidence: float = 0.0
    length_error: float = 0.0
    angle_error: float = 0.0

    @property
    def found(self) -> bool:
        """Whether a movement was found."""
        return self.length > 0

    @property
    def sure(self) -> bool:
        """Whether a movement was found that a restorer should act on."""
        return self.found and self.confidence >= SURE

    def motion(self) -> Motion:
        """Return the movement as a blur; of length 0 where none was found."""
        return Motion(self.length, self.angle)

    def kernel(self) -> Kernel:
        """Return the movement's sampled kernel; a single 1 amid zeros where none was found."""
        return self.motion().kernel()
