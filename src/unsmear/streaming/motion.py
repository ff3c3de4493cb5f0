"""The kernel of a stage that moves at a known speed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from unsmear.blur import Blur, Coded, Motion
from unsmear.blur.coded import check_code
from unsmear.errors import OptionError
from unsmear.images import Image

LONG_EXPOSURE = 1.0
"""Exposure from which milliseconds may have been meant, seconds."""


@dataclass(frozen=True)
class StageMotion:
    """The motion of a stage during an exposure.

    Attributes
    ----------
    speed
        Micrometres per second.
    exposure
        Seconds from the opening to the closing of the shutter, or of the flash; None takes those of
        each frame's metadata.
    pixel_size
        In the sample, micrometres; None takes that of each frame's metadata.
    angle
        Direction in which things move across the frame, degrees anticlockwise from +x, rows growing
        downwards.
    code
        Of a coded exposure, see `Coded`; "" for an open shutter. Where frames say where the stage
        is, the way along the line of the angle follows from that: a stage goes back and forth.

    Raises
    ------
    OptionError
        For a value out of its range.
    KernelError
        For a code that is none.

    Examples
    --------
    >>> import numpy as np
    >>> import unsmear
    >>> frame = unsmear.Image(np.zeros((64, 64), np.uint8), "YX", pixel_size=(0.2, 0.2))
    >>> unsmear.StageMotion(speed=200, exposure=0.01).blur(frame)
    Motion(length=10.0, angle=0.0)
    """

    speed: float
    exposure: float | None = None
    pixel_size: float | None = None
    angle: float = 0.0
    code: str = ""

    def __post_init__(self) -> None:
        if not (math.isfinite(self.speed) and self.speed >= 0):
            raise OptionError(f"speed must be 0 or more micrometres per second, got {self.speed}.")
        for name in ("exposure", "pixel_size"):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise OptionError(f"{name} must be above 0, got {value}.")
        if not math.isfinite(self.angle):
            raise OptionError(f"angle must be finite degrees, got {self.angle}.")
        if self.code:
            check_code(self.code)

    def blur(self, frame: Image, moves: Sequence[tuple[float, float]] = ()) -> Blur:
        """Return the blur of a frame.

        moves: directions in which things are known to move, (y, x), rows growing downwards. The
        one that is nearest to the line of the angle says which way along it they do.

        Raises OptionError where exposure or pixel size are not known, and KernelError for a motion
        that is too long.
        """
        exposure, pixel_size = self.exposure_of(frame), self.pixel_size_of(frame)
        angle = self.angle + (180 if self.code and self._is_turned(moves) else 0)
        longest = max(frame.planes().shape[2:])
        if self.speed * exposure > longest * pixel_size and exposure >= LONG_EXPOSURE:
            raise OptionError(
                f"{frame.name}: the exposure must be in seconds; in {exposure:g} s the stage moves "
                f"farther than a frame. For {exposure:g} milliseconds give {exposure / 1000:g}."
            )
        motion = Motion.of_stage(self.speed, exposure, pixel_size, angle)
        return Coded(motion.length, motion.angle, self.code) if self.code else motion

    def _is_turned(self, moves: Sequence[tuple[float, float]]) -> bool:
        """Return whether things move against the angle."""
        turn = math.radians(self.angle)
        along = [x * math.cos(turn) - y * math.sin(turn) for y, x in moves]
        return bool(along) and max(along, key=abs) < 0

    def exposure_of(self, frame: Image) -> float:
        """Return the exposure of a frame, seconds; raises OptionError where it is not known."""
        if self.exposure is not None:
            return self.exposure
        known = frame.timing.of(0)
        if known is None:
            raise OptionError(
                f"{frame.name}: the exposure time is unknown; give it, in seconds (--exposure)."
            )
        return known

    def pixel_size_of(self, frame: Image) -> float:
        """Return the pixel size of a frame, micrometres; raises OptionError where it is unknown."""
        if self.pixel_size is not None:
            return self.pixel_size
        if frame.pixel_size is None:
            raise OptionError(
                f"{frame.name}: the pixel size is unknown; give it, in micrometres (--pixel-size)."
            )
        y, x = frame.pixel_size
        if abs(y / x - 1) > 1e-3:
            raise OptionError(f"{frame.name}: pixels must be square, got {x:g} x {y:g} um.")
        return x
