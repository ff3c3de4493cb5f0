"""A motion that changes linearly across the field, as where a stage gains speed between lines."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from unsmear.blur import Motion

STEP = 0.5
"""Change of a drifting motion between the places that have kernels of their own, pixels."""
MOST = 24
"""Largest number of kernels of a drift."""


@dataclass(frozen=True)
class Drift:
    """A linear motion whose length and angle change linearly across a field, along one axis.

    down: whether it changes from row to row, or from column to column. first, last: the motion at
    the first and the last row or column.
    """

    down: bool
    first: Motion
    last: Motion

    def at(self, place: float) -> Motion:
        """Return the motion at a place; 0 is the first row or column, and 1 the last."""
        length, angle = (
            begin + place * (end - begin)
            for begin, end in (
                (self.first.length, self.last.length),
                (self.first.angle, self.last.angle),
            )
        )
        return Motion(length, angle)

    @property
    def change(self) -> float:
        """Distance between the ends of the first and of the last motion, about, pixels."""
        turn = np.deg2rad(self.last.angle - self.first.angle)
        longest = max(self.first.length, self.last.length)
        return float(np.hypot(self.last.length - self.first.length, turn * longest))

    def nodes(self) -> list[tuple[float, Motion]]:
        """Return places and their motions, so many that from one to the next little changes."""
        count = int(np.clip(np.ceil(self.change / STEP) + 1, 2, MOST))
        return [(float(place), self.at(float(place))) for place in np.linspace(0, 1, count)]
