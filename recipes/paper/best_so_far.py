"""How good the best of some trials is, over all orders in which finished trials may have come."""

from __future__ import annotations

from collections.abc import Sequence
from math import comb

import numpy as np
from numpy.typing import NDArray


def mean(scores: Sequence[float], trials: int) -> float:
    """Return the mean, over all choices of so many of the trials, of the best score among them.

    Exact, without drawing. Of scores that were drawn independently it is the unbiased estimate of
    what a search of so many trials finds.
    """
    return float(np.sum(np.sort(scores) * np.diff(_below(len(scores), trials), prepend=0.0)))


def quantile(scores: Sequence[float], trials: int, share: float) -> float:
    """Return the score that the best of so many trials stays at or below in a share of choices."""
    reached = _below(len(scores), trials) >= share - 1e-12
    return float(np.sort(scores)[int(np.argmax(reached))])


def share_above(scores: Sequence[float], trials: int, score: float) -> float:
    """Return the share of choices of so many trials whose best one is above a score."""
    lower = sum(value <= score for value in scores)
    return 1 - comb(lower, trials) / comb(len(scores), trials)


def _below(count: int, trials: int) -> NDArray[np.float64]:
    """Return the share of choices whose best is at most the n-th smallest score, for every n."""
    ways = [comb(number, trials) / comb(count, trials) for number in range(1, count + 1)]
    return np.array(ways)
