"""Losses between restored and sharp images, each a scalar from two batches.

Every loss is `f(restored, sharp)`; both are (batch, channel, y, x) in normalised intensity, black 0
and full scale 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING

from unsmear.errors import OptionError

if TYPE_CHECKING:
    from torch import Tensor

    Loss = Callable[[Tensor, Tensor], Tensor]
    Losses = Callable[[Tensor, Tensor], dict[str, Tensor]]

TERMS: tuple[str, ...] = ("l1", "l2", "charbonnier", "ssim", "frequency", "perceptual")
"""Names of the terms that a loss can have."""


def build(weights: Mapping[str, float], perceptual: Loss | None = None) -> Losses:
    """Return a function from (restored, sharp) to the values of all terms and their sum.

    weights: by the names of `TERMS`; a term of weight 0 is not computed.
    perceptual: the term "perceptual", such as `losses.perceptual.Perceptual`.

    The function returns each term unweighted, and under "loss" the sum of weight x term.

    Raises OptionError for an unknown name, for a weight below 0, where no weight is above 0, and
    for the term "perceptual" without `perceptual`.
    """
    for name, weight in weights.items():
        _check(name, weight)
    positive = {name: weight for name, weight in weights.items() if weight > 0}
    if not positive:
        raise OptionError(f"a loss must have a term with a weight above 0: {', '.join(TERMS)}.")
    terms = {name: _term(name, perceptual) for name in positive}

    def losses(restored: Tensor, sharp: Tensor) -> dict[str, Tensor]:
        values = {name: term(restored, sharp) for name, term in terms.items()}
        weighted = [positive[name] * value for name, value in values.items()]
        return values | {"loss": sum(weighted[1:], weighted[0])}

    return losses


def _check(name: str, weight: float) -> None:
    if name not in TERMS:
        similar = get_close_matches(name, TERMS, n=1)
        suggestion = f" (did you mean {similar[0]}?)" if similar else ""
        raise OptionError(f"a loss must be one of {', '.join(TERMS)}, got {name!r}{suggestion}.")
    if not (math.isfinite(weight) and weight >= 0):
        raise OptionError(f"the weight of {name} must be 0 or more and finite, got {weight}.")


def _term(name: str, perceptual: Loss | None) -> Loss:
    from unsmear.losses import pixel

    if name != "perceptual":
        term: Loss = getattr(pixel, name)
        return term
    if perceptual is None:
        raise OptionError(
            "perceptual must be a loss such as losses.perceptual.Perceptual(), got None."
        )
    return perceptual
