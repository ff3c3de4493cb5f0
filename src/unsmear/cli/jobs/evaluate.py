"""Job of `unsmear evaluate`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from unsmear import evaluate as scoring
from unsmear.choices import Channels, KernelSource
from unsmear.cli.console import say, show_table
from unsmear.cli.jobs.announcement import announce_all
from unsmear.cli.jobs.progress import map_with_progress
from unsmear.cluster import Where
from unsmear.errors import MissingExtra
from unsmear.evaluate import finished
from unsmear.evaluate.finished import Finished
from unsmear.report.grid import Example, draw_grid
from unsmear.report.scores import draw_scores

GRID, PARQUET = "grid.png", "scores.parquet"
FILES = ("scores.csv", "summary.csv", "summary.md", "timing.csv", "scores.png", GRID)
"""Files that are written, beside PARQUET where pyarrow is installed."""
LONGEST = 20
"""Largest number of characters of a name beside a picture."""


@dataclass(frozen=True)
class Evaluation:
    """What is scored, see the help of `unsmear evaluate`."""

    pairs: Path
    split: str
    methods: tuple[str, ...]
    kernel: KernelSource
    channels: Channels
    data_range: float | None
    tile: int | None


@dataclass(frozen=True)
class Scores:
    """The scores of all pairs.

    contenders: methods, each with its kernels. lines: the summary.
    """

    cases: Sequence[scoring.Case]
    contenders: Sequence[scoring.MethodWithKernel]
    scored: Sequence[scoring.Scored]
    lines: Sequence[scoring.Line]


def run(
    job: Evaluation, output: Path, seed: int, grid: bool, where: Where, dry_run: bool = False
) -> int:
    """Score the methods and write the tables; return the exit code.

    seed: of the bootstrap. grid: whether examples are drawn. dry_run: whether it is only said.
    """
    scoring.check_folder(output)
    cases, problems = scoring.find_cases(job.pairs, job.split)
    chosen = scoring.contenders(job.methods, job.kernel, cases, job.channels)
    if dry_run:
        say(f"methods: {'; '.join(one.name for one in chosen)}.")
        files = [*FILES, *([PARQUET] if find_spec("pyarrow") else [])]
        files = [name for name in files if grid or name != GRID]
        return announce_all("pairs", [case.name for case in cases], [output / f for f in files])
    for sentence in scoring.find_leakage(job.pairs, job.methods, job.split, cases):
        say(sentence, sys.stderr)
    options = {"data_range": job.data_range, "tile": job.tile, "channels": job.channels}
    asked = finished.describe(job.pairs, chosen, options)
    with finished.keeping(output, asked, cases) as kept:
        scored = _score(job, cases, chosen, kept, where)
        problems += [case.problem for case in scored if case.problem]
        for sentence in [*problems, *scoring.remarks(scored, job.data_range)]:
            say(sentence, sys.stderr)
        lines = scoring.write_all(output, scored, seed)
        scores = Scores(cases, chosen, scored, lines)
        _attempt(_draw_scores, output / "scores.png", scores)
        if grid:
            _attempt(partial(_draw_examples, tile=job.tile), output / GRID, scores)
        if not any(case.problem for case in scored):
            kept.forget()
    show(lines, scoring.speeds(scored))
    return 1 if problems else 0


def _score(
    job: Evaluation,
    cases: Sequence[scoring.Case],
    contenders: Sequence[scoring.MethodWithKernel],
    kept: Finished,
    where: Where,
) -> list[scoring.Scored]:
    """Return the scores of all pairs; those that are on record are not scored again."""
    if kept.scored:
        say(
            f"{len(kept.scored)} of {len(cases)} pairs were scored before and are not scored again."
        )
    score = partial(
        scoring.score_case, contenders=contenders, data_range=job.data_range, tile=job.tile
    )
    left = [case for case in cases if case.name not in kept.scored]
    failed = {}
    try:
        results = map_with_progress(score, left, where, "scored", _name, _lost)
        for case, result in zip(left, results, strict=True):
            if result.problem:
                failed[case.name] = result
            else:
                kept.record(case.name, result)
    except KeyboardInterrupt:
        if kept.scored:
            say(f"{len(kept.scored)} pairs are on record; the same command goes on.", sys.stderr)
        raise
    return [failed[case.name] if case.name in failed else kept.scored[case.name] for case in cases]


def _name(case: scoring.Case) -> str:
    return case.name


def _lost(_: scoring.Case, sentence: str) -> scoring.Scored:
    return scoring.Scored(problem=sentence)


def show(lines: Sequence[scoring.Line], took: Sequence[scoring.Speed]) -> None:
    """Print the summary's two tables."""
    show_table("Mean and 95 % interval over all images", scoring.main_table(lines, took))
    show_table("Mean PSNR by blur, dB", scoring.lengths_table(lines))


def _attempt(draw: Callable[[Path, Scores], None], path: Path, scores: Scores) -> None:
    """Draw a figure; without matplotlib print a warning instead."""
    try:
        draw(path, scores)
    except MissingExtra as error:
        say(f"unsmear: {path.name} is not drawn. {error}", sys.stderr)


def _draw_scores(path: Path, scores: Scores) -> None:
    """Draw the scores of all images."""
    rows = [row for case in scores.scored for row in case.rows]
    draw_scores(path, rows, scores.lines)


def _draw_examples(path: Path, scores: Scores, tile: int | None) -> None:
    """Draw examples of the best method."""
    best = scoring.find_best(scores.lines)
    method = next((one for one in scores.contenders if one.name == best), None)
    if method is None:
        return
    draw_grid(path, _examples(scores, method, tile), best)


def _examples(scores: Scores, method: scoring.MethodWithKernel, tile: int | None) -> list[Example]:
    """Return the best, the median and the worst image of a method."""
    rows = [row for case in scores.scored for row in case.rows]
    before = {row.name: row for row in rows if row.restorer == scoring.BLURRED}
    by_name = {case.name: case for case in scores.cases}
    examples = []
    for place, row in scoring.find_examples(rows, method.name).items():
        trio = scoring.restore_case(by_name[row.name], method, tile)
        planes = [image.planes()[0] for image in trio]
        captions = [f"{of.psnr:.2f} dB, SSIM {of.ssim:.3f}" for of in (before[row.name], row)]
        name = row.name if len(row.name) <= LONGEST else row.name[: LONGEST - 1] + "…"
        title = f"{place}: {name}\n{row.blur}, {row.gain:+.2f} dB"
        examples.append(Example(title, *planes, *captions))
    return examples
