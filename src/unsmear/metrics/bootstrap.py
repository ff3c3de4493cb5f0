"""Cluster bootstrap: confidence intervals from groups drawn with replacement.

Images of one group (cluster), such as several blurs of one sharp image or several cells of one
field, are not independent, so whole groups are drawn. Sums over images are computed by group once;
a draw then only multiplies these sums by how often each group was drawn. All restorers share the
same draws, so the interval of a difference is paired.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import starmap

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Index = NDArray[np.intp]

RESAMPLES = 2_000
SHARE = 0.95
"""Coverage of an interval as a fraction of the draws."""
CHUNK = 2**21
"""Number of array elements of draws that are in memory at a time."""


@dataclass(frozen=True)
class Interval:
    """A value and the ends of its 95 % bootstrap interval; None where there is a single group."""

    value: float
    low: float | None = None
    high: float | None = None

    @property
    def above(self) -> bool:
        """Whether the whole interval is above 0; never without one."""
        return self.low is not None and self.low > 0

    @property
    def below(self) -> bool:
        """Whether the whole interval is below 0; never without one."""
        return self.high is not None and self.high < 0


def index_groups(groups: Sequence[str]) -> tuple[Index, int]:
    """Return each image's group as a number from 0, and how many groups there are."""
    names, index = np.unique(np.asarray(groups), return_inverse=True)
    return index, len(names)


def sum_by_group(values: Array, index: Index, count: int) -> Array:
    """Return (group, ...): the sums of `values` (image, ...) over each group's images."""
    sums = np.zeros((count, *values.shape[1:]))
    np.add.at(sums, index, values)
    return sums


def draw(count: int, seed: int, resamples: int = RESAMPLES) -> Array:
    """Return (resample, group): how often each of `count` groups is in a draw of as many.

    A single group gives no draws, (0, 1): its variation between groups is unknown.
    """
    return np.concatenate([np.zeros((0, count)), *_draws(count, seed, resamples)])


def _draws(count: int, seed: int, resamples: int) -> Iterator[Array]:
    """Yield the same draws in batches, to limit memory with many groups."""
    if count < 2:
        return
    generator = np.random.default_rng(seed)
    step = max(1, CHUNK // count)
    for start in range(0, resamples, step):
        size = min(step, resamples - start)
        yield generator.multinomial(count, np.full(count, 1 / count), size).astype(np.float64)


def total(draws: Array, sums: Array) -> Array:
    """Return (resample, ...): the sums (group, ...) over the groups of each draw."""
    flat = draws @ sums.reshape(len(sums), -1)
    return np.asarray(flat.reshape(len(draws), *sums.shape[1:]))


def interval(value: float, drawn: Array) -> Interval:
    """Return a value with its interval from `drawn` (resample,), which may be empty.

    NaN draws count as lying beyond both ends: they can only widen the interval.
    """
    if drawn.size == 0:
        return Interval(value)
    unknown = np.isnan(drawn)
    at_low, at_high = _places(len(drawn))
    low = np.sort(np.where(unknown, -np.inf, drawn))[at_low]
    high = np.sort(np.where(unknown, np.inf, drawn))[at_high]
    return Interval(value, float(low), float(high))


def _places(resamples: int) -> tuple[int, int]:
    """Return the indices of the interval ends among the sorted draws.

    Order statistics, because infinite draws cannot be interpolated.
    """
    outer = (1 - SHARE) / 2 * resamples
    return int(outer), int(np.ceil(resamples - outer)) - 1


def mean_intervals(
    values: Array, groups: Sequence[str], seed: int, resamples: int = RESAMPLES
) -> list[Interval]:
    """Return the mean of each column with its interval; none where there is a single group.

    values: (image, column), finite or infinite; an infinite one makes its column's mean infinite,
    minus infinity where there are both. groups: an image's group.
    """
    means = _means(_parts(values).sum(axis=0)[None])[0]
    if len(set(groups)) < 2:
        return [Interval(float(mean)) for mean in means]
    ends = mean_ends(values, groups, seed, resamples)
    return list(starmap(Interval, zip(means.tolist(), *ends.tolist(), strict=True)))


def mean_ends(values: Array, groups: Sequence[str], seed: int, resamples: int = RESAMPLES) -> Array:
    """Return (2, column): the ends of each column's interval for its mean; see `mean_intervals`.

    groups: at least two different.
    """
    index, count = index_groups(groups)
    sums = sum_by_group(_parts(values), index, count)
    means = np.concatenate([_means(times @ sums) for times in _draws(count, seed, resamples)])
    means.sort(axis=0)
    return np.asarray(means[list(_places(resamples))])


def _parts(values: Array) -> Array:
    """Return the parts of a mean: finite values, each infinity, and image counts; (image, ...)."""
    finite = np.where(np.isfinite(values), values, 0)
    images = np.ones(len(values))
    return np.column_stack([finite, values == np.inf, values == -np.inf, images])


def _means(totals: Array) -> Array:
    """Return (resample, column) from totals of the parts."""
    finite, above, below = np.split(totals[:, :-1], 3, axis=1)
    means = finite / totals[:, -1:]
    means[above > 0] = np.inf
    means[below > 0] = -np.inf
    return np.asarray(means)


def p_value(drawn: Array) -> float:
    """Return the two-sided p of a difference whose draws are `drawn`; NaN without any.

    Twice the share of draws on the rarer side of 0, the difference itself counted among them, so
    that p is never 0.
    """
    if drawn.size == 0:
        return float("nan")
    rarer = min((drawn <= 0).sum(), (drawn >= 0).sum())
    return float(min(1.0, 2 * (rarer + 1) / (len(drawn) + 1)))
