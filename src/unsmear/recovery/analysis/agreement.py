"""Agreement of the labels predicted in restored images with those predicted in sharp images.

The true labels play no part here. Most labels are in few images, so a classifier that predicts no
label at all still agrees with any other in most decisions. Read the share of equal decisions only
beside the row of the blurred images; F1 against the sharp images' labels says more.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unsmear.evaluate.scores import SHARP
from unsmear.metrics import bootstrap
from unsmear.metrics import classification as metric
from unsmear.metrics.bootstrap import RESAMPLES, Interval
from unsmear.recovery.analysis.aligned import Aligned
from unsmear.recovery.analysis.summary import ALL, BLUR, subsets

Decisions = NDArray[np.bool_]
Counts = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Agreement:
    """Agreement of one restorer with the labels predicted in the sharp images.

    decisions: share of (image, label) decisions that are equal. images: share of images with the
    same set of labels. f1: micro F1 with the labels predicted in the sharp images as the truth.
    gained_right, gained_wrong: (L,), number of images in which the label is predicted in the
    restored but not in the sharp image; right is a true positive, wrong a false positive.
    lost_right, lost_wrong: the same for labels predicted in the sharp but not in the restored
    image; lost_right is a false negative of the restored image.
    swaps: (L + 1, L + 1), images in which the row's label was lost and the column's gained; the
    last row is for nothing lost, the last column for nothing gained. subset: "all", or the blur's
    name.
    """

    restorer: str
    decisions: Interval
    images: Interval
    f1: Interval
    gained_right: Counts
    gained_wrong: Counts
    lost_right: Counts
    lost_wrong: Counts
    swaps: Counts
    subset: str = ALL

    @property
    def gained(self) -> Counts:
        """Return (L,): images in which the label was found here and not in the sharp image."""
        return self.gained_right + self.gained_wrong

    @property
    def lost(self) -> Counts:
        """Return (L,): images in which the label was found in the sharp image and not here."""
        return self.lost_right + self.lost_wrong


def agree(
    aligned: Aligned, seed: int = 0, resamples: int = RESAMPLES, subset: str = ALL
) -> list[Agreement]:
    """Return how each restorer agrees with the sharp images' labels, sharp and blurred first.

    Intervals are those of `summary.summarise`, with the same draws.
    """
    index, groups = bootstrap.index_groups(aligned.groups)
    draws = bootstrap.draw(groups, seed, resamples)
    sharp = aligned.predicted[SHARP]
    agreements = []
    for name, predicted in aligned.predicted.items():
        sums = bootstrap.sum_by_group(_parts(sharp, predicted), index, groups)
        values, drawn = _shares(sums.sum(axis=0)), _shares(bootstrap.total(draws, sums))
        decisions, images, f1 = map(bootstrap.interval, values.tolist(), drawn.T)
        changes = _changes(aligned.truth, sharp, predicted)
        swaps = swapped(sharp, predicted)
        agreements.append(Agreement(name, decisions, images, f1, *changes, swaps, subset))
    return agreements


def agree_by_blur(aligned: Aligned, seed: int = 0, resamples: int = RESAMPLES) -> list[Agreement]:
    """Return the same for the images of each blur; nothing where there is one blur."""
    blurs = [subset for subset in subsets(aligned) if subset.kind == BLUR]
    return [
        agreement
        for subset in blurs
        if len(blurs) > 1
        for agreement in agree(aligned.only(subset.chosen), seed, resamples, subset.name)
    ]


def swapped(sharp: Decisions, restored: Decisions) -> Counts:
    """Return (L + 1, L + 1): images in which the row's label was lost and the column's gained.

    sharp, found: (N, L). The last row and column are for nothing lost and nothing gained; an image
    with several of both counts once for each pair of them.
    """
    lost, gained = (_or_nothing(changed) for changed in (sharp & ~restored, restored & ~sharp))
    swaps = lost.T.astype(np.int64) @ gained.astype(np.int64)
    swaps[-1, -1] = 0  # nothing changed
    return np.asarray(swaps)


def _or_nothing(changed: Decisions) -> Decisions:
    return np.column_stack([changed, ~changed.any(axis=1)])


def _parts(sharp: Decisions, predicted: Decisions) -> NDArray[np.float64]:
    """Return (N, 7): equal decisions, all, equal images, all, and three counts of found labels."""
    equal = sharp == predicted
    ones = np.ones(len(equal))
    decisions = [equal.sum(axis=1), equal.shape[1] * ones, equal.all(axis=1), ones]
    return np.column_stack([*decisions, metric.outcomes(sharp, predicted).sum(axis=-1)])


def _shares(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (..., 3): shares of equal decisions and images, and F1, of sums of `_parts`.

    Where neither finds any label F1 is 1: they agree.
    """
    f1 = metric.ratios(sums[..., 4:, np.newaxis])[2, ..., 0]
    nothing = sums[..., 4:].sum(axis=-1) == 0
    shares = [sums[..., 0] / sums[..., 1], sums[..., 2] / sums[..., 3], np.where(nothing, 1, f1)]
    return np.stack(shares, axis=-1)


def _changes(
    truth: Decisions, sharp: Decisions, predicted: Decisions
) -> tuple[Counts, Counts, Counts, Counts]:
    """Return (L,) images by label: gained right, gained wrong, lost right, lost wrong."""
    gained, lost = predicted & ~sharp, sharp & ~predicted
    return (
        _count(gained & truth),
        _count(gained & ~truth),
        _count(lost & truth),
        _count(lost & ~truth),
    )


def _count(changed: Decisions) -> Counts:
    return np.asarray(changed.sum(axis=0, dtype=np.int64))
