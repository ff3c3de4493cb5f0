"""Restorers that score above the sharp images or below the blurred images.

Scores above the sharp images are a warning. A restored image cannot hold more than the sharp one,
so additional labels are invented structures (false positives), borderline decisions of the
classifier, or chance; the interval shows which are chance.

Scores below the blurred images are harm, even if only one label is affected: a mean over many
labels hides one that was erased or added everywhere.

All differences are between two restorers on the same images, with confidence intervals.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unsmear.evaluate.scores import BLURRED, SHARP
from unsmear.metrics import bootstrap
from unsmear.metrics import classification as metric
from unsmear.metrics.bootstrap import RESAMPLES, Interval
from unsmear.metrics.classification import AVERAGES
from unsmear.recovery.analysis.aligned import Aligned
from unsmear.recovery.analysis.summary import F1S

Array = NDArray[np.float64]

WATCHED = ("micro_recall", "macro_recall", "micro_f1", "macro_f1", "harmonic_f1")
NAMED = 5
"""Number of images that a warning names; the tables name all."""


@dataclass(frozen=True)
class LabelAbove:
    """A label whose recall or F1 is higher in the restored images than in the sharp images.

    recall, f1: restored minus sharp. The rest are names of images by how the two predictions
    differ. right: true positives of the restored image only; wrong: false positives of the restored
    image only; dropped: false positives of the sharp image only.
    """

    label: str
    recall: Interval
    f1: Interval
    right: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()

    @property
    def sure(self) -> bool:
        """Whether the interval of the difference in recall or F1 is above 0."""
        return self.recall.above or self.f1.above


@dataclass(frozen=True)
class Above:
    """A restorer that scores above the sharp images.

    averages: differences to the sharp images, for the averages of `WATCHED` that are higher.
    labels: every label that is higher where an average is; else those whose interval excludes 0.
    """

    restorer: str
    averages: dict[str, Interval]
    labels: tuple[LabelAbove, ...]

    @property
    def sure(self) -> bool:
        """Whether the interval of any difference to sharp is above 0."""
        averages = any(interval.above for interval in self.averages.values())
        return averages or any(label.sure for label in self.labels)


def find_above(aligned: Aligned, seed: int = 0, resamples: int = RESAMPLES) -> list[Above]:
    """Return every restorer, and the blurred images, where they are above the sharp images.

    Either an average of `WATCHED` is higher at all, or the interval of a single label's recall or
    F1 excludes 0: a restorer that adds one label everywhere need not raise any average. Expect one
    in forty of the single labels by chance.
    """
    draws, sums = sum_all(aligned, seed, resamples)
    sharp = sums.pop(SHARP)
    candidates = [_above(aligned, name, draws, restored, sharp) for name, restored in sums.items()]
    return [candidate for candidate in candidates if candidate.averages or candidate.labels]


def describe(above: Above) -> str:
    """Return a warning in sentences: by how much, which labels, which images."""
    averages = [
        f"{name.replace('_', ' ')} {in_words(rise)}" for name, rise in above.averages.items()
    ]
    what = f"in {', '.join(averages)}" if averages else "in single labels"
    chance = "" if above.sure else ", within chance"
    labels = [_describe_label(label) for label in above.labels]
    return " ".join([f"{above.restorer} is above the sharp images {what}{chance}.", *labels])


def _above(aligned: Aligned, name: str, draws: Array, restored: Array, sharp: Array) -> Above:
    by_average = dict(zip(AVERAGES, differ(metric.average, draws, restored, sharp), strict=True))
    averages = {entry: by_average[entry] for entry in WATCHED if by_average[entry].value > NEAR}
    by_label = differ(recall_and_f1, draws, restored, sharp)
    count = len(aligned.labels)
    labels = [
        _label(aligned, name, at, by_label[at], by_label[count + at])
        for at in range(count)
        if max(by_label[at].value, by_label[count + at].value) > NEAR
    ]
    return Above(name, averages, tuple(entry for entry in labels if averages or entry.sure))


def _label(aligned: Aligned, name: str, at: int, recall: Interval, f1: Interval) -> LabelAbove:
    restored, sharp, truth = (
        of[:, at] for of in (aligned.predicted[name], aligned.predicted[SHARP], aligned.truth)
    )
    changed = (restored & ~sharp & truth, restored & ~sharp & ~truth, sharp & ~restored & ~truth)
    right, wrong, dropped = (
        tuple(aligned.cases[case] for case in np.flatnonzero(part)) for part in changed
    )
    return LabelAbove(aligned.labels[at], recall, f1, right, wrong, dropped)


def _describe_label(label: LabelAbove) -> str:
    rises = [
        f"{name} {rise.value:+.3f}"
        for name, rise in (("recall", label.recall), ("F1", label.f1))
        if rise.value > 0
    ]
    kinds = (
        ("true positive", label.right),
        ("false positive", label.wrong),
        ("true negative", label.dropped),
    )
    parts = [f"{kind} in {_images(cases)}" for kind, cases in kinds if cases]
    where = f"; other than in the sharp image {', '.join(parts)}" if parts else ""
    return f"{label.label}: {' and '.join(rises)}{'' if label.sure else ', within chance'}{where}."


def _images(cases: Sequence[str]) -> str:
    images = f"{len(cases)} image{'s' if len(cases) > 1 else ''}"
    more = ", ..." if len(cases) > NAMED else ""
    return f"{images} ({', '.join(cases[:NAMED])}{more})"


@dataclass(frozen=True)
class Below:
    """A restorer that scores below the blurred images.

    averages: differences to the blurred images, for the averages of `summary.F1S` that are lower.
    labels: difference of F1 for every label whose interval is below 0.
    """

    restorer: str
    averages: dict[str, Interval]
    labels: dict[str, Interval]

    @property
    def sure(self) -> bool:
        """Whether the interval of any difference to blurred is below 0."""
        return bool(self.labels) or any(interval.below for interval in self.averages.values())


def find_below(aligned: Aligned, seed: int = 0, resamples: int = RESAMPLES) -> list[Below]:
    """Return every restorer whose F1, or that of a single label, is below the blurred images'.

    An average is named if it is lower at all, a label only if its interval excludes 0. Expect one
    in forty of the single labels by chance.
    """
    draws, sums = sum_all(aligned, seed, resamples)
    blurred = sums[BLURRED]
    names = [name for name in sums if name not in (SHARP, BLURRED)]
    candidates = [_below(aligned, name, draws, sums[name], blurred) for name in names]
    return [candidate for candidate in candidates if candidate.averages or candidate.labels]


def describe_below(below: Below) -> str:
    """Return a warning in sentences: by how much, in which averages and labels."""
    chance = "" if any(fall.below for fall in below.averages.values()) else ", within chance"
    text = []
    if below.averages:
        averages = ", ".join(
            f"{name.replace('_', ' ')} {in_words(fall)}" for name, fall in below.averages.items()
        )
        text.append(f"{below.restorer} is below the blurred images in {averages}{chance}.")
    if below.labels:
        labels = ", ".join(f"{label} {in_words(fall)}" for label, fall in below.labels.items())
        text.append(f"{below.restorer} is below the blurred images in F1 of {labels}.")
    return " ".join(text)


def _below(aligned: Aligned, name: str, draws: Array, restored: Array, blurred: Array) -> Below:
    by_average = dict(zip(AVERAGES, differ(metric.average, draws, restored, blurred), strict=True))
    f1 = differ(recall_and_f1, draws, restored, blurred)[len(aligned.labels) :]
    return Below(
        name,
        averages={key: by_average[key] for key in F1S if by_average[key].value < -NEAR},
        labels={label: key for label, key in zip(aligned.labels, f1, strict=True) if key.below},
    )


NEAR = 1e-12
"""Differences of F1 smaller than this count as rounding errors."""


def sum_all(
    aligned: Aligned, seed: int = 0, resamples: int = RESAMPLES
) -> tuple[Array, dict[str, Array]]:
    """Return the draws of groups and the counts (group, 3, L) of every restorer."""
    index, groups = bootstrap.index_groups(aligned.groups)
    sums = {
        name: bootstrap.sum_by_group(metric.outcomes(aligned.truth, predicted), index, groups)
        for name, predicted in aligned.predicted.items()
    }
    return bootstrap.draw(groups, seed, resamples), sums


def differ(
    measure: Callable[[Array], Array], draws: Array, first: Array, second: Array
) -> list[Interval]:
    """Return the differences of a measure between two arrays of counts (group, 3, L).

    measure: returns (M, ...) of counts (..., 3, L).
    """
    values = measure(first.sum(axis=0)) - measure(second.sum(axis=0))
    drawn = measure(bootstrap.total(draws, first)) - measure(bootstrap.total(draws, second))
    return [
        bootstrap.interval(float(value), draw) for value, draw in zip(values, drawn, strict=True)
    ]


def recall_and_f1(counts: Array) -> Array:
    """Return (2 L, ...) of counts (..., 3, L): the recall of every label, then the F1."""
    recall, f1 = np.moveaxis(metric.ratios(counts)[1:], -1, 1)
    return np.concatenate([recall, f1])


def in_words(difference: Interval) -> str:
    """Return a difference as text, with sign and interval."""
    if difference.low is None or difference.high is None:
        return f"{difference.value:+.3f}"
    return f"{difference.value:+.3f} [{difference.low:+.3f}, {difference.high:+.3f}]"
