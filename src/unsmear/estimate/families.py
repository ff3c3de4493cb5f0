"""Families of blur that a spectrum is fitted with: linear motion and discs, by their parameters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from unsmear.blur import Defocus, Motion
from unsmear.blur.kernel import Kernel

Values = tuple[float, ...]
"""Parameters of a blur."""
SHORTEST = 1.0
"""Lower bound of a motion's length, pixels."""
LONGEST_SHARE = 3
"""Ratio of a window's shorter side to the longest motion that is fitted."""


@dataclass(frozen=True)
class Family:
    """Kernels by their parameters.

    differences: of each value, for numerical derivatives. reach: the longest step, as a fraction of
    the value where it is below 1. lowest, highest: bounds of each value. turns: whether the last
    value is an angle, reported in [0, 180).
    """

    kernel: Callable[[Values], Kernel]
    differences: Values = ()
    reach: Values = ()
    lowest: Values = ()
    highest: Values = ()
    turns: bool = False

    def bounded(self, values: Values) -> Values:
        """Return the values, each within its bounds."""
        return tuple(map(float, np.clip(values, self.lowest, self.highest)))

    def moved(self, values: Values, change: np.ndarray) -> Values:
        """Return the values after a step, which is limited to the reach."""
        reach = [r * v if r < 1 else r for r, v in zip(self.reach, values, strict=True)]
        return self.bounded(tuple(values + np.clip(change, np.negative(reach), reach)))

    def reported(self, values: Values) -> Values:
        """Return the values as they are reported."""
        return (*values[:-1], values[-1] % 180) if self.turns else values

    def up_to(self, longest: float) -> Family:
        """Return the same family with another upper bound of its first value."""
        return replace(self, highest=(longest, *self.highest[1:]))


STILL = Family(lambda _: np.ones((1, 1)))
"""No blur, or a blur whose transfer is known."""

LINEAR_MOTION = Family(
    kernel=lambda values: Motion(values[0], values[1]).kernel(),
    differences=(0.02, 0.1),
    reach=(0.1, 6.0),
    lowest=(SHORTEST, -np.inf),
    highest=(np.inf, np.inf),
    turns=True,
)
"""Linear motion by length and angle, pixels and degrees."""

DISC = Family(
    kernel=lambda values: Defocus(values[0]).kernel(),
    differences=(0.02,),
    reach=(0.15,),
    lowest=(0.6,),
    highest=(20.0,),
)
"""Defocus by the radius of its disc, pixels."""
