"""Whether a movement was found at all, and how sure that is."""

from __future__ import annotations

import numpy as np

from unsmear.estimate.straight import Search


def decide(search: Search) -> tuple[bool, float]:
    """Return whether there is a movement, and the confidence in that answer."""
    gain = search.still.loss - search.best.loss
    found = gain > 60 and search.best.length > 2.4
    return bool(found), float(1 / (1 + np.exp(-np.clip(abs(gain - 60) / 60, 0, 50))))
