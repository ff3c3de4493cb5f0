"""Where a restorer is above the sharp images: a warning, not a triumph.

A restored image cannot show what the sharp one does not. If more labels are found in it, they were
painted, or shown to a classifier that was unsure; or it is chance, which the interval tells.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unsmear.evaluate.rows import SHARP
from unsmear.metrics import labels as metric
from unsmear.metrics.labels import AVERAGES
from unsmear.recovery import bootstrap
from unsmear.recovery.aligned import Aligned
from unsmear.recovery.bootstrap import RESAMPLES, Interval

Array = NDArray[np.float64]

WATCHED = ("micro_recall", "macro_recall", "micro_f1", "macro_f1", "harmonic_f1")
NEAR = 1e-12
"""A rise smaller than this is rounding."""
NAMED = 5
"""Images named in a sentence; the tables name all."""


@dataclass(frozen=True)
class LabelAbove:
    """A label that a restorer's images have a higher recall or F1 of than the sharp ones.

    recall, f1: those of the restorer less sharp's. right: images in which it is truly there and was
    found, but not in the sharp one; wrong: images in which it was found though it is not there, and
    not in the sharp one.
    """

    label: str
    recall: Interval
    f1: Interval
    right: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()

    @property
    def sure(self) -> bool:
        """Whether the recall or F1 is above sharp's beyond its interval."""
        return self.recall.above or self.f1.above


@dataclass(frozen=True)
class Above:
    """A restorer that is above the sharp images.

    averages: those of `WATCHED` that are higher, less sharp's. labels: where an average is higher,
    every label that is; else those that are beyond their interval.
    """

    restorer: str
    averages: dict[str, Interval]
    labels: tuple[LabelAbove, ...]

    @property
    def sure(self) -> bool:
        """Whether anything is above sharp beyond its interval."""
        averages = any(one.above for one in self.averages.values())
        return averages or any(label.sure for label in self.labels)


def find_above(aligned: Aligned, seed: int = 0, resamples: int = RESAMPLES) -> list[Above]:
    """Return every restorer, and the blurred images, where they are above the sharp images.

    Either an average of `WATCHED` is higher at all, or a single label's recall or F1 is beyond its
    interval: a restorer that adds one label everywhere need not raise any average. With many
    labels and restorers one in forty of the latter is chance.
    """
    index, groups = bootstrap.index_groups(aligned.groups)
    draws = bootstrap.draw(groups, seed, resamples)
    sums = {
        name: bootstrap.sum_by_group(metric.outcomes(aligned.truth, own), index, groups)
        for name, own in aligned.found.items()
    }
    sharp = sums.pop(SHARP)
    found = [_above(aligned, name, draws, own, sharp) for name, own in sums.items()]
    return [one for one in found if one.averages or one.labels]


def describe(above: Above) -> str:
    """Return a warning as sentences: how far above, which labels, which images."""
    averages = [f"{name.replace('_', ' ')} {_span(one)}" for name, one in above.averages.items()]
    what = f"in {', '.join(averages)}" if averages else "in single labels"
    chance = "" if above.sure else ", within chance"
    labels = [_describe_label(label) for label in above.labels]
    return " ".join([f"{above.restorer} is above the sharp images {what}{chance}.", *labels])


def _above(aligned: Aligned, name: str, draws: Array, own: Array, sharp: Array) -> Above:
    by_average = dict(zip(AVERAGES, _rises(metric.average, draws, own, sharp), strict=True))
    averages = {one: by_average[one] for one in WATCHED if by_average[one].value > NEAR}
    by_label = _rises(_recall_and_f1, draws, own, sharp)
    count = len(aligned.labels)
    labels = [
        _label(aligned, name, at, by_label[at], by_label[count + at])
        for at in range(count)
        if max(by_label[at].value, by_label[count + at].value) > NEAR
    ]
    return Above(name, averages, tuple(one for one in labels if averages or one.sure))


def _rises(
    measure: Callable[[Array], Array], draws: Array, own: Array, sharp: Array
) -> list[Interval]:
    """Return each measure of the counts `own` (group, 3, L) less that of `sharp`."""
    values = measure(own.sum(axis=0)) - measure(sharp.sum(axis=0))
    drawn = measure(bootstrap.total(draws, own)) - measure(bootstrap.total(draws, sharp))
    return [
        bootstrap.interval(float(value), draw) for value, draw in zip(values, drawn, strict=True)
    ]


def _recall_and_f1(counts: Array) -> Array:
    """Return (2 L, ...) of counts (..., 3, L): the recall of every label, then the F1."""
    ratios = np.moveaxis(metric.ratios(counts)[1:], -1, 1)
    return np.asarray(ratios.reshape(-1, *ratios.shape[2:]))


def _label(aligned: Aligned, name: str, at: int, recall: Interval, f1: Interval) -> LabelAbove:
    gained = aligned.found[name][:, at] & ~aligned.found[SHARP][:, at]
    there = aligned.truth[:, at]
    right, wrong = (
        tuple(aligned.cases[case] for case in np.flatnonzero(part))
        for part in (gained & there, gained & ~there)
    )
    return LabelAbove(aligned.labels[at], recall, f1, right, wrong)


def _describe_label(label: LabelAbove) -> str:
    rises = [
        f"{name} {one.value:+.3f}"
        for name, one in (("recall", label.recall), ("F1", label.f1))
        if one.value > 0
    ]
    parts = [
        f"{kind} in {_images(cases)}"
        for kind, cases in (("rightly", label.right), ("wrongly", label.wrong))
        if cases
    ]
    where = f"; found beyond the sharp image {', '.join(parts)}" if parts else ""
    return f"{label.label}: {' and '.join(rises)}{'' if label.sure else ', within chance'}{where}."


def _images(cases: Sequence[str]) -> str:
    images = f"{len(cases)} image{'s' if len(cases) > 1 else ''}"
    more = ", ..." if len(cases) > NAMED else ""
    return f"{images} ({', '.join(cases[:NAMED])}{more})"


def _span(one: Interval) -> str:
    if one.low is None or one.high is None:
        return f"{one.value:+.3f}"
    return f"{one.value:+.3f} [{one.low:+.3f}, {one.high:+.3f}]"
