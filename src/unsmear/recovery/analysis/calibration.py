"""Calibration of predicted probabilities: of labels at 70 % probability, 70 % should be true."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unsmear.recovery.analysis.aligned import Aligned

Array = NDArray[np.float64]

BINS = 10


@dataclass(frozen=True)
class Bin:
    """Decisions of similar probability, at least `low` and below `high` (1 is in the last).

    count: decisions. probability: their mean; share: of those whose label is truly there; both None
    where there is no decision.
    """

    low: float
    high: float
    count: int
    probability: float | None
    share: float | None


@dataclass(frozen=True)
class Calibration:
    """The calibration on one restorer's images.

    error: expected calibration error, the mean over all (image, label) decisions of the distance
    between their bin's mean probability and share; most decisions are easy, so that it is small.
    label_error: the mean of the labels' own. brier: mean squared distance from probability to
    truth. bins: of all decisions.
    """

    restorer: str
    error: float
    label_error: float
    brier: float
    bins: tuple[Bin, ...]


def calibrate(aligned: Aligned, bins: int = BINS) -> list[Calibration]:
    """Return the calibration on each restorer's images, sharp and blurred first.

    bins: of equal width. Guo, Pleiss, Sun and Weinberger, ICML 2017, applied to each label's
    probability of being there. There is no interval: resampling makes this error larger.
    """
    calibrations = []
    for name, probabilities in aligned.probabilities.items():
        columns = zip(probabilities.T, aligned.truth.T, strict=True)
        errors = [_error(collect(*column, bins)) for column in columns]
        overall = collect(probabilities, aligned.truth, bins)
        brier = float(np.square(probabilities - aligned.truth).mean())
        calibrations.append(
            Calibration(name, _error(overall), float(np.mean(errors)), brier, overall)
        )
    return calibrations


def collect(probabilities: Array, truth: NDArray[np.bool_], bins: int = BINS) -> tuple[Bin, ...]:
    """Return the bins of decisions; the two arrays are of one shape, whatever it is."""
    values = probabilities.ravel()
    place = np.minimum((values * bins).astype(np.intp), bins - 1)
    counts, sums, true_counts = (
        np.bincount(place, weights, bins) for weights in (None, values, truth.ravel())
    )
    return tuple(
        Bin(
            low=at / bins,
            high=(at + 1) / bins,
            count=int(counts[at]),
            probability=float(sums[at] / counts[at]) if counts[at] else None,
            share=float(true_counts[at] / counts[at]) if counts[at] else None,
        )
        for at in range(bins)
    )


def _error(bins: tuple[Bin, ...]) -> float:
    off = sum(
        bin_.count * abs(bin_.probability - bin_.share)
        for bin_ in bins
        if bin_.probability is not None and bin_.share is not None
    )
    return off / sum(bin_.count for bin_ in bins)
