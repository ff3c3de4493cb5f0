"""Resumable run over a folder of image pairs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import unsmear
from unsmear.data import manifest
from unsmear.evaluate import Case
from unsmear.recovery.collect import journal
from unsmear.recovery.collect.answers import Predictions
from unsmear.recovery.collect.ask import Asked, Request, attempt

Map = Callable[[Callable[[Case], Asked], Sequence[Case]], Iterable[Asked]]
"""Maps a function over pairs in order: `map`, or a version with processes and progress bar."""


def answer(
    folder: Path,
    cases: Sequence[Case],
    questions: Request,
    asked: dict[str, Any],
    each: Map = map,
) -> tuple[Predictions, list[str]]:
    """Return the predictions for all pairs, sorted by pair, and a message for each that failed.

    folder: where the journal is; predictions of an earlier run of the same request are reused.
    asked: see `describe`. each: maps a function over the pairs that are not finished yet.

    Raises DataError for a journal of another request, and OptionError where another run writes it.
    """
    classifier = questions.classifier
    empty = Predictions()
    if classifier is not None:
        empty = Predictions(classifier.labels, tuple(map(float, classifier.thresholds)))
    path = folder / journal.FILE
    with journal.holding(path):
        finished_rows = journal.begin(path, empty, asked)
        finished = set(finished_rows.cases)
        rows, problems = list(finished_rows.rows), []
        left = [case for case in cases if case.name not in finished]
        for result in each(partial(attempt, questions), left):
            if result.problem:
                problems.append(result.problem)
            else:
                journal.record(path, result.answers)
                rows += result.answers
    return replace(finished_rows, rows=tuple(rows)).sorted(), problems


def describe(
    pairs: Path,
    cases: Sequence[Case],
    questions: Request,
    measures: Sequence[str],
    split: str = "",
) -> dict[str, Any]:
    """Return all settings that the predictions depend on, for the first line of the journal.

    measures: names, or paths of Python files, of the requested measures.
    """
    listed = pairs / manifest.FILE
    names = "\n".join(case.name for case in cases)
    classifier = questions.classifier
    place = None if classifier is None else classifier.place
    return {
        "unsmear": unsmear.__version__,
        "manifest": _sum(listed) if listed.exists() else "",
        "pairs": sha256(names.encode()).hexdigest(),
        "classifier": "" if place is None else place.sha256,
        "views": 1 if classifier is None else classifier.views,
        "methods": [
            f"{contender.name}: {contender.method.cited}"
            if contender.method.cited
            else contender.name
            for contender in questions.contenders
        ],
        "measures": [_measure(name) for name in measures],
        "options": {
            "split": split,
            "data_range": questions.data_range,
            **({"other_labels": "leave-out"} if questions.leave_out else {}),
            **({"nuclei": questions.nuclei} if questions.nuclei else {}),
            **_true_nuclei(cases),
        },
    }


def _true_nuclei(cases: Sequence[Case]) -> dict[str, int]:
    """Return how many pairs have masks of the true nuclei, where any have."""
    count = sum(case.nuclei is not None for case in cases)
    return {"true_nuclei": count} if count else {}


def _measure(name: str) -> str:
    path = Path(name)
    return f"{path.name} {_sum(path)}" if path.suffix == ".py" else name


def _sum(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest()
