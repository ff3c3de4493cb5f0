"""Where a restorer is below the blurred images: it has done harm, if only to one label.

A mean over many labels hides one that was erased or painted everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unsmear.evaluate.scores import BLURRED, SHARP
from unsmear.metrics import classification as metric
from unsmear.metrics.bootstrap import RESAMPLES, Interval
from unsmear.metrics.classification import AVERAGES
from unsmear.recovery.aligned import Aligned
from unsmear.recovery.differences import NEAR, differ, in_words, recall_and_f1, sum_all
from unsmear.recovery.summary import F1S

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Below:
    """A restorer that is below the blurred images.

    averages: those of `summary.F1S` that are lower, less blurred's. labels: F1 less blurred's, of
    every label where it is lower beyond its interval.
    """

    restorer: str
    averages: dict[str, Interval]
    labels: dict[str, Interval]

    @property
    def sure(self) -> bool:
        """Whether anything is below blurred beyond its interval."""
        return bool(self.labels) or any(one.below for one in self.averages.values())


def find_below(aligned: Aligned, seed: int = 0, resamples: int = RESAMPLES) -> list[Below]:
    """Return every restorer whose F1, or that of a single label, is below the blurred images'.

    An average is named if it is lower at all, a label only beyond its interval; with many labels
    and restorers one in forty of these is chance.
    """
    draws, sums = sum_all(aligned, seed, resamples)
    blurred = sums[BLURRED]
    names = [name for name in sums if name not in (SHARP, BLURRED)]
    found = [_below(aligned, name, draws, sums[name], blurred) for name in names]
    return [one for one in found if one.averages or one.labels]


def describe_below(below: Below) -> str:
    """Return a warning as sentences: how far below in which averages and labels."""
    chance = "" if any(one.below for one in below.averages.values()) else ", within chance"
    text = []
    if below.averages:
        averages = ", ".join(
            f"{name.replace('_', ' ')} {in_words(one)}" for name, one in below.averages.items()
        )
        text.append(f"{below.restorer} is below the blurred images in {averages}{chance}.")
    if below.labels:
        labels = ", ".join(f"{label} {in_words(one)}" for label, one in below.labels.items())
        text.append(f"{below.restorer} is below the blurred images in F1 of {labels}.")
    return " ".join(text)


def _below(aligned: Aligned, name: str, draws: Array, own: Array, blurred: Array) -> Below:
    by_average = dict(zip(AVERAGES, differ(metric.average, draws, own, blurred), strict=True))
    f1 = differ(recall_and_f1, draws, own, blurred)[len(aligned.labels) :]
    return Below(
        name,
        averages={one: by_average[one] for one in F1S if by_average[one].value < -NEAR},
        labels={label: one for label, one in zip(aligned.labels, f1, strict=True) if one.below},
    )
