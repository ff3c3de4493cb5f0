"""Detection of nuclei over all images: precision, recall and F1 at several overlaps.

A nucleus counts as found where the intersection over union with its match reaches a threshold. The
scores are of all nuclei together, as in detection benchmarks, and not means over images.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unsmear.evaluate.scores import BLURRED, SHARP
from unsmear.metrics import bootstrap
from unsmear.metrics import classification as metric
from unsmear.metrics.bootstrap import RESAMPLES, Index, Interval
from unsmear.recovery.analysis.measures import Values
from unsmear.recovery.analysis.summary import ALL, Recovery, recover
from unsmear.recovery.measures.detection import DETECTED, OVERLAP

Array = NDArray[np.float64]

IOUS = (0.5, 0.6, 0.7, 0.75, 0.8, 0.9)
"""Intersections over union from which a nucleus counts as found."""
SCORES = ("precision", "recall", "f1")


@dataclass(frozen=True)
class Detection:
    """Nuclei found in the images of one restorer, at one intersection over union.

    images, groups: how many. expected: nuclei of the reference; detected: those in these images;
    found: of the reference, those with a match.
    precision: found / detected. recall: found / expected. f1: their harmonic mean. Each is 0 where
    there is nothing to divide by.
    bias: (detected - expected) / expected; None without nuclei in the reference.
    gain: score minus that of the blurred images, loss: score of the sharp images minus this one,
    both by the names in `SCORES`. recovery: of F1; None for sharp and blurred, which define it.
    subset: "all", or the blur's name.
    """

    restorer: str
    iou: float
    images: int
    groups: int
    expected: int
    detected: int
    found: int
    precision: Interval
    recall: Interval
    f1: Interval
    bias: Interval | None
    gain: dict[str, Interval]
    loss: dict[str, Interval]
    recovery: Recovery | None = None
    subset: str = ALL


def detect(values: Iterable[Values], seed: int = 0, resamples: int = RESAMPLES) -> list[Detection]:
    """Return the detection at each of `IOUS` of each restorer, sharp and blurred first.

    values: of all measures, as `measures.align_values` gives them, of one subset after the other;
    the result is empty where detection was not measured. A missing value counts as nothing
    detected. Intervals are those of `summary.summarise`, with the same draws.
    """
    by_name = {(part.subset, part.measure): part for part in values}
    return [
        detection
        for subset in dict.fromkeys(subset for subset, _ in by_name)
        if {(subset, DETECTED), (subset, OVERLAP)} <= by_name.keys()
        for detection in _detect(
            by_name[subset, DETECTED], by_name[subset, OVERLAP], seed, resamples
        )
    ]


def _detect(images: Values, nuclei: Values, seed: int, resamples: int) -> Iterator[Detection]:
    """Yield the detection of one subset; images, nuclei: what was measured of each of them."""
    index, groups = bootstrap.index_groups(images.groups)
    place = dict(zip(images.groups, index.tolist(), strict=True))
    of_nuclei = np.array([place[group] for group in nuclei.groups], np.intp)
    counts = {
        name: _counts(images.by_restorer[name], index, nuclei.by_restorer[name], of_nuclei, groups)
        for name in images.by_restorer
    }
    draws = bootstrap.draw(groups, seed, resamples)
    return _detections(counts, draws, (len(index), groups), images.subset)


def _counts(detected: Array, index: Index, overlaps: Array, of_nuclei: Index, groups: int) -> Array:
    """Return (group, 3, IoU): counts of true positives, false positives and false negatives."""
    found = np.nan_to_num(overlaps)[:, np.newaxis] >= np.array(IOUS)
    right = bootstrap.sum_by_group(found.astype(np.float64), of_nuclei, groups)
    missed = bootstrap.sum_by_group((~found).astype(np.float64), of_nuclei, groups)
    all_detected = bootstrap.sum_by_group(np.nan_to_num(detected), index, groups)
    return np.stack([right, all_detected[:, np.newaxis] - right, missed], axis=1)


def _detections(
    counts: Mapping[str, Array], draws: Array, shape: tuple[int, int], subset: str
) -> Iterator[Detection]:
    """Yield the detection at each overlap by each restorer; shape: numbers of images and groups."""
    for at, iou in enumerate(IOUS):
        sums = {name: each[..., [at]] for name, each in counts.items()}
        points = {name: metric.ratios(each.sum(axis=0))[:, 0] for name, each in sums.items()}
        drawn = {
            name: metric.ratios(bootstrap.total(draws, each))[..., 0] for name, each in sums.items()
        }
        for name, each in sums.items():
            right, wrong, missed = each.sum(axis=(0, 2)).astype(int).tolist()
            precision, recall, f1 = map(bootstrap.interval, points[name].tolist(), drawn[name])
            yield Detection(
                name,
                iou,
                *shape,
                expected=right + missed,
                detected=right + wrong,
                found=right,
                precision=precision,
                recall=recall,
                f1=f1,
                bias=_bias(each[..., 0], draws),
                gain=_differences(points, drawn, name, BLURRED),
                loss=_differences(points, drawn, SHARP, name),
                recovery=_recovery(points, drawn, name),
                subset=subset,
            )


def _bias(counts: Array, draws: Array) -> Interval | None:
    """Return (detected - expected) / expected of counts (group, 3) at any overlap."""
    excess = np.column_stack([counts[:, 1] - counts[:, 2], counts[:, 0] + counts[:, 2]])
    total, drawn = excess.sum(axis=0), bootstrap.total(draws, excess)
    if not total[1] > 0:
        return None
    ratios = np.where(drawn[:, 1] > 0, drawn[:, 0] / np.maximum(drawn[:, 1], 1), np.nan)
    return bootstrap.interval(float(total[0] / total[1]), ratios)


def _differences(
    points: Mapping[str, Array], drawn: Mapping[str, Array], first: str, second: str
) -> dict[str, Interval]:
    """Return the differences of two restorers' scores; the draws are shared."""
    return {
        score: bootstrap.interval(
            float(points[first][row] - points[second][row]), drawn[first][row] - drawn[second][row]
        )
        for row, score in enumerate(SCORES)
    }


def _recovery(
    points: Mapping[str, Array], drawn: Mapping[str, Array], name: str
) -> Recovery | None:
    if name in (SHARP, BLURRED):
        return None
    row, three = SCORES.index("f1"), (name, BLURRED, SHARP)
    return recover(
        np.array([points[restorer][row] for restorer in three]),
        np.stack([drawn[restorer][row] for restorer in three]),
    )
