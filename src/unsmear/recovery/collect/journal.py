"""Answers as a file of JSON lines, which also lets a run that was stopped go on.

The first line says what was asked of what: the pairs' manifest, the classifier, the methods and
the options, and the classifier's labels. Every further line is a finished case.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any

from unsmear import journal, resume
from unsmear.errors import DataError
from unsmear.journal import DAMAGE
from unsmear.recovery.collect.answers import Numbers, Prediction, Predictions

FILE = "answers.jsonl"
OF_CASE = ("case", "group", "blur", "length", "labels", "thresholds")
"""What is the same in all answers of a case."""


def begin(path: Path, empty: Predictions, asked: Mapping[str, Any]) -> Predictions:
    """Return what an earlier run with these arguments has finished; else make the file.

    empty: the labels and thresholds of the run, without rows. asked: what the answers depend on.

    Raises DataError for a file that was begun with other arguments, naming what differs.
    """
    head = _head(empty, asked)
    if not path.exists():
        journal.write(path, [head])
        return empty
    lines = _lines(path)
    _check(path, lines, head)
    return _answers(path, lines)


def record(path: Path, rows: Iterable[Prediction]) -> None:
    """Add the answers of one finished case; raises DataError where the file cannot be written."""
    journal.append(path, _of_rows(list(rows)))


def save(path: Path, answers: Predictions, asked: Mapping[str, Any] | None = None) -> None:
    """Write all answers, sorted by case; the file appears whole or not at all."""
    by_case = groupby(answers.sorted().rows, key=lambda row: row.case)
    cases = [list(rows) for _, rows in by_case]
    journal.write(path, [_head(replace(answers, rows=()), asked or {}), *map(_of_rows, cases)])


def load(path: str | Path) -> Predictions:
    """Return the answers of a file; raises DataError for one that is missing or no such file."""
    return _answers(Path(path), _lines(Path(path)))


def _lines(path: Path) -> list[dict[str, Any]]:
    """Return a file's whole lines; one that a kill cut short is dropped from the file also."""
    lines = []
    for number, line in enumerate(journal.read(path), 1):
        try:
            lines.append(dict(json.loads(line)))
        except DAMAGE as error:
            raise journal.damaged(path, number, error) from error
    if not lines or not {"asked", "labels", "thresholds"} <= set(lines[0]):
        raise DataError(
            f"{path}: the first line must say what was asked; it is no file of answers."
        )
    return lines


def _check(path: Path, lines: list[dict[str, Any]], head: dict[str, Any]) -> None:
    there, wanted = (
        {**said["asked"], "labels": said["labels"], "thresholds": said["thresholds"]}
        for said in (lines[0], json.loads(json.dumps(head)))
    )
    differ = resume.differing(there, wanted)
    if differ:
        raise DataError(
            f"{path}: a run can only go on with the arguments that it was begun with, got another "
            f"{', '.join(differ)}; choose another output folder, or remove the file."
        )


def _head(empty: Predictions, asked: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "asked": dict(asked),
        "labels": list(empty.labels),
        "thresholds": list(empty.thresholds),
    }


def _of_rows(rows: list[Prediction]) -> dict[str, Any]:
    """Return the answers of one case as the object of a line, which `_rows` takes back."""
    first = rows[0]
    return {
        **{name: getattr(first, name) for name in OF_CASE},
        "answers": {
            row.restorer: {
                "probabilities": list(row.probabilities),
                "measures": {name: _said(value) for name, value in row.measures.items()},
            }
            for row in rows
        },
    }


def _answers(path: Path, lines: list[dict[str, Any]]) -> Predictions:
    head, *cases = lines
    rows: list[Prediction] = []
    for number, line in enumerate(cases, 2):
        try:
            rows += _rows(line)
        except DAMAGE as error:
            raise journal.damaged(path, number, error) from error
    return Predictions(tuple(head["labels"]), tuple(head["thresholds"]), tuple(rows))


def _rows(line: dict[str, Any]) -> list[Prediction]:
    """Return the answers of a line; raises one of DAMAGE for what is no case."""
    of_case = {name: line[name] for name in OF_CASE}
    of_case |= {name: tuple(of_case[name]) for name in ("labels", "thresholds")}
    return [
        Prediction(
            restorer=restorer,
            probabilities=tuple(said["probabilities"]),
            measures={name: _read(value) for name, value in said["measures"].items()},
            **of_case,
        )
        for restorer, said in line["answers"].items()
    ]


def _said(value: Numbers) -> Any:
    """Return a measure as JSON has it, which knows no NaN: null."""
    if isinstance(value, list):
        return [_said(one) for one in value]
    return value if math.isfinite(value) else None


def _read(value: Any) -> Numbers:
    if isinstance(value, list):
        return [float("nan") if one is None else float(one) for one in value]
    return float("nan") if value is None else float(value)
