"""Several classifiers on the same images: their agreement, and the order that each gives.

One classifier's table may tell more of the classifier than of the restorers. Kappa says how much
more often classifiers decide alike than by chance (Cohen 1960 for two, Fleiss 1971 for more), and
rank correlation (Kendall's tau-b) whether they put the restorers into the same order.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from unsmear.errors import DataError
from unsmear.evaluate.scores import SHARP
from unsmear.metrics import bootstrap
from unsmear.metrics import classification as metric
from unsmear.metrics.bootstrap import RESAMPLES, Interval
from unsmear.metrics.classification import AVERAGES
from unsmear.recovery.analysis.aligned import Aligned
from unsmear.recovery.analysis.summary import ALL, F1S

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Kappa:
    """Agreement of classifiers in one label, or in all, on the images of one restorer.

    classifiers: their names; Cohen's kappa for two, Fleiss' for more. label: its name, or "all" for
    all decisions together. alike: share of equal decisions, the mean over pairs of classifiers.
    kappa: 1 is full agreement, 0 that of chance; None where all decisions are the same.
    """

    classifiers: tuple[str, ...]
    restorer: str
    label: str
    alike: Interval
    kappa: Interval | None


@dataclass(frozen=True)
class Ranking:
    """The order of the restorers by two classifiers; the sharp images are no part of it.

    average: of F1, one of `summary.F1S`. tau: Kendall's tau-b, 1 for the same order, -1 for the
    reverse; None where one classifier scores all alike. same_best: share of the bootstrap draws in
    which both have the same best restorer; NaN without draws. reversed_pairs: restorers that one
    classifier puts the one way round, beyond chance, and the other classifier the other way.
    """

    average: str
    one: str
    other: str
    tau: Interval | None
    same_best: float
    reversed_pairs: tuple[tuple[str, str], ...]


def agree(
    by_classifier: Mapping[str, Aligned], seed: int = 0, resamples: int = RESAMPLES
) -> list[Kappa]:
    """Return the agreement of all classifiers, then of every two, by restorer and label.

    Intervals are over groups of images, with the same draws for all. Where a draw has no kappa it
    counts as lying beyond both ends. Raises DataError for fewer than two classifiers, or where
    their images, restorers or labels differ.
    """
    first = check(by_classifier)
    index, groups = bootstrap.index_groups(first.groups)
    draws = bootstrap.draw(groups, seed, resamples)
    names = list(by_classifier)
    sets = dict.fromkeys([tuple(names), *combinations(names, 2)])
    return [
        kappa
        for chosen in sets
        for restorer in first.restorers
        for kappa in _agree(
            chosen,
            restorer,
            first.labels,
            bootstrap.sum_by_group(
                _parts([by_classifier[name].predicted[restorer] for name in chosen]), index, groups
            ),
            draws,
        )
    ]


def rank(
    by_classifier: Mapping[str, Aligned], seed: int = 0, resamples: int = RESAMPLES
) -> list[Ranking]:
    """Return how alike every two classifiers order the restorers, by each average of F1.

    Intervals and errors are those of `agree`. A restorer is above another beyond chance where the
    95 % interval of their difference is above 0.
    """
    first = check(by_classifier)
    restorers = [name for name in first.restorers if name != SHARP]
    scores = {
        name: _scores(aligned, restorers, seed, resamples)
        for name, aligned in by_classifier.items()
    }
    return [
        _rank(F1S[at], names, [(point[at], drawn[at]) for point, drawn in pair], restorers)
        for at in range(len(F1S))
        for names, pair in (
            (names, [scores[name] for name in names]) for names in combinations(scores, 2)
        )
    ]


def check(by_classifier: Mapping[str, Aligned]) -> Aligned:
    """Return the first classifier's images; raises DataError for others that differ from them."""
    if len(by_classifier) < 2:
        raise DataError(f"classifiers must be two or more, got {len(by_classifier)}.")
    (name, first), *others = by_classifier.items()
    for other, aligned in others:
        for part in ("cases", "groups", "labels", "restorers"):
            if getattr(first, part) != getattr(aligned, part):
                raise DataError(
                    f"classifiers must have predicted the same {part}, got others of {name} and "
                    f"{other}."
                )
    return first


def tau(first: Array, second: Array) -> Array:
    """Return Kendall's tau-b (...) of scores (..., restorer); NaN where either is constant."""
    one, other = (_signs(values) for values in (first, second))
    size = np.sqrt((one**2).sum(axis=-1) * (other**2).sum(axis=-1))
    return np.where(size > 0, (one * other).sum(axis=-1) / np.where(size > 0, size, 1), np.nan)


def _parts(decisions: Sequence[NDArray[np.bool_]]) -> Array:
    """Return (image, 1 + label, part) that kappa follows from, first for all labels together.

    decisions: (image, label) of each classifier. Parts: pairs of classifiers that decide alike, as
    a share; decisions; positive decisions of each classifier.
    """
    positive = np.stack(decisions, axis=-1).astype(np.float64)
    count = positive.shape[-1]
    votes = positive.sum(axis=-1)
    alike = (votes * (votes - 1) + (count - votes) * (count - votes - 1)) / (count * (count - 1))
    parts = np.concatenate(
        [alike[..., np.newaxis], np.ones_like(alike)[..., np.newaxis], positive], axis=-1
    )
    return np.concatenate([parts.sum(axis=1, keepdims=True), parts], axis=1)


def _agree(
    chosen: tuple[str, ...], restorer: str, labels: tuple[str, ...], sums: Array, draws: Array
) -> Iterator[Kappa]:
    points = _kappa(sums.sum(axis=0))
    drawn = _kappa(bootstrap.total(draws, sums))
    for at, label in enumerate((ALL, *labels)):
        alike, kappa = (float(values[at]) for values in points)
        yield Kappa(
            chosen,
            restorer,
            label,
            bootstrap.interval(alike, drawn[0][:, at]),
            _bounded(kappa, drawn[1][:, at]),
        )


def _kappa(sums: Array) -> tuple[Array, Array]:
    """Return the share of equal decisions and kappa, (...), of sums of `_parts` (..., part).

    By chance two classifiers decide alike as their own shares of positive decisions say (Cohen),
    and more than two as their common share says (Fleiss).
    """
    count = np.maximum(sums[..., 1], 1)
    alike, shares = sums[..., 0] / count, sums[..., 2:] / count[..., np.newaxis]
    if shares.shape[-1] > 2:
        shares = shares.mean(axis=-1, keepdims=True).repeat(2, axis=-1)
    chance = shares.prod(axis=-1) + (1 - shares).prod(axis=-1)
    varied = chance < 1
    return alike, np.where(varied, (alike - chance) / np.where(varied, 1 - chance, 1), np.nan)


def _scores(
    aligned: Aligned, restorers: Sequence[str], seed: int, resamples: int
) -> tuple[Array, Array]:
    """Return F1 (F1S, restorer), and of every draw (F1S, resample, restorer)."""
    index, groups = bootstrap.index_groups(aligned.groups)
    outcomes = np.stack(
        [metric.outcomes(aligned.truth, aligned.predicted[name]) for name in restorers], axis=1
    )
    sums = bootstrap.sum_by_group(outcomes, index, groups)
    drawn = bootstrap.total(bootstrap.draw(groups, seed, resamples), sums)
    rows = [AVERAGES.index(name) for name in F1S]
    return metric.average(sums.sum(axis=0))[rows], metric.average(drawn)[rows]


def _rank(
    average: str,
    names: tuple[str, str],
    scores: Sequence[tuple[Array, Array]],
    restorers: Sequence[str],
) -> Ranking:
    """scores: F1 (restorer,), and of every draw (resample, restorer), of both classifiers."""
    (one, one_drawn), (other, other_drawn) = scores
    value = float(tau(one, other))
    best = one_drawn.argmax(axis=-1) == other_drawn.argmax(axis=-1)
    above = [_above(drawn) for _, drawn in scores]
    reversed_pairs = np.argwhere(above[0] & above[1].T)
    return Ranking(
        average,
        *names,
        _bounded(value, tau(one_drawn, other_drawn)),
        float(best.mean()) if best.size else float("nan"),
        tuple((restorers[first], restorers[second]) for first, second in reversed_pairs.tolist()),
    )


def _bounded(value: float, drawn: Array) -> Interval | None:
    """Return a value from -1 to 1 with its interval; None for NaN."""
    if np.isnan(value):
        return None
    interval = bootstrap.interval(value, drawn)
    if interval.low is None or interval.high is None:
        return interval
    return Interval(value, max(interval.low, -1.0), min(interval.high, 1.0))


def _above(drawn: Array) -> NDArray[np.bool_]:
    """Return (restorer, restorer): whether the first is above the second beyond chance."""
    count = drawn.shape[-1]
    above = np.zeros((count, count), np.bool_)
    for one, other in np.ndindex(count, count):
        above[one, other] = bootstrap.interval(0.0, drawn[:, one] - drawn[:, other]).above
    return above


def _signs(values: Array) -> Array:
    """Return the sign of the difference of every two of (..., restorer)."""
    one, other = np.triu_indices(values.shape[-1], 1)
    return np.sign(values[..., one] - values[..., other])
