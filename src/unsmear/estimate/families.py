"""The blurs of few parameters that a likelihood is fitted with: straight movements and discs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from unsmear.blur import Defocus, Motion
from unsmear.blur.kernel import Kernel

Values = tuple[float, ...]
SHORTEST = 1.0
"""Pixels; a fit that shrinks below it has found nothing."""
SHARE = 3
"""Of a window's shorter side that a movement may be long."""


@dataclass(frozen=True)
class Family:
    """Kernels by their parameters.

    small: differences by which slopes are measured. reach: the longest step, as a share of the
    value where it is below 1. lowest, highest: bounds of each value. turns: whether the last value
    is an angle, told in [0, 180).
    """

    kernel: Callable[[Values], Kernel]
    small: Values = ()
    reach: Values = ()
    lowest: Values = ()
    highest: Values = ()
    turns: bool = False

    def bounded(self, values: Values) -> Values:
        """Return the values, each within its bounds."""
        return tuple(map(float, np.clip(values, self.lowest, self.highest)))

    def moved(self, values: Values, change: np.ndarray) -> Values:
        """Return the values after a step, which is cut to the reach."""
        reach = [r * v if r < 1 else r for r, v in zip(self.reach, values, strict=True)]
        return self.bounded(tuple(values + np.clip(change, np.negative(reach), reach)))

    def told(self, values: Values) -> Values:
        """Return the values as they are told."""
        return (*values[:-1], values[-1] % 180) if self.turns else values

    def up_to(self, longest: float) -> Family:
        """Return the same family with another bound of its first value."""
        return replace(self, highest=(longest, *self.highest[1:]))


STILL = Family(lambda _: np.ones((1, 1)))

STRAIGHT = Family(
    kernel=lambda values: Motion(values[0], values[1]).kernel(),
    small=(0.02, 0.1),
    reach=(0.1, 6.0),
    lowest=(SHORTEST, -np.inf),
    highest=(np.inf, np.inf),
    turns=True,
)
"""Length and angle, pixels and degrees."""

DISC = Family(
    kernel=lambda values: Defocus(values[0]).kernel(),
    small=(0.02,),
    reach=(0.15,),
    lowest=(0.6,),
    highest=(20.0,),
)
"""The radius of a disc, pixels."""
