"""Paired tests of two restorers on the same images: cluster permutation test and McNemar.

The main test is the cluster permutation test: it exchanges the predictions of the two restorers in
whole groups (clusters). If both were equally good, the exchange would not matter. The exact McNemar
test over (image, label) decisions is reported too because it is widely known, but it assumes
independent decisions. Decisions of one image, or of several blurs of one image, are not
independent, so its p is too small. `p_decisions` is the same test by whole groups.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from unsmear.metrics import bootstrap
from unsmear.metrics import classification as metric
from unsmear.metrics.bootstrap import RESAMPLES, Interval
from unsmear.metrics.classification import AVERAGES
from unsmear.recovery.analysis.aligned import Aligned
from unsmear.recovery.analysis.contrasts import NEAR, sum_all
from unsmear.recovery.analysis.summary import F1S

Array = NDArray[np.float64]

EXACT = 10
"""Number of groups up to which all permutations are tried instead of random ones."""
EXCHANGES = 9_999
"""Number of random permutations: the smallest p is 1 in 10 000, which Holm's adjustment multiplies
by the number of comparisons, 231 for 20 restorers."""


@dataclass(frozen=True)
class Comparison:
    """Comparison of two restorers on the same images.

    difference: F1 of `one` minus F1 of `other`, by the names in `summary.F1S`, with bootstrap
    intervals. p_bootstrap, p_exchange: two-sided, of cluster bootstrap and cluster permutation.
    p_adjusted: p_exchange after Holm, over all comparisons made together.
    only_one, only_other: (image, label) decisions that only one of both has right. p_mcnemar: exact
    McNemar of these two numbers, which assumes independent decisions; p_decisions: the exact test
    by permutation of groups. Numbers that a single group cannot give are NaN.
    """

    one: str
    other: str
    difference: dict[str, Interval]
    p_bootstrap: dict[str, float]
    p_exchange: dict[str, float]
    p_adjusted: dict[str, float]
    only_one: int
    only_other: int
    p_mcnemar: float
    p_decisions: float


@dataclass(frozen=True, eq=False)
class _Drawn:
    """One restorer: its counts (3, L), F1s (3, draw), counts (exchange, 3, L) that move."""

    whole: Array
    drawn: Array
    moving: Array
    right: NDArray[np.bool_]


def compare(
    aligned: Aligned,
    pairs: Sequence[tuple[str, str]] | None = None,
    seed: int = 0,
    resamples: int = RESAMPLES,
    exchanges: int = EXCHANGES,
) -> list[Comparison]:
    """Return the comparison of each pair of restorers; None for all pairs, sharp and blurred too.

    resamples: bootstrap resamples, the same draws as in `summary.summarise`. exchanges: number of
    random permutations; with up to ten groups all permutations are tried instead.
    """
    index, groups = bootstrap.index_groups(aligned.groups)
    draws, sums = sum_all(aligned, seed, resamples)
    swaps = draw_exchanges(groups, seed, exchanges)
    pairs = list(combinations(aligned.predicted, 2)) if pairs is None else list(pairs)
    drawn = {
        name: _Drawn(
            whole=sums[name].sum(axis=0),
            drawn=_f1(bootstrap.total(draws, sums[name])),
            moving=bootstrap.total(swaps, sums[name]),
            right=aligned.predicted[name] == aligned.truth,
        )
        for name in dict.fromkeys(name for pair in pairs for name in pair)
    }
    every = groups <= EXACT
    return adjust([_compare(first, second, drawn, index, every) for first, second in pairs])


def draw_exchanges(groups: int, seed: int, exchanges: int = EXCHANGES) -> Array:
    """Return (exchange, group): 1 where the predictions of a group are exchanged.

    All permutations for up to ten groups, else random ones.
    """
    if groups <= EXACT:
        numbers = np.arange(2**groups)[:, np.newaxis]
        return np.asarray((numbers >> np.arange(groups)) & 1, np.float64)
    generator = np.random.default_rng([seed, 1])  # not the bootstrap's
    return generator.integers(0, 2, (exchanges, groups)).astype(np.float64)


def sign_flip(differences: NDArray[np.int64]) -> float:
    """Return the exact two-sided p of a sign-flip test of `differences` (group,).

    The share of all ways to choose the signs whose sum is as far from 0. With every difference 1 or
    -1 it is the exact McNemar (sign) test.
    """
    sizes = np.abs(differences[differences != 0])
    total = int(sizes.sum())
    # Of the sum of those counted as positive: sizes are whole, so that it is a short table.
    chances = np.zeros(total + 1)
    chances[0] = 1.0
    for size in sizes:
        chances /= 2
        chances[size:] += chances[:-size].copy()
    sums = 2 * np.arange(total + 1) - total
    return float(min(1.0, chances[np.abs(sums) >= abs(int(differences.sum()))].sum()))


def mcnemar(only_one: int, only_other: int) -> float:
    """Return the exact two-sided p of McNemar's test, 1 where both counts are 0."""
    if only_one + only_other == 0:
        return 1.0
    return float(stats.binomtest(only_one, only_one + only_other, 0.5).pvalue)


def holm(values: Sequence[float]) -> list[float]:
    """Return p values adjusted for their number (Holm 1979); NaN stays and is not counted."""
    p = np.asarray(values, np.float64)
    defined = np.flatnonzero(~np.isnan(p))
    order = defined[np.argsort(p[defined], kind="stable")]
    steps = p[order] * np.arange(len(order), 0, -1)
    adjusted = p.copy()
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(steps))
    return [float(value) for value in adjusted]


def adjust(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """Return comparisons with `p_adjusted` over all of them, for each F1 by itself."""
    adjusted = {
        name: holm([comparison.p_exchange[name] for comparison in comparisons]) for name in F1S
    }
    return [
        replace(comparison, p_adjusted={name: adjusted[name][at] for name in F1S})
        for at, comparison in enumerate(comparisons)
    ]


def _compare(
    first_name: str,
    second_name: str,
    drawn: Mapping[str, _Drawn],
    index: NDArray[np.intp],
    every: bool,
) -> Comparison:
    first, second = drawn[first_name], drawn[second_name]
    difference = _f1(first.whole) - _f1(second.whole)
    draws = first.drawn - second.drawn
    moved = second.moving - first.moving
    exchanged = _f1(first.whole + moved) - _f1(second.whole - moved)
    only = [(first.right & ~second.right), (second.right & ~first.right)]
    counts = [int(part.sum()) for part in only]
    by_image = (only[0].sum(axis=1) - only[1].sum(axis=1)).astype(np.float64)[:, np.newaxis]
    groups = int(index.max()) + 1
    by_group = bootstrap.sum_by_group(by_image, index, groups)[:, 0]
    tested = groups > 1
    return Comparison(
        first_name,
        second_name,
        difference={
            name: bootstrap.interval(float(difference[at]), draws[at])
            for at, name in enumerate(F1S)
        },
        p_bootstrap={name: bootstrap.p_value(draws[at]) for at, name in enumerate(F1S)},
        p_exchange={
            name: _share(difference[at], exchanged[at], every) if tested else float("nan")
            for at, name in enumerate(F1S)
        },
        p_adjusted={},
        only_one=counts[0],
        only_other=counts[1],
        p_mcnemar=mcnemar(*counts),
        p_decisions=sign_flip(by_group.astype(np.int64)) if tested else float("nan"),
    )


def _f1(counts: Array) -> Array:
    """Return (3, ...): the averages of F1 of counts (..., 3, L)."""
    return metric.average(counts)[[AVERAGES.index(name) for name in F1S]]


def _share(difference: float, exchanged: Array, every: bool) -> float:
    """Return the share of permutations with a difference at least as large as the real one.

    With random permutations the real assignment is counted as one of them.
    """
    as_large = (np.abs(exchanged) >= abs(difference) - NEAR).sum()
    return float(as_large / len(exchanged) if every else (as_large + 1) / (len(exchanged) + 1))
