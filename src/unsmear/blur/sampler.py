"""Random sampling of blurs of one family."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from unsmear.blur.families import from_dict
from unsmear.blur.kernel import Blur
from unsmear.errors import OptionError

Draw = float | tuple[float, float] | list[float]
"""A fixed value, a (low, high) range, or a list of values; ranges and lists are drawn uniformly."""


@dataclass(frozen=True)
class Sampler:
    """Draws blurs of one family.

    family: a name in `FAMILIES`.
    parameters: how to draw the family's parameters; those left out keep their defaults, but the
    seed of a trajectory is drawn.
    """

    family: str = "motion"
    parameters: Mapping[str, Draw] = field(
        default_factory=lambda: {"length": (4.0, 20.0), "angle": (0.0, 180.0)}
    )

    def __post_init__(self) -> None:
        for name, draw in self.parameters.items():
            if isinstance(draw, tuple) and draw[0] > draw[1]:
                raise OptionError(f"{name} must be drawn from low to high, got {draw}.")
            if isinstance(draw, list) and not draw:
                raise OptionError(f"{name} must be drawn from at least one value, got none.")
        self.draw(np.random.default_rng(0))  # raises the family's errors

    def draw(self, generator: np.random.Generator) -> Blur:
        """Return a blur drawn with `generator`; its parameters are drawn in their order."""
        values: dict[str, Any] = {name: _draw(d, generator) for name, d in self.parameters.items()}
        if self.family == "trajectory" and "seed" not in values:
            values["seed"] = int(generator.integers(2**31))
        return from_dict({"family": self.family} | values)


def _draw(draw: Draw, generator: np.random.Generator) -> float:
    if isinstance(draw, tuple):
        return float(generator.uniform(*draw))
    if isinstance(draw, list):
        return draw[int(generator.integers(len(draw)))]
    return draw
