"""Journal of predictions in JSON lines, from which a stopped run is resumed.

The first line holds the request: the manifest of the pairs, the classifier, the methods, the
options, and the classifier's labels. Every further line is a finished pair.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from itertools import chain, groupby
from pathlib import Path
from typing import Any

from unsmear import journal, lease, resume
from unsmear.errors import DataError, shown
from unsmear.journal import DAMAGE
from unsmear.recovery.collect.answers import Numbers, Prediction, Predictions

FILE = "answers.jsonl"
OF_CASE = ("case", "group", "blur", "length", "labels", "thresholds")
"""Fields that are equal in all predictions of a pair."""


def holding(path: Path) -> AbstractContextManager[None]:
    """Hold the lease of a journal inside the context: two runs would record every pair twice.

    Raises OptionError where another process holds it, and DataError where it cannot be written.
    """
    return lease.holding(path.with_name(f".{path.name}.lease"), path.parent)


def begin(path: Path, empty: Predictions, asked: Mapping[str, Any]) -> Predictions:
    """Return the predictions of an earlier run with these arguments; create the file if missing.

    empty: the labels and thresholds of the run, without rows. asked: all settings that the
    predictions depend on.

    Raises DataError for a file of a run with other arguments, naming what differs.
    """
    head = _head(empty, asked)
    if not path.exists():
        journal.write(path, [head])
        return empty
    lines = _lines(path)
    _check(path, lines, head)
    answers = _answers(path, lines)
    journal.read(path)  # what a kill cut short goes, now that the file is known to be of this run
    return answers


def record(path: Path, rows: Iterable[Prediction]) -> None:
    """Append the predictions of a finished pair; raises DataError if the file cannot be written."""
    journal.append(path, _of_rows(list(rows)))


def save(path: Path, answers: Predictions, asked: Mapping[str, Any] | None = None) -> None:
    """Write all predictions, sorted by pair; the file is written whole or not at all."""
    by_case = groupby(answers.sorted().rows, key=lambda row: row.case)
    cases = [list(rows) for _, rows in by_case]
    journal.write(path, [_head(replace(answers, rows=()), asked or {}), *map(_of_rows, cases)])


def load(path: str | Path) -> Predictions:
    """Return the predictions of a file; raises DataError if it is missing or no such journal."""
    return _answers(Path(path), _lines(Path(path)))


def _lines(path: Path) -> list[dict[str, Any]]:
    """Return the complete lines; a last line that a kill cut off is left out."""
    lines = []
    for number, line in enumerate(journal.complete(path), 1):
        try:
            lines.append(dict(json.loads(line)))
        except DAMAGE as error:
            raise journal.damaged(path, number, error) from error
    head = lines[0] if lines else {}
    if not ({"labels", "thresholds"} <= set(head) and isinstance(head.get("asked"), dict)):
        raise DataError(
            f"{path}: the first line must hold the request; the file is no journal of predictions."
        )
    return lines


def _check(path: Path, lines: list[dict[str, Any]], head: dict[str, Any]) -> None:
    stored, current = (
        {**line["asked"], "labels": line["labels"], "thresholds": line["thresholds"]}
        for line in (lines[0], json.loads(json.dumps(head)))
    )
    differ = resume.differing(stored, current)
    if differ:
        raise DataError(
            f"{path}: a run can only be resumed with the same arguments, got different "
            f"{', '.join(differ)}; choose another output folder, or remove the file."
        )


def _head(empty: Predictions, asked: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "asked": dict(asked),
        "labels": list(empty.labels),
        "thresholds": list(empty.thresholds),
    }


def _of_rows(rows: list[Prediction]) -> dict[str, Any]:
    """Return the predictions of one pair as a JSON object; `_rows` is the inverse."""
    first = rows[0]
    return {
        **{name: getattr(first, name) for name in OF_CASE},
        "answers": {
            row.restorer: {
                "probabilities": list(row.probabilities),
                "measures": {name: _to_json(value) for name, value in row.measures.items()},
            }
            for row in rows
        },
    }


def _answers(path: Path, lines: list[dict[str, Any]]) -> Predictions:
    head, *cases = lines
    rows: dict[str, list[Prediction]] = {}  # a pair counts once, however often it was recorded
    number = 1
    try:
        labels, thresholds = tuple(map(_text, head["labels"])), _numbers(head["thresholds"])
        for line in cases:
            number += 1
            rows.setdefault(line["case"], _rows(line, len(labels)))
    except DAMAGE as error:
        raise journal.damaged(path, number, error) from error
    return Predictions(labels, thresholds, tuple(chain.from_iterable(rows.values())))


def _rows(line: dict[str, Any], count: int) -> list[Prediction]:
    """Return the predictions of a line; raises one of DAMAGE for a damaged line.

    count: number of the classifier's labels.
    """
    of_case: dict[str, Any] = {name: _text(line[name]) for name in ("case", "group", "blur")}
    of_case["length"] = None if line["length"] is None else _number(line["length"])
    of_case |= {name: _numbers(line[name]) for name in ("labels", "thresholds")}
    if not set(of_case["labels"]) <= set(range(count)):
        raise ValueError(f"its labels must be below {count}, got {shown(line['labels'])}")
    listed = (of_case["thresholds"], *(p["probabilities"] for p in line["answers"].values()))
    if not {len(numbers) for numbers in listed} <= {0, count}:
        raise ValueError(f"there must be {count} probabilities and thresholds, or none")
    return [
        Prediction(
            restorer=restorer,
            probabilities=_numbers(prediction["probabilities"]),
            measures={name: _from_json(value) for name, value in prediction["measures"].items()},
            **of_case,
        )
        for restorer, prediction in line["answers"].items()
    ]


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"a name must be a text, got {shown(value)}")
    return value


def _number(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise TypeError(f"a number must be finite, got {shown(value)}")
    return value


def _numbers(values: Any) -> tuple[Any, ...]:
    return tuple(map(_number, values))


def _to_json(value: Numbers) -> Any:
    """Return a measure for JSON, which has no NaN: null instead."""
    if isinstance(value, list):
        return [_to_json(item) for item in value]
    return value if math.isfinite(value) else None


def _from_json(value: Any) -> Numbers:
    if isinstance(value, list):
        return [float("nan") if item is None else float(item) for item in value]
    return float("nan") if value is None else float(value)
