"""Macro F1 of classifiers on sharp, blurred and restored images, and differences between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from unsmear import classify, evaluate
from unsmear.checkpoints import checkpoint
from unsmear.cli.jobs.progress import map_with_progress
from unsmear.cluster import Where
from unsmear.errors import DataError
from unsmear.evaluate import BLURRED, SHARP, Case
from unsmear.metrics import bootstrap
from unsmear.metrics import classification as metric
from unsmear.metrics.bootstrap import Interval
from unsmear.recovery.collect import run
from unsmear.recovery.collect.answers import Prediction, Predictions
from unsmear.recovery.collect.ask import Request

METHOD = "deep-wiener"
CONDITIONS = (SHARP, BLURRED, f"{METHOD}, true kernel", f"{METHOD}, estimated kernel")
MACRO = metric.AVERAGES.index("macro_f1")
DIGITS = 8
"""Digits of the weights' checksum in the name of a folder of predictions."""

Array = NDArray[np.float64]


def predict(
    weights: Path, cases: Sequence[Case], pairs: Path, folder: Path, restored: Path, workers: int
) -> Predictions:
    """Return a classifier's predictions for all images of pairs; those in the folder are reused.

    folder: gets a folder for these weights. restored: holds the restored images, which all
    classifiers share.

    Raises DataError where an image cannot be predicted.
    """
    place = checkpoint.locate(weights)
    questions = Request(
        tuple(evaluate.contenders([METHOD], "both", cases)),
        classify.load(place),
        restored_folder=restored,
    )
    answers, problems = run.answer(
        folder / place.sha256[:DIGITS],
        cases,
        questions,
        run.describe(pairs, cases, questions, ()),
        partial(map_with_progress, where=Where(workers), description=f"predicted, {folder.name}"),
    )
    if problems:
        raise DataError(problems[0])
    return answers


@dataclass(frozen=True, eq=False)
class Board:
    """Counts of right and wrong labels of all classifiers on the same images.

    counts: by classifier and condition, (seed, group, 3, label), see `metric.count`. draws: of the
    groups, (resample, group). images, groups: their numbers.
    """

    counts: Mapping[tuple[str, str], Array]
    draws: Array
    images: int
    groups: int

    @classmethod
    def of(cls, predicted: Mapping[str, Sequence[Predictions]], seed: int = 0) -> Board:
        """Return the board of predictions by classifier, one of each seed.

        Raises DataError where the classifiers were asked about other images.
        """
        first = next(iter(predicted.values()))[0]
        cases = _by_condition(first)[SHARP]
        index, count = bootstrap.index_groups([row.group for row in cases.values()])
        counts = {}
        for name, of_seeds in predicted.items():
            for condition in CONDITIONS:
                outcomes = [_outcomes(part, condition, list(cases)) for part in of_seeds]
                sums = [bootstrap.sum_by_group(each, index, count) for each in outcomes]
                counts[name, condition] = np.stack(sums)
        return cls(counts, bootstrap.draw(count, seed), len(cases), count)

    def macro_f1(self, name: str, condition: str) -> Interval:
        """Return a classifier's macro F1, the mean of its seeds, with its 95 % interval."""
        return bootstrap.interval(*self._macro(name, condition))

    def difference(self, name: str, other: str, condition: str) -> tuple[Interval, float]:
        """Return macro F1 of a classifier minus that of another, and the two-sided p."""
        (value, drawn), (less, drawn_less) = (
            self._macro(each, condition) for each in (name, other)
        )
        drawn = drawn - drawn_less
        return bootstrap.interval(value - less, drawn), bootstrap.p_value(drawn)

    def _macro(self, name: str, condition: str) -> tuple[float, Array]:
        seeds = self.counts[name, condition]
        value = np.mean([metric.average(sums.sum(axis=0))[MACRO] for sums in seeds])
        drawn = [metric.average(bootstrap.total(self.draws, sums))[MACRO] for sums in seeds]
        return float(value), np.asarray(np.mean(drawn, axis=0))


def _by_condition(answers: Predictions) -> dict[str, dict[str, Prediction]]:
    rows: dict[str, dict[str, Prediction]] = {condition: {} for condition in CONDITIONS}
    for row in answers.rows:
        rows[row.restorer][row.case] = row
    return rows


def _outcomes(answers: Predictions, condition: str, cases: Sequence[str]) -> Array:
    """Return (image, 3, label), see `metric.outcomes`."""
    rows = _by_condition(answers)[condition]
    if rows.keys() != set(cases):
        raise DataError(
            f"all classifiers must predict the same {len(cases)} images, got {len(rows)} "
            f"for {condition}."
        )
    ordered = [rows[case] for case in cases]
    truth = np.zeros((len(cases), len(answers.labels)), bool)
    for number, row in enumerate(ordered):
        truth[number, list(row.labels)] = True
    decided = metric.decide(
        [row.probabilities for row in ordered], [answers.thresholds_of(row) for row in ordered]
    )
    return metric.outcomes(truth, decided)
