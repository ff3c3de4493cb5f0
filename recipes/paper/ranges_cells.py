"""What `ranges.py` measures, of a field and, joined over the fields, of a condition."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from unsmear.evaluate import BLURRED, SHARP

GAP = 0.05
"""Least difference of the F1 of sharp and blurred images for which a recovery is stated."""


@dataclass(frozen=True)
class Row:
    """What was measured of one field under one condition, of one restorer's image.

    length: pixels. angle: degrees. photons: photoelectrons at full scale. psnr: dB; None for sharp.
    expected, detected, found: nuclei drawn, segmented, and drawn ones with a match.
    labels, predicted, right: labels drawn, predicted, and both.
    untouched: whether the image is the recorded one.
    """

    field: int
    length: float
    angle: float
    photons: float
    restorer: str
    psnr: float | None
    expected: int
    detected: int
    found: int
    labels: int
    predicted: int
    right: int
    untouched: bool


@dataclass(frozen=True)
class Cell:
    """One restorer under one condition, over all fields.

    psnr, gain: means in dB, gain over the recorded images; NaN for sharp. nuclei, labels: F1 of all
    together. nuclei_recovery, labels_recovery: share of the gap between blurred and sharp that is
    closed; None where that is below `GAP`. untouched: share of images that were left alone.
    drawn_nuclei, drawn_labels: how many the F1 is of.
    """

    restorer: str
    length: float
    angle: float
    photons: float
    fields: int
    psnr: float
    gain: float
    nuclei: float
    nuclei_recovery: float | None
    labels: float
    labels_recovery: float | None
    untouched: float
    drawn_nuclei: int
    drawn_labels: int


def cells(rows: Iterable[Row]) -> list[Cell]:
    """Return the rows joined over the fields, by restorer and condition."""
    together: dict[tuple[float, float, float], dict[str, list[Row]]] = {}
    for row in rows:
        condition = (row.length, row.angle, row.photons)
        together.setdefault(condition, defaultdict(list))[row.restorer].append(row)
    return [
        _cell(name, condition, by_name)
        for condition, by_name in together.items()
        for name in by_name
    ]


def _cell(
    name: str, condition: tuple[float, float, float], by_name: Mapping[str, Sequence[Row]]
) -> Cell:
    own, psnr = by_name[name], _psnr(by_name[name])
    return Cell(
        name,
        *condition,
        len(own),
        psnr,
        psnr - _psnr(by_name[BLURRED]),
        nuclei_f1(own),
        _recovery(*(nuclei_f1(by_name[each]) for each in (name, BLURRED, SHARP))),
        labels_f1(own),
        _recovery(*(labels_f1(by_name[each]) for each in (name, BLURRED, SHARP))),
        float(np.mean([row.untouched for row in own])),
        sum(row.expected for row in own),
        sum(row.labels for row in own),
    )


def _psnr(rows: Sequence[Row]) -> float:
    return float(np.mean([math.nan if row.psnr is None else row.psnr for row in rows]))


def nuclei_f1(rows: Sequence[Row]) -> float:
    """Return the F1 of the nuclei of all images together; 0 where there are none."""
    return _f1([(row.found, row.detected, row.expected) for row in rows])


def labels_f1(rows: Sequence[Row]) -> float:
    """Return the micro F1 of the labels of all images together; 0 where there are none."""
    return _f1([(row.right, row.predicted, row.labels) for row in rows])


def _f1(counts: Sequence[tuple[int, int, int]]) -> float:
    right, predicted, expected = np.sum(counts, axis=0)
    return float(2 * right / max(predicted + expected, 1))


def _recovery(own: float, blurred: float, sharp: float) -> float | None:
    return (own - blurred) / (sharp - blurred) if sharp - blurred >= GAP else None
