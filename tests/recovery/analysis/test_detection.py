"""Precision, recall and F1 of detection, pooled over images, with intervals over groups."""

import csv

import numpy as np
import pytest

from unsmear.recovery.analysis.detection import IOUS, detect
from unsmear.recovery.analysis.measures import align_values
from unsmear.recovery.analysis.results import conclude
from unsmear.recovery.collect.answers import Prediction, Predictions
from unsmear.recovery.output import tables
from unsmear.recovery.output.csv_files import sections, write_all

IMAGES = [
    # (sharp, blurred, restored): number detected and overlaps of the nuclei that should be.
    ((3, [1, 1, 0.9]), (1, [0.65, 0, 0]), (3, [0.95, 0.8, 0.5])),
    ((2, [1]), (1, [0.55]), (1, [0.9])),
    ((1, []), (0, []), (2, [])),
]
BLURS = ("motion 4 px", "motion 10 px", "motion 10 px")


def predictions(images=IMAGES, groups=None, blurs=BLURS):
    rows = []
    for number, by_restorer in enumerate(images):
        for name, (count, overlaps) in zip(
            ("sharp", "blurred", "restored"), by_restorer, strict=True
        ):
            measured = {"nuclei detected": float(count), "nucleus IoU": list(overlaps)}
            group = str(number if groups is None else groups[number])
            rows.append(
                Prediction(f"image {number}", group, name, blurs[number], measures=measured)
            )
    return Predictions(rows=tuple(rows))


def by_name(detections, iou):
    return {each.restorer: each for each in detections if each.iou == iou}


def test_by_hand():
    detections = detect(align_values(predictions())[0])
    assert [each.iou for each in detections[:4]] == [0.5, 0.5, 0.5, 0.6]
    assert list(by_name(detections, 0.5)) == ["sharp", "blurred", "restored"]
    sharp, blurred, restored = by_name(detections, 0.5).values()
    assert (sharp.images, sharp.groups, sharp.expected) == (3, 3, 4)
    assert (sharp.detected, sharp.found) == (6, 4)
    assert (sharp.precision.value, sharp.recall.value) == (4 / 6, 1)
    assert (blurred.precision.value, blurred.recall.value) == (1, 0.5)
    assert blurred.f1.value == pytest.approx(2 / 3)
    assert (restored.precision.value, restored.recall.value) == (4 / 6, 1)
    assert blurred.bias.value == -0.5
    assert restored.bias.value == 0.5
    assert blurred.loss["precision"].value == pytest.approx(4 / 6 - 1)
    assert restored.gain["recall"].value == 0.5
    high = by_name(detections, 0.9)
    assert (high["blurred"].found, high["blurred"].f1.value) == (0, 0)
    assert high["restored"].found == 2
    assert high["sharp"].found == 4


def test_every_overlap_is_counted_from_its_threshold_on():
    found = {each.iou: each.found for each in detect(align_values(predictions())[0])[2::3]}
    assert found == {0.5: 4, 0.6: 3, 0.7: 3, 0.75: 3, 0.8: 3, 0.9: 2}
    assert tuple(found) == IOUS


def test_intervals_are_over_groups():
    """Copies of an image in its own group say nothing more; other groups do."""
    random = np.random.default_rng(0)
    images = [
        ((5, [1] * 5), (4, random.uniform(0.3, 1, 5)), (5, random.uniform(0.6, 1, 5)))
        for _ in range(20)
    ]
    alone = conclude(predictions(images, blurs=["unknown"] * 20)).detections
    twice = conclude(
        predictions(images * 2, groups=[*range(20)] * 2, blurs=["unknown"] * 40)
    ).detections
    single = conclude(predictions(images, groups=[0] * 20, blurs=["unknown"] * 20)).detections
    for one, two, none in zip(alone, twice, single, strict=True):
        assert one.f1 == two.f1
        assert one.f1.value == none.f1.value
        assert none.f1.low is None
    blurred = by_name(alone, 0.5)["blurred"]
    assert blurred.f1.low < blurred.f1.value < blurred.f1.high
    assert blurred.loss["f1"].above  # paired: the same draws for both
    restored = by_name(alone, 0.7)["restored"]
    assert 0 < restored.recovery.share.value < 1
    assert blurred.recovery is None


def test_blurs_apart():
    results = conclude(predictions())
    expected = {(each.subset, each.expected) for each in results.detections_by_blur}
    assert expected == {("motion 4 px", 3), ("motion 10 px", 1)}
    assert {each.subset for each in results.detections} == {"all"}
    assert len(results.detections_by_blur) == 2 * 3 * len(IOUS)


def test_without_nuclei_there_is_no_bias():
    none = ((0, []), (1, []), (0, []))
    detections = detect(align_values(predictions([none], blurs=["unknown"]))[0])
    blurred = by_name(detections, 0.5)["blurred"]
    assert (blurred.expected, blurred.detected, blurred.bias) == (0, 1, None)
    assert (blurred.precision.value, blurred.recall.value, blurred.f1.value) == (0, 0, 0)
    assert tables.detection_table(detections, "f1")[2][3] == "-"


def test_other_measures_have_no_detection():
    row = Prediction("a", "a", "sharp", measures={"nuclei count": 1.0})
    other = Predictions(rows=(row, Prediction("a", "a", "blurred", measures={"nuclei count": 2.0})))
    assert conclude(other).detections == ()


def test_tables_and_files_hold_the_scores(tmp_path):
    results = conclude(predictions())
    titles = {title: table for title, table in sections(results) if "nuclei detected by" in title}
    assert [title.split()[0] for title in titles] == ["Precision", "Recall", "F1"]
    precision = next(iter(titles.values()))
    assert precision[0][4:] == [f"IoU {iou:g}" for iou in IOUS]
    assert [row[:3] for row in precision[1:3]] == [["sharp", "4", "6"], ["blurred", "4", "2"]]
    assert precision[2][4].startswith("100.0 [")
    write_all(tmp_path, results)
    rows = _rows(tmp_path / "detection.csv")
    assert len(rows) == 3 * len(IOUS) * 3  # all images and each blur
    row = next(row for row in rows if row["restorer"] == "restored" and row["iou"] == "0.9")
    assert (row["subset"], row["found"], row["recall"]) == ("all", "2", "0.5")
    assert float(row["recall_over_blurred"]) == 0.5
    assert {row["measure"] for row in _rows(tmp_path / "measures.csv")} == {
        "nuclei detected",
        "nucleus IoU",
    }


def _rows(path):
    with path.open() as lines:
        return list(csv.DictReader(lines))
