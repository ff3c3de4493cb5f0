"""Command `unsmear recovery`: labels and measurements preserved by restoration."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from unsmear import classify, evaluate
from unsmear.choices import check_data_range
from unsmear.cli import batch
from unsmear.cli.console import show_table
from unsmear.cli.progress import map_with_progress
from unsmear.errors import DataError, MissingExtra
from unsmear.evaluate import Case
from unsmear.recovery import measures
from unsmear.recovery.analysis import examples
from unsmear.recovery.analysis.results import Results, conclude
from unsmear.recovery.collect import preflight, run
from unsmear.recovery.collect.ask import Request
from unsmear.recovery.output import csv_files, tables

PAGE = "recovery.html"
SHOWN = 5
"""Largest number of failures listed on the page."""


def recovery(
    pairs: Annotated[Path, Parameter(name="PAIRS")],
    /,
    *,
    output: Annotated[Path, Parameter(name=["--output", "-o"])],
    classifier: str | None = None,
    method: Annotated[list[str], Parameter(negative=())] | None = None,
    kernel: Literal["true", "estimated", "both"] = "both",
    measure: Annotated[list[str], Parameter(negative=())] | None = None,
    split: str = "",
    data_range: float | None = None,
    other_labels: Literal["refuse", "leave-out"] = "refuse",
    seed: int = 0,
    workers: int = 1,
) -> int:
    """Measure whether restored images keep the labels, cells and intensities.

    Compares the predictions of a classifier and measurements on sharp, blurred and restored images.
    Writes answers.jsonl (the predictions for each image), recovery.md, recovery.html and tables as
    CSV files, and prints the main tables. Repeat the command to resume after an interruption.

    Parameters
    ----------
    pairs
        A folder with sharp/, blur/ and, if `unsmear prepare` wrote it, manifest.csv.
    output
        Output folder: a new folder, or one of the same command.
    classifier
        Weights of a classifier from `unsmear train`, which predicts the labels of every image:
        their path (runs/labels/best) or the folder of the run. Or light-cells, which comes with the
        package and is trained on synthetic cells.
    method
        Restoration method, as in `unsmear restore`: a name, or the path of a trained network's
        weights (runs/cells/best); repeat the option for several. Without it, all methods by name.
    kernel
        Kernel for non-blind methods: the true one of the manifest, the one estimated from the
        blurred image, or both in turn.
    measure
        Measurement: nuclei, intensity, colocalisation, texture, all, or a Python file with a
        function `measure`; repeat the option for several. Without a classifier, the default is all.
    split
        Use only the pairs of this split of the manifest: train, val or test.
    data_range
        Counts from black to white: 4095 for 12 bits in a 16-bit file. Without it, integer images
        use the range of their dtype; float images need it.
    other_labels
        True labels that the classifier does not know: refuse the pairs, or leave the labels out.
    seed
        Random seed of the bootstrap.
    workers
        Number of images processed in parallel, each in its own process; the results do not depend
        on it.
    """
    check_data_range(data_range)
    batch.check_folder(output)
    cases, problems = evaluate.find_cases(pairs, split)
    if not cases:
        raise DataError(f"{pairs}: there must be at least one pair, got none.")
    candidates = evaluate.contenders(method or (), kernel, cases)
    loaded = None if classifier is None else classify.load(classifier)
    chosen = preflight.choose_measures(measure or (), cases, loaded is not None)
    questions = Request(
        tuple(candidates),
        loaded,
        tuple(map(measures.find, chosen)),
        data_range,
        leave_out=other_labels == "leave-out",
    )
    for problem in problems:
        print(problem, file=sys.stderr)
    weights = [*(method or ()), *([classifier] if classifier else [])]
    cautions = _warn(pairs, cases, weights, questions, split)
    preflight.try_out(questions, cases)
    answers, unanswered = run.answer(
        output,
        cases,
        questions,
        run.describe(pairs, cases, questions, chosen, split),
        partial(map_with_progress, workers=workers, description="asked"),
    )
    for problem in unanswered:
        print(problem, file=sys.stderr)
    results = conclude(answers, seed)
    show(results)
    results = _add_notes(results, cautions, [*problems, *unanswered])
    csv_files.write_all(output, results)
    _write_page(output / PAGE, results, pairs, cases, questions)
    return 1 if problems or unanswered else 0


def show(results: Results) -> None:
    """Print the main tables; warnings go to stderr."""
    if results.aligned is not None:
        show_table("Scores in %, all images", tables.main_table(results.lines))
        show_table("F1 and recovery in %, 95 % intervals", tables.recovery_table(results.lines))
        title = "Agreement with the sharp images' labels, in %"
        show_table(title, tables.agreement_table(results.agreements))
    if results.measures:
        title = "Measures: correlation with the sharp images (and error recovered in %)"
        show_table(title, tables.nearness_table(results.measures))
    for sentence in (*results.warnings, *results.notes):
        print(f"Warning: {sentence}", file=sys.stderr)


def _warn(
    pairs: Path, cases: Sequence[Case], weights: list[str], questions: Request, split: str
) -> list[str]:
    """Print what limits the validity of the results, and return it.

    Raises DataError for labels that make the results meaningless.
    """
    loaded = questions.classifier
    sentences = preflight.missing_images(pairs, cases)
    sentences += evaluate.find_leakage(pairs, weights, split, cases)
    if loaded is not None:
        sentences += [*loaded.limits, *preflight.check_labels(cases, loaded, questions.leave_out)]
    for sentence in sentences:
        print(f"Warning: {sentence}", file=sys.stderr)
    return sentences


def _add_notes(results: Results, cautions: Sequence[str], failed: Sequence[str]) -> Results:
    """Return the results with the warnings and failures printed so far, for the page."""
    more = [f"{len(failed) - SHOWN} more images failed."] if len(failed) > SHOWN else []
    notes = dict.fromkeys([*cautions, *failed[:SHOWN], *more, *results.notes])
    return replace(results, notes=tuple(notes))


def _write_page(
    path: Path, results: Results, pairs: Path, cases: Sequence[Case], questions: Request
) -> None:
    """Write the page with example images; without matplotlib print a warning instead."""
    from unsmear.report.recovery import page as report
    from unsmear.report.recovery.examples import show_case

    chosen = examples.choose(results)
    by_name = {case.name: case for case in cases}
    classifier = questions.classifier
    facts = {"pairs": pairs.resolve().name}
    if classifier is not None:
        facts["classifier"] = f"{classifier.name}, {classifier.card.get('network', '')}"
    try:
        report.write_page(
            path,
            results,
            title=f"Recovery: {pairs.resolve().name}",
            command=shlex.join(["unsmear", *sys.argv[1:]]),
            examples=[
                show_case(by_name[name], f"{name}, {reason}", results, questions.contenders)
                for name, reason in chosen.items()
            ],
            facts=facts,
        )
    except MissingExtra as error:
        print(f"unsmear: {path.name} is not written. {error}", file=sys.stderr)
