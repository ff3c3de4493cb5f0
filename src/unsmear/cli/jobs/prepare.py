"""Job of `unsmear prepare`."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from unsmear.blur import Sampler
from unsmear.cli.jobs import batch
from unsmear.cli.jobs.progress import map_with_progress
from unsmear.cli.options.parameters import BatchOptions
from unsmear.cli.options.prepare import blurs
from unsmear.data import source
from unsmear.data.prepare import Outcome, Preparation, Selection, Task
from unsmear.data.prepare import prepare as prepare_pairs

OF_PREPARATION = (
    "size",
    "tiles",
    "order",
    "fit",
    "bits",
    "input_range",
    "photons",
    "read_noise",
    "repeats",
)
"""Options that a `Preparation` has too, by the same names."""


def run(
    options: BatchOptions, output: Path, given: Mapping[str, Any], selection: Selection, seed: int
) -> int:
    """Write the pairs; return the exit code. given: the options of frames and blurs, by name."""
    reading: dict[str, Any] = {"axes": options.axes, "channels": given["channels"] or ""}
    survey = source.survey(options.inputs, **reading)
    report = prepare_pairs(
        survey.items,
        output,
        _preparation(given, seed),
        selection,
        partial(
            map_with_progress,
            where=options.where,
            description="prepared",
            key=_name,
            lost=_lost,
        ),
        reading,
    )
    for failure in report.failures:
        print(failure, file=sys.stderr)
    written = len(report.pairs) - report.present
    print(f"{written} pairs made, {report.present} already there, {len(report.failures)} failed.")
    code = batch.report_passed_over(survey)
    return 1 if report.failures else code


def _name(task: Task) -> str:
    return task.item.id


def _lost(_: Task, sentence: str) -> Outcome:
    return Outcome(failure=sentence)


def _preparation(given: Mapping[str, Any], seed: int) -> Preparation:
    chosen = {name: given[name] for name in OF_PREPARATION if given[name] is not None}
    return Preparation(sampler=Sampler(*blurs(given)), seed=seed, **chosen)
