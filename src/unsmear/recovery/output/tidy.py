"""The values behind the analysis as tidy tables: a row for each image, cell and nucleus.

For R and pandas: every column is a variable, with an underscore where a measure's name has a space.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from unsmear.recovery.collect.answers import Prediction, Predictions
from unsmear.recovery.measures.detection import OVERLAP
from unsmear.tables import Record, digits, write_csv

IMAGES, CELLS, NUCLEI = "images.csv", "cells.csv", "nuclei.csv"
OF_A_ROW = ("image", "group", "blur", "length", "restorer")
"""First columns: the pair, its group, the blur and its length in pixels, and who restored it."""


def write(folder: Path, answers: Predictions) -> list[Path]:
    """Write the tables that have rows into a folder, and return the files."""
    tables = {
        IMAGES: list(image_records(answers)),
        CELLS: list(_parts(answers.rows, "cell")),
        NUCLEI: list(_parts(answers.rows, "nucleus")),
    }
    for name, records in tables.items():
        if records:
            write_csv(folder / name, records, OF_A_ROW, digits)
    return [folder / name for name, records in tables.items() if records]


def image_records(answers: Predictions) -> Iterator[Record]:
    """Yield a record a pair and restorer: labels, probabilities, and numbers of the image."""
    for row in answers.rows:
        record = _row(row)
        if row.probabilities:
            least = answers.thresholds_of(row)
            shares = list(zip(answers.labels, row.probabilities, least, strict=True))
            record["true_labels"] = "|".join(answers.labels[place] for place in row.labels)
            record["labels"] = "|".join(label for label, share, at in shares if share >= at)
            record |= {f"probability_{_name(label)}": share for label, share, _ in shares}
        yield record | {_name(n): v for n, v in row.measures.items() if not isinstance(v, list)}


def _parts(rows: Iterable[Prediction], part: str) -> Iterator[Record]:
    """Yield a record a cell, or a nucleus that should be detected; they are numbered from 1."""
    for row in rows:
        lists = {
            name: values
            for name, values in row.measures.items()
            if isinstance(values, list) and (name == OVERLAP) == (part == "nucleus")
        }
        for number in range(max(map(len, lists.values()), default=0)):
            values = {_name(name): of_all[number] for name, of_all in lists.items()}
            yield {**_row(row), part: number + 1, **values}


def _row(row: Prediction) -> dict[str, Any]:
    values = (row.case, row.group, row.blur, row.length, row.restorer)
    return dict(zip(OF_A_ROW, values, strict=True))


def _name(measure: str) -> str:
    return measure.replace(" ", "_")
