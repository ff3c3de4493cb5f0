"""How good the best of some trials is, over all orders in which the trials may have come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Pool:
    """Scores of finished trials, of which a search takes some; all its sums are exact.

    replaced: whether a search draws each trial anew from all of them, as random search does (a
    bootstrap); otherwise it comes to each trial once, as on a grid in random order.
    """

    scores: Sequence[float]
    replaced: bool

    def mean(self, trials: int) -> float:
        """Return the mean best score of a search of so many trials."""
        return float(np.sum(np.sort(self.scores) * np.diff(self._reached(trials), prepend=0.0)))

    def quantile(self, trials: int, share: float) -> float:
        """Return the score that the best stays at or below in a share of the searches."""
        enough = self._reached(trials) >= share - 1e-12
        return float(np.sort(self.scores)[int(np.argmax(enough))])

    def _reached(self, trials: int) -> NDArray[np.float64]:
        """Return the share of searches whose best is at most the n-th smallest score, for all n."""
        count = len(self.scores)
        if self.replaced:
            return (np.arange(1, count + 1) / count) ** trials
        return np.array([comb(n, trials) / comb(count, trials) for n in range(1, count + 1)])
