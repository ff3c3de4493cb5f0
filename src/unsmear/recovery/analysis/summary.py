"""Recovery of the classification score that blur has reduced, and the scores behind it.

recovery = (F1 of the restored - F1 of the blurred) / (F1 of the sharp - F1 of the blurred): 1 is as
good as sharp, 0 no better than blurred, below 0 worse. It is defined only where there is a gap: the
whole 95 % interval of sharp - blurred must be above 0.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from unsmear.evaluate.scores import BLURRED, SHARP
from unsmear.metrics import bootstrap
from unsmear.metrics import classification as metric
from unsmear.metrics.bootstrap import RESAMPLES, Interval
from unsmear.metrics.classification import AVERAGES, Scores
from unsmear.recovery.analysis.aligned import Aligned

Array = NDArray[np.float64]

ALL, BLUR, LENGTH = "all", "blur", "length"
"""The kinds of subset: all images, those of one blur by its name, those of one length."""
F1S = ("micro_f1", "macro_f1", "harmonic_f1")
"""Averages of F1 for which a recovery is computed."""
NO_GAP = "no gap to recover: sharp is not above blurred beyond chance"
ONE_GROUP = "a single group gives no interval of the gap"
BINS = 6
"""Number of length ranges, used where there are more than `DIFFERENT` rounded lengths."""
DIFFERENT = 8


@dataclass(frozen=True)
class Recovery:
    """The share of the gap in F1 that a restorer closed, or the reason why it is undefined.

    share: 1 is all of it; its interval holds the gap's own uncertainty. gap: F1 of sharp - blurred.
    """

    gap: Interval
    share: Interval | None = None
    reason: str = ""


@dataclass(frozen=True)
class Line:
    """Scores of one restorer over the images of one subset.

    kind: ALL, BLUR or LENGTH. subset: its name. length: its mean, pixels; None where unknown.
    averages: every one of `metrics.classification.AVERAGES`, with its interval. gain: F1 minus
    that of the blurred images, loss: F1 of the sharp images minus this one, both by the names in
    `F1S`. recovery: by the same names; empty for sharp and blurred, which define it.
    """

    kind: str
    subset: str
    length: float | None
    restorer: str
    images: int
    groups: int
    scores: Scores
    averages: dict[str, Interval]
    gain: dict[str, Interval]
    loss: dict[str, Interval]
    recovery: dict[str, Recovery] = field(default_factory=dict)


@dataclass(frozen=True)
class Subset:
    """A subset of the image pairs, by index."""

    kind: str
    name: str
    chosen: NDArray[np.intp]


def summarise(aligned: Aligned, seed: int = 0, resamples: int = RESAMPLES) -> list[Line]:
    """Return a line for each restorer: over all images first, then by blur, then by length.

    Intervals are percentiles, 2.5 % to 97.5 %, over groups drawn with replacement, the same draws
    for all restorers; there are none where a subset has a single group.
    """
    outcomes = np.stack(
        [metric.outcomes(aligned.truth, predicted) for predicted in aligned.predicted.values()],
        axis=1,
    )
    return [
        line
        for subset in subsets(aligned)
        for line in _summarise_subset(aligned, subset, outcomes, seed, resamples)
    ]


def subsets(aligned: Aligned) -> list[Subset]:
    """Return all pairs, then a subset for each blur, and for each length or range of lengths."""
    blurs, lengths = np.array(aligned.blurs), _by_length(aligned.lengths)
    parts = [Subset(ALL, ALL, np.arange(len(aligned.cases)))]
    for kind, names in ((BLUR, blurs), (LENGTH, lengths)):
        for name in sorted(set(names.tolist()) - {""}, key=natural):
            parts.append(Subset(kind, name, np.flatnonzero(names == name)))
    return parts


def recover(f1: Array, drawn: Array) -> Recovery:
    """Return the share of the gap that a restorer closed.

    f1: (3,), of its images, the blurred and the sharp ones. drawn: (3, resample), the same three.

    Draws without a gap count as lying beyond both ends of the interval. Where the gap is
    significant they are fewer than one in forty.
    """
    gap = bootstrap.interval(float(f1[2] - f1[1]), drawn[2] - drawn[1])
    if gap.low is None:
        return Recovery(gap, reason=ONE_GROUP)
    if not gap.above:
        return Recovery(gap, reason=NO_GAP)
    gaps = np.where(drawn[2] > drawn[1], drawn[2] - drawn[1], np.nan)
    share = float((f1[0] - f1[1]) / (f1[2] - f1[1]))
    return Recovery(gap, bootstrap.interval(share, (drawn[0] - drawn[1]) / gaps))


def _summarise_subset(
    aligned: Aligned, subset: Subset, outcomes: Array, seed: int, resamples: int
) -> Iterator[Line]:
    chosen = subset.chosen
    index, groups = bootstrap.index_groups([aligned.groups[case] for case in chosen])
    sums = bootstrap.sum_by_group(outcomes[chosen], index, groups)
    points = metric.average(sums.sum(axis=0))
    drawn = metric.average(bootstrap.total(bootstrap.draw(groups, seed, resamples), sums))
    places = {name: place for place, name in enumerate(aligned.predicted)}
    fixed = (places[BLURRED], places[SHARP])
    for name, place in places.items():
        yield Line(
            kind=subset.kind,
            subset=subset.name,
            length=_mean(aligned.lengths[chosen]),
            restorer=name,
            images=len(chosen),
            groups=groups,
            scores=metric.score(
                aligned.truth[chosen],
                aligned.probabilities[name][chosen],
                aligned.thresholds[chosen],
            ),
            averages={
                average: bootstrap.interval(float(points[at, place]), drawn[at, :, place])
                for at, average in enumerate(AVERAGES)
            },
            gain=_differences(points, drawn, place, fixed[0]),
            loss=_differences(points, drawn, fixed[1], place),
            recovery={} if place in fixed else _recoveries(points, drawn, (place, *fixed)),
        )


def _differences(points: Array, drawn: Array, first: int, second: int) -> dict[str, Interval]:
    """Return the differences of the F1s of two restorers; the draws are shared."""
    return {
        name: bootstrap.interval(
            float(points[at, first] - points[at, second]),
            drawn[at, :, first] - drawn[at, :, second],
        )
        for at, name in _f1s()
    }


def _recoveries(points: Array, drawn: Array, places: Sequence[int]) -> dict[str, Recovery]:
    """Return the recoveries of the restorer in the first of `places`; blurred, sharp follow."""
    chosen = list(places)
    return {name: recover(points[at, chosen], drawn[at][:, chosen].T) for at, name in _f1s()}


def _f1s() -> list[tuple[int, str]]:
    return [(AVERAGES.index(name), name) for name in F1S]


def _by_length(lengths: Array) -> NDArray[np.str_]:
    """Return the name of each pair's length, "10 px" or "4 to 7 px"; "" where it is not known."""
    rounded = np.round(lengths)
    finite = rounded[np.isfinite(rounded)]
    if len(np.unique(finite)) <= DIFFERENT:
        return np.array([f"{length:.0f} px" if np.isfinite(length) else "" for length in rounded])
    edges = np.unique(np.quantile(finite, np.linspace(0, 1, BINS + 1), method="lower"))
    place = np.clip(np.searchsorted(edges, rounded, side="right") - 1, 0, len(edges) - 2)
    names = [_range(finite, edges, at) for at in range(len(edges) - 1)]
    return np.array(
        [
            names[at] if np.isfinite(length) else ""
            for at, length in zip(place, rounded, strict=True)
        ]
    )


def _range(finite: Array, edges: Array, place: int) -> str:
    """Return a range by the lengths that are in it: no length seems to be in two."""
    last = place == len(edges) - 2
    inside = (finite >= edges[place]) & ((finite < edges[place + 1]) | last)
    return f"{finite[inside].min():.0f} to {finite[inside].max():.0f} px"


def _mean(lengths: Array) -> float | None:
    mean = float(np.mean(lengths))
    return mean if np.isfinite(mean) else None


def natural(text: str) -> list[tuple[int, str]]:
    """Return a key by which "motion 6 px" comes before "motion 10 px"."""
    parts = re.split(r"(\d+)", text)
    return [(int(part), "") if part.isdigit() else (0, part) for part in parts]
