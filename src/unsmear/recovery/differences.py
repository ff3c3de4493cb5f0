"""Scores of one restorer less those of another on the same images, with their intervals."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from unsmear.metrics import bootstrap
from unsmear.metrics import classification as metric
from unsmear.metrics.bootstrap import RESAMPLES, Interval
from unsmear.recovery.aligned import Aligned

Array = NDArray[np.float64]

NEAR = 1e-12
"""A difference smaller than this is rounding."""


def sum_all(
    aligned: Aligned, seed: int = 0, resamples: int = RESAMPLES
) -> tuple[Array, dict[str, Array]]:
    """Return the draws of groups and the counts (group, 3, L) of every restorer."""
    index, groups = bootstrap.index_groups(aligned.groups)
    sums = {
        name: bootstrap.sum_by_group(metric.outcomes(aligned.truth, own), index, groups)
        for name, own in aligned.found.items()
    }
    return bootstrap.draw(groups, seed, resamples), sums


def differ(
    measure: Callable[[Array], Array], draws: Array, one: Array, other: Array
) -> list[Interval]:
    """Return each measure of the counts `one` (group, 3, L) less that of `other`.

    measure: returns (M, ...) of counts (..., 3, L).
    """
    values = measure(one.sum(axis=0)) - measure(other.sum(axis=0))
    drawn = measure(bootstrap.total(draws, one)) - measure(bootstrap.total(draws, other))
    return [
        bootstrap.interval(float(value), draw) for value, draw in zip(values, drawn, strict=True)
    ]


def recall_and_f1(counts: Array) -> Array:
    """Return (2 L, ...) of counts (..., 3, L): the recall of every label, then the F1."""
    recall, f1 = np.moveaxis(metric.ratios(counts)[1:], -1, 1)
    return np.concatenate([recall, f1])


def in_words(one: Interval) -> str:
    """Return a difference with its sign and interval."""
    if one.low is None or one.high is None:
        return f"{one.value:+.3f}"
    return f"{one.value:+.3f} [{one.low:+.3f}, {one.high:+.3f}]"
