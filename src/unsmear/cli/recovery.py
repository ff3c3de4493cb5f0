"""`unsmear recovery`: pairs in; what classifiers and measures find in restored images out."""

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
from unsmear.cli import batch
from unsmear.cli.console import show_table
from unsmear.cli.progress import map_with_progress
from unsmear.errors import DataError, MissingExtra
from unsmear.evaluate import Case
from unsmear.images.scaling import check_range
from unsmear.recovery import measures
from unsmear.recovery.analysis import examples
from unsmear.recovery.analysis.results import Results, conclude
from unsmear.recovery.collect import preflight, run
from unsmear.recovery.collect.ask import Request
from unsmear.recovery.output import csv_files, tables

PAGE = "recovery.html"
SHOWN = 5
"""Failures that the page names, at most."""


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
    """Ask whether the biology survived: what is found in sharp, blurred and restored images.

    Writes answers.jsonl, what was found in each image; recovery.md, recovery.html and tables of it
    as CSV files; and prints the main ones. A run that was stopped goes on where it was when the
    command is repeated.

    Parameters
    ----------
    pairs
        A folder with sharp/, blur/ and, where prepare made it, manifest.csv.
    output
        The folder to write to: new, or of this same command.
    classifier
        The weights of a classifier that `unsmear train` made: their path (runs/labels/best) or the
        run's folder; light-cells comes with the package, for drawn cells. It is asked for the
        labels of every image.
    method
        A method that restores, as in `unsmear restore`: a name, or the path of a trained network's
        weights (runs/cells/best); repeat it for several. All that have names where not given.
    kernel
        What methods that need a kernel are given: the manifest's true one, the one estimated from
        the blurred image, or each in turn.
    measure
        What else to ask: nuclei, intensity, colocalisation, texture, all of them, or a Python file
        with a function `measure`; repeat it for several. All where there is no classifier either.
    split
        Only the pairs of this split of the manifest: train, val or test.
    data_range
        Counts from black to white: 4095 for 12 bits in a 16-bit file. Integers have their dtype's
        where it is not given; floats need it.
    other_labels
        What becomes of true labels that the classifier does not know.
    seed
        Of the bootstrap's draws.
    workers
        Images restored and asked about at once, each in a process of its own; the answers are the
        same.
    """
    check_range(data_range)
    batch.check_folder(output)
    cases, problems = evaluate.find_cases(pairs, split)
    if not cases:
        raise DataError(f"{pairs}: there must be at least one pair, got none.")
    contenders = evaluate.contenders(method or (), kernel, cases)
    asked = None if classifier is None else classify.load(classifier)
    chosen = preflight.choose_measures(measure or (), cases, asked is not None)
    questions = Request(
        tuple(contenders),
        asked,
        tuple(map(measures.find, chosen)),
        data_range,
        leave_out=other_labels == "leave-out",
    )
    for problem in problems:
        print(problem, file=sys.stderr)
    weights = [*(method or ()), *([classifier] if classifier else [])]
    said = _warn(pairs, cases, weights, questions, split)
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
    results = _noted(results, said, [*problems, *unanswered])
    csv_files.write_all(output, results)
    _write_page(output / PAGE, results, pairs, cases, questions)
    return 1 if problems or unanswered else 0


def show(results: Results) -> None:
    """Print the main tables; what a reader must know beside them goes to stderr."""
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
    """Say what makes the numbers less worth, and return it.

    Raises DataError where labels make them nothing.
    """
    asked = questions.classifier
    sentences = preflight.missing_images(pairs, cases)
    sentences += evaluate.find_leakage(pairs, weights, split, cases)
    if asked is not None:
        sentences += [*asked.limits, *preflight.check_labels(cases, asked, questions.leave_out)]
    for sentence in sentences:
        print(f"Warning: {sentence}", file=sys.stderr)
    return sentences


def _noted(results: Results, said: Sequence[str], failed: Sequence[str]) -> Results:
    """Return the results with what the terminal said: who is sent the page has not seen it."""
    more = [f"{len(failed) - SHOWN} more images failed."] if len(failed) > SHOWN else []
    notes = dict.fromkeys([*said, *failed[:SHOWN], *more, *results.notes])
    return replace(results, notes=tuple(notes))


def _write_page(
    path: Path, results: Results, pairs: Path, cases: Sequence[Case], questions: Request
) -> None:
    """Write the page with a few images; without matplotlib say so and go on."""
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
                show_case(by_name[name], f"{name}, {said}", results, questions.contenders)
                for name, said in chosen.items()
            ],
            facts=facts,
        )
    except MissingExtra as error:
        print(f"unsmear: {path.name} is not written. {error}", file=sys.stderr)
