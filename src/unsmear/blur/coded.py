"""Linear motion under a shutter that opens and closes during the exposure (coded exposure)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from unsmear.blur.kernel import Kernel, points_kernel
from unsmear.blur.motion import LONGEST
from unsmear.errors import KernelError, shown

DENSITY = 16
"""Least number of points of the path for each pixel of its length."""
MOST = 4096
"""Largest number of steps of a code."""
RASKAR = "1010000111000001010000110011110111010111001001100111"
"""The code of 52 steps of Raskar, Agrawal and Tumblin (2006), open half of the time."""


@dataclass(frozen=True)
class Coded:
    """Linear motion at constant speed under a shutter that flutters (coded exposure).

    An open shutter takes some frequencies out of the image altogether; one that opens and closes by
    a code without pattern leaves a part of each.

    Attributes
    ----------
    length
        Distance moved from the first opening of the shutter to its last closing, pixels, 0 to 512.
    angle
        Direction in which things move across the image, degrees anticlockwise from +x, rows growing
        downwards. Unlike that of a `Motion` it matters by 180 degrees, where the code is not the
        same backwards.
    code
        Steps of equal duration, in order: 1 where the shutter is open, 0 where it is closed. It
        begins and ends with 1.

    Raises
    ------
    KernelError
        For a parameter out of range.

    References
    ----------
    Raskar, Agrawal and Tumblin, "Coded exposure photography: motion deblurring using fluttered
    shutter", ACM Transactions on Graphics 25 (2006).

    Examples
    --------
    >>> import unsmear
    >>> unsmear.Coded(4, 0, "1001").kernel().round(2)[2]
    array([0.25, 0.25, 0.  , 0.25, 0.25])
    """

    length: float
    angle: float = 0.0
    code: str = RASKAR

    def __post_init__(self) -> None:
        if not 0 <= self.length <= LONGEST:
            raise KernelError(f"length must be 0 to {LONGEST:g} pixels, got {self.length}.")
        if not math.isfinite(self.angle):
            raise KernelError(f"angle must be finite degrees, got {self.angle}.")
        check_code(self.code)

    def kernel(self) -> Kernel:
        """Return the sum over the path's points, each shared bilinearly by four pixels."""
        steps = len(self.code)
        each = max(1, math.ceil(DENSITY * self.length / steps))
        place = (np.arange(steps * each) + 0.5) / (steps * each)
        light = np.repeat([float(step) for step in self.code], each)
        place, light = place[light > 0], light[light > 0]
        along = self.length * (place - place.mean())
        turn = math.radians(self.angle)
        return points_kernel(along * math.cos(turn), along * -math.sin(turn), light)


def check_code(code: str) -> str:
    """Return a code of an exposure; raises KernelError for what is none."""
    if not isinstance(code, str):
        raise KernelError(f"a code of an exposure must be digits as a text, got {shown(code)}.")
    if len(code) > MOST or set(code) - {"0", "1"} or code[:1] != "1" or code[-1:] != "1":
        raise KernelError(
            f"a code of an exposure must be up to {MOST} digits 1 (open) and 0 (closed) that begin "
            f"and end with 1, got {code[:60]!r}."
        )
    return code
