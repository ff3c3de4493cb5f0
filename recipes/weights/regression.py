"""Logistic regressions of being right, each close to a prior where there are few cases."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

Array = NDArray[np.float64]


def logistic(terms: Array, right: Array, prior: Array, strength: float = 1.0) -> Array:
    """Return the weights of a logistic regression.

    terms: (case, term). right: (case,), 0 or 1. prior: (term,), the weights without any case.
    strength: of the L2 regularisation towards them.
    """
    inputs, target, before = (torch.tensor(values) for values in (terms, right, prior))
    weight = before.clone().requires_grad_()

    def cost() -> torch.Tensor:
        entropy = torch.nn.functional.binary_cross_entropy_with_logits(
            inputs @ weight, target, reduction="sum"
        )
        return entropy + strength * (weight - before).square().sum()

    minimise(cost, [weight])
    return weight.detach().numpy()


def minimise(cost: Callable[[], torch.Tensor], over: list[torch.Tensor]) -> None:
    """Change tensors in place until a cost is lowest."""
    optimiser = torch.optim.LBFGS(over, max_iter=300, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimiser.zero_grad()
        value: torch.Tensor = cost()
        value.backward()  # type: ignore[no-untyped-call]
        return value

    optimiser.step(closure)  # type: ignore[no-untyped-call]
