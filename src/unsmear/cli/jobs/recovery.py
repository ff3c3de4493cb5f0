"""Job of `unsmear recovery`."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from unsmear import classify, evaluate
from unsmear.choices import KernelSource
from unsmear.cli.console import say, show_table
from unsmear.cli.jobs.announcement import announce_all
from unsmear.cli.jobs.progress import map_with_progress
from unsmear.cluster import Where
from unsmear.errors import DataError, MissingExtra
from unsmear.evaluate import Case
from unsmear.recovery import measures
from unsmear.recovery.analysis import examples
from unsmear.recovery.analysis.results import Results, conclude
from unsmear.recovery.collect import preflight
from unsmear.recovery.collect import run as collecting
from unsmear.recovery.collect.ask import Asked, Request
from unsmear.recovery.output import csv_files, tables, tidy

PAGE, CSV = "recovery.html", "*.csv"
SHOWN = 5
"""Largest number of failures listed on the page."""


@dataclass(frozen=True)
class Comparison:
    """What is compared, see the help of `unsmear recovery`.

    measures: names, or paths of Python files. leave_out: labels that the classifier does not know.
    nuclei: the channel that shows them; "" for what its name says.
    """

    pairs: Path
    split: str
    classifier: str | None
    methods: tuple[str, ...]
    kernel: KernelSource
    measures: tuple[str, ...]
    data_range: float | None
    leave_out: bool
    nuclei: str = ""

    @property
    def weights(self) -> list[str]:
        """Return everything that may be weights, whose training data may hold the pairs."""
        return [*self.methods, *([self.classifier] if self.classifier else [])]


def run(job: Comparison, output: Path, seed: int, where: Where, dry_run: bool = False) -> int:
    """Collect the answers, print and write what follows; return the exit code.

    dry_run: whether it is only said.
    """
    cases, problems = evaluate.find_cases(job.pairs, job.split)
    if not cases:
        raise DataError(f"{job.pairs}: there must be at least one pair, got none.")
    request, chosen, left_out = _request(job, cases)
    _print_all(problems)
    cautions = _warn(job, cases, request, left_out)
    preflight.try_out(request, cases)
    if dry_run:
        say(f"methods: {'; '.join(one.name for one in request.contenders)}.")
        say(f"measures: {', '.join(chosen) or 'none'}.")
        return announce_all("pairs", [case.name for case in cases], [output / PAGE, output / CSV])
    answers, unanswered = collecting.answer(
        output,
        cases,
        request,
        collecting.describe(job.pairs, cases, request, chosen, job.split),
        partial(map_with_progress, where=where, description="asked", key=_name, lost=_lost),
    )
    _print_all(unanswered)
    results = conclude(answers, seed)
    noted = _add_notes(results, cautions, [*problems, *unanswered])
    csv_files.write_all(output, noted)
    tidy.write(output, answers)
    _write_page(output / PAGE, noted, job.pairs, cases, request)
    show(results)
    say(f"All of it on one page: {output / PAGE}.", page=output / PAGE)
    return 1 if problems or unanswered else 0


def _request(job: Comparison, cases: Sequence[Case]) -> tuple[Request, list[str], list[str]]:
    """Return what is asked of every case, the names of its measures, and why some are left out."""
    contenders = evaluate.contenders(job.methods, job.kernel, cases)
    loaded = None if job.classifier is None else classify.load(job.classifier)
    chosen, left_out = preflight.choose_measures(
        job.measures, cases, loaded is not None, job.nuclei
    )
    request = Request(
        tuple(contenders),
        loaded,
        tuple(map(measures.find, chosen)),
        job.data_range,
        leave_out=job.leave_out,
        nuclei=job.nuclei,
    )
    return request, chosen, left_out


def _name(case: Case) -> str:
    return case.name


def _lost(_: Case, sentence: str) -> Asked:
    return Asked(problem=sentence)


def _print_all(problems: Sequence[str]) -> None:
    for problem in problems:
        say(problem, sys.stderr)


def show(results: Results) -> None:
    """Print the main tables; warnings go to stderr."""
    if results.measures:
        show_table(csv_files.BIAS, tables.bias_table(results.measures), words=(0, 1))
    if results.aligned is not None:
        show_table("Scores in %, all images", tables.main_table(results.lines))
        show_table("F1 and recovery in %, 95 % intervals", tables.recovery_table(results.lines))
        title = "Agreement with the sharp images' labels, in %"
        show_table(title, tables.agreement_table(results.agreements))
    if results.detections:
        title = "F1 of the nuclei detected by intersection over union, in %"
        show_table(title, tables.detection_table(results.detections, "f1"))
    if results.measures:
        title = "Measures: correlation with the sharp images (and error recovered in %)"
        show_table(title, tables.nearness_table(results.measures))
    for sentence in (*results.warnings, *results.notes):
        say(f"Warning: {sentence}", sys.stderr)


def _warn(
    job: Comparison, cases: Sequence[Case], request: Request, left_out: Sequence[str]
) -> list[str]:
    """Print what limits the validity of the results, and return it.

    Raises DataError for labels that make the results meaningless.
    """
    loaded = request.classifier
    sentences = [*left_out, *preflight.missing_images(job.pairs, cases)]
    sentences += evaluate.find_leakage(job.pairs, job.weights, job.split, cases)
    if loaded is not None:
        sentences += [*loaded.limits, *preflight.check_labels(cases, loaded, request.leave_out)]
    for sentence in sentences:
        say(f"Warning: {sentence}", sys.stderr)
    return sentences


def _add_notes(results: Results, cautions: Sequence[str], failed: Sequence[str]) -> Results:
    """Return the results with the warnings and failures printed so far, for the page."""
    more = [f"{len(failed) - SHOWN} more images failed."] if len(failed) > SHOWN else []
    notes = dict.fromkeys([*cautions, *failed[:SHOWN], *more, *results.notes])
    return replace(results, notes=tuple(notes))


def _write_page(
    path: Path, results: Results, pairs: Path, cases: Sequence[Case], request: Request
) -> None:
    """Write the page with example images; without matplotlib print a warning instead."""
    from unsmear.report.recovery import page as report
    from unsmear.report.recovery.examples import show_case

    chosen = examples.choose(results)
    by_name = {case.name: case for case in cases}
    classifier = request.classifier
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
                show_case(by_name[name], f"{name}, {reason}", results, request.contenders)
                for name, reason in chosen.items()
            ],
            facts=facts,
        )
    except MissingExtra as error:
        say(f"unsmear: {path.name} is not written. {error}", sys.stderr)
