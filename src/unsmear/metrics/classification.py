"""Multi-label metrics: precision, recall, F1 and average precision, by label and averaged.

N images, L labels: `truth` is (N, L) bool, `probabilities` (N, L) in [0, 1], `thresholds` (L,), and
a label is predicted in an image where its probability is at least its threshold. Everything but
the average precision follows from three counts per label, true positives (tp), false positives (fp)
and false negatives (fn), which add up over images: a bootstrap multiplies them instead of drawing
images.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from unsmear.errors import DataError

Array = NDArray[np.float64]
Decisions = NDArray[np.bool_]

AVERAGES = (
    "micro_precision",
    "micro_recall",
    "micro_f1",
    "macro_precision",
    "macro_recall",
    "macro_f1",
    "harmonic_f1",
    "best_precision",
)
"""Names of the averages that `average` returns, in order."""


@dataclass(frozen=True)
class Scores:
    """Scores of one set of predictions; each in [0, 1].

    precision, recall, f1: (L,), 0 where there is nothing to divide by. support: (L,), the images
    that have the label. average_precision: (L,), NaN without support.
    micro: of the counts of all labels together. macro: means over the labels with support.
    harmonic_f1: harmonic mean of macro precision and macro recall. best_precision: the highest of a
    single label. mean_average_precision: over the labels with support; NaN where none has any.
    """

    precision: Array
    recall: Array
    f1: Array
    support: NDArray[np.int64]
    average_precision: Array
    micro_precision: float
    micro_recall: float
    micro_f1: float
    macro_precision: float
    macro_recall: float
    macro_f1: float
    harmonic_f1: float
    best_precision: float
    mean_average_precision: float


def score(truth: ArrayLike, probabilities: ArrayLike, thresholds: ArrayLike) -> Scores:
    """Return the scores of probabilities after their thresholds.

    truth, probabilities: (N, L). thresholds: as `decide` takes them.

    Raises DataError for other shapes, for no image, or for probabilities that are no numbers from
    0 to 1.
    """
    truths, values = check(truth, probabilities)
    predicted = decide(values, thresholds)
    counts = count(truths, predicted)
    precision, recall, f1 = ratios(counts)
    averages = dict(zip(AVERAGES, average(counts).tolist(), strict=True))
    areas = average_precision(truths, values)
    defined = areas[np.isfinite(areas)]
    return Scores(
        precision,
        recall,
        f1,
        support=truths.sum(axis=0, dtype=np.int64),
        average_precision=areas,
        mean_average_precision=float(defined.mean()) if defined.size else float("nan"),
        **averages,
    )


def decide(probabilities: ArrayLike, thresholds: ArrayLike) -> Decisions:
    """Return the predicted labels, (..., L): those whose probability reaches the threshold.

    thresholds: (L,), or one for each probability where several classifiers were used. Raises
    DataError for another shape.
    """
    values, least = np.asarray(probabilities, np.float64), np.asarray(thresholds, np.float64)
    if least.shape not in (values.shape[-1:], values.shape):
        raise DataError(
            f"thresholds must be one number for each of the {values.shape[-1]} labels, "
            f"got {_sizes(least.shape)}."
        )
    return np.asarray(values >= least)


def best_thresholds(truth: ArrayLike, probabilities: ArrayLike) -> Array:
    """Return the thresholds (L,) that give each label its largest F1.

    truth, probabilities: (N, L), of validation images: on the images that thresholds are chosen
    on, F1 is biased upwards. Candidates lie midway between neighbouring probabilities; of equally
    good ones the nearest to 0.5 is taken, and 0.5 where no image has the label. Errors are those
    of `score`.
    """
    truths, values = check(truth, probabilities)
    return np.array([_best_threshold(*pair) for pair in zip(truths.T, values.T, strict=True)])


def average_precision(truth: ArrayLike, probabilities: ArrayLike) -> Array:
    """Return the average precision (L,), NaN where no image has the label.

    The sum over falling thresholds of precision times the recall gained there, without
    interpolation, images of equal probability together: the definition of scikit-learn's
    `average_precision_score`. Arrays and errors are those of `score`.
    """
    truths, values = check(truth, probabilities)
    return np.array([_average_precision(*pair) for pair in zip(truths.T, values.T, strict=True)])


def count(truth: Decisions, predicted: Decisions) -> Array:
    """Return (3, L): counts of true positives, false positives and false negatives by label."""
    return np.asarray(outcomes(truth, predicted).sum(axis=0))


def outcomes(truth: Decisions, predicted: Decisions) -> Array:
    """Return (N, 3, L): 1 where a label is a true positive, false positive or false negative."""
    return np.stack([truth & predicted, ~truth & predicted, truth & ~predicted], axis=-2).astype(
        np.float64
    )


def ratios(counts: Array) -> Array:
    """Return precision, recall and F1, (3, ..., L), of counts (..., 3, L).

    Each is 0 where there is nothing to divide by. F1 is 2 tp / (2 tp + fp + fn): 0 too for a label
    that is neither true nor predicted in any image.
    """
    right, wrong, missed = np.moveaxis(counts, -2, 0)
    parts = [(right, right + wrong), (right, right + missed)]
    return np.stack([_divide(*part) for part in [*parts, (2 * right, 2 * right + wrong + missed)]])


def average(counts: Array) -> Array:
    """Return (8, ...), the `AVERAGES` of counts (..., 3, L).

    Macro means are over the labels that at least one image has. False positives of other labels
    count in micro precision alone. Macro means are 0 where there is no such label.
    """
    micro = ratios(counts.sum(axis=-1, keepdims=True))[..., 0]
    by_label = ratios(counts)
    present = counts[..., 0, :] + counts[..., 2, :] > 0
    macro = _divide((by_label * present).sum(axis=-1), present.sum(axis=-1).astype(np.float64))
    harmonic = _divide(2 * macro[0] * macro[1], macro[0] + macro[1])
    return np.stack([*micro, *macro, harmonic, by_label[0].max(axis=-1)])


def check(truth: ArrayLike, probabilities: ArrayLike) -> tuple[Decisions, Array]:
    """Return truth and probabilities as arrays of bool and float64.

    Raises DataError for shapes that are not one (N, L), for none of either, and for probabilities
    that are no numbers from 0 to 1.
    """
    truths, values = np.asarray(truth), np.asarray(probabilities, np.float64)
    if truths.ndim != 2 or truths.shape != values.shape or truths.size == 0:
        raise DataError(
            f"truth and probabilities must both be (images, labels) and not empty, "
            f"got {_sizes(truths.shape)} and {_sizes(values.shape)}."
        )
    outside = ~((values >= 0) & (values <= 1))
    if outside.any():
        raise DataError(f"probabilities must be from 0 to 1, got {values[outside][0]}.")
    return truths.astype(np.bool_), values


def _best_threshold(truth: Decisions, values: Array) -> float:
    if not truth.any():
        return 0.5
    levels, right, positives = _falling(truth, values)
    below = np.append(levels[1:], 0.0)
    middle = (levels + below) / 2
    # Between neighbouring floats there is no middle: rounding down would find one image more.
    middle = np.where(middle > below, middle, levels)
    f1 = 2 * right / (positives + truth.sum())
    best = middle[f1 == f1.max()]
    return float(best[np.abs(best - 0.5).argmin()])


def _average_precision(truth: Decisions, values: Array) -> float:
    if not truth.any():
        return float("nan")
    _, right, positives = _falling(truth, values)
    return float((np.diff(right, prepend=0) * right / positives).sum() / truth.sum())


def _falling(truth: Decisions, values: Array) -> tuple[Array, Array, Array]:
    """Return the falling levels of `values`; at each, the true positives and all positives."""
    order = np.argsort(-values, kind="stable")
    ordered = values[order]
    last = np.flatnonzero(np.append(np.diff(ordered) != 0, True))
    return ordered[last], np.cumsum(truth[order], dtype=np.float64)[last], np.add(last, 1.0)


def _divide(above: Any, below: Any) -> Array:
    """Return above / below, 0 where below is 0."""
    out = np.zeros(np.shape(above))
    return np.asarray(np.divide(above, below, out=out, where=np.asarray(below) > 0))


def _sizes(shape: Sequence[int]) -> str:
    return "x".join(map(str, shape)) or "one number"
