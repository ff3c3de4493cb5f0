"""Table of predictions: one row per image or cell, one column per label."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from unsmear.classify.classifier import Classifier
from unsmear.classify.predict import LabelPrediction
from unsmear.data.labels import LABELS
from unsmear.errors import OptionError
from unsmear.tables import load_parquet, to_parquet, write_csv

Record = dict[str, Any]
ENDINGS = (".csv", ".parquet")
OWN = ("id", "cell", "numbers", "labels")
"""Columns beside those of the probabilities."""


def check(path: Path, classifier: Classifier) -> None:
    """Check early that the table can be written; raises OptionError or MissingExtra."""
    if path.suffix.lower() not in ENDINGS or path.is_dir():
        raise OptionError(
            f"the output must be a file ending in {' or '.join(ENDINGS)}, got {path}."
        )
    if path.suffix.lower() == ".parquet":
        load_parquet()
    names = [*OWN, *classifier.labels]
    twice = next((name for name in classifier.labels if names.count(name) > 1), None)
    if twice is not None:
        raise OptionError(f"labels must have unique names for a table, got {twice} twice.")


def numbers_of(labels: Sequence[str]) -> list[int]:
    """Return the Human Protein Atlas numbers of the labels; for other labels, their indices."""
    number_of = {name.lower(): number for number, name in enumerate(LABELS)}
    if all(label.lower() in number_of for label in labels):
        return [number_of[label.lower()] for label in labels]
    return list(range(len(labels)))


def records(predictions: Sequence[LabelPrediction], classifier: Classifier) -> list[Record]:
    """Return one record per image or cell; images that failed are left out."""
    numbers = numbers_of(classifier.labels)
    rows: list[Record] = []
    for prediction in predictions:
        decisions = classifier.decide(prediction.probabilities)
        for row, (shares, decided) in enumerate(
            zip(prediction.probabilities, decisions, strict=True)
        ):
            chosen = [index for index, is_there in enumerate(decided) if is_there]
            cell = {} if prediction.cells is None else {"cell": prediction.cells[row]}
            rows.append(
                {
                    "id": prediction.id,
                    **cell,
                    "numbers": "|".join(str(numbers[index]) for index in chosen),
                    "labels": "|".join(classifier.labels[index] for index in chosen),
                    **dict(zip(classifier.labels, map(float, shares), strict=True)),
                }
            )
    return rows


def write(path: Path, rows: Sequence[Record]) -> None:
    """Write the records in the format of the path's ending; whole or not at all."""
    (to_parquet if path.suffix.lower() == ".parquet" else write_csv)(path, rows)
