"""`unsmear evaluate`: pairs in, scores, a summary and a figure out."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from unsmear import evaluate as scoring
from unsmear.cli import batch
from unsmear.cli.console import show_table
from unsmear.cli.progress import map_with_progress
from unsmear.errors import MissingExtra
from unsmear.images.scaling import check_range
from unsmear.report.grid import Example, draw_grid
from unsmear.restoration.learned.network_restorer import Channels

LONGEST = 20
"""Letters of a name beside a picture."""


def evaluate(
    pairs: Annotated[Path, Parameter(name="PAIRS")],
    /,
    *,
    output: Annotated[Path, Parameter(name=["--output", "-o"])],
    method: Annotated[list[str], Parameter(negative=())] | None = None,
    kernel: Literal["true", "estimated", "both"] = "both",
    split: str = "",
    data_range: float | None = None,
    channels: Channels = "auto",
    tile: int | None = None,
    seed: int = 0,
    grid: bool = True,
    workers: int = 1,
) -> int:
    """Score restorers on pairs of sharp and blurred images.

    Writes scores.csv (and scores.parquet where pyarrow is installed), summary.csv, summary.md,
    timing.csv and grid.png to the output folder, and prints the summary.

    Parameters
    ----------
    pairs
        A folder with sharp/, blur/ and, where prepare made it, manifest.csv.
    output
        The folder to write to; made where it is missing.
    method
        A method to score, as in `unsmear restore`: a name, or the path of a trained network's
        weights (runs/cells/best); repeat it for several. All that have names where not given.
    kernel
        What methods that need a kernel are given: the manifest's true one, the one estimated from
        the blurred image, or each in turn.
    split
        Only the pairs of this split of the manifest: train, val or test.
    data_range
        Counts from black to white: 4095 for 12 bits in a 16-bit file. Integers have their dtype's
        where it is not given; floats need it.
    channels
        How an image's channels meet those of trained networks, as in `unsmear restore`: auto,
        together, groups or alone.
    tile
        Work in tiles of this side, pixels, to save memory; the result is the same, save of a
        network that looks at the whole image (see `unsmear restore --help`).
    seed
        Of the bootstrap's draws.
    grid
        Draw the best, the median and the worst image of the best restorer.
    workers
        Images scored at once, each in a process of its own; the scores are the same, the times of
        a busy machine are not.
    """
    check_range(data_range)
    batch.check_folder(output)
    cases, problems = scoring.find_cases(pairs, split)
    chosen = scoring.contenders(method or (), kernel, cases, channels)
    for sentence in scoring.find_leakage(pairs, method or (), split, cases):
        print(sentence, file=sys.stderr)
    score = partial(scoring.score_case, contenders=chosen, data_range=data_range, tile=tile)
    scored = list(map_with_progress(score, cases, workers, "scored"))
    problems += [case.problem for case in scored if case.problem]
    for problem in problems:
        print(problem, file=sys.stderr)
    lines = scoring.write_all(output, scored, seed)
    show(lines, scoring.speeds(scored))
    if grid:
        _draw(output / "grid.png", cases, chosen, scored, lines, tile)
    return 1 if problems else 0


def show(lines: Sequence[scoring.Line], took: Sequence[scoring.Speed]) -> None:
    """Print the summary's two tables."""
    show_table("Mean and 95 % interval over all images", scoring.main_table(lines, took))
    show_table("Mean PSNR by blur, dB", scoring.lengths_table(lines))


def _draw(
    path: Path,
    cases: Sequence[scoring.Case],
    chosen: Sequence[scoring.MethodWithKernel],
    scored: Sequence[scoring.Scored],
    lines: Sequence[scoring.Line],
    tile: int | None,
) -> None:
    """Draw the best restorer's examples; without matplotlib say so and go on."""
    best = scoring.find_best(lines)
    rows = [row for case in scored for row in case.rows]
    contender = next((one for one in chosen if one.name == best), None)
    if contender is None:
        return
    before = {row.name: row for row in rows if row.restorer == scoring.BLURRED}
    by_name = {case.name: case for case in cases}
    examples = []
    for place, row in scoring.find_examples(rows, best).items():
        trio = scoring.restore_case(by_name[row.name], contender, tile)
        planes = [image.planes()[0] for image in trio]
        captions = [f"{one.psnr:.2f} dB, SSIM {one.ssim:.3f}" for one in (before[row.name], row)]
        name = row.name if len(row.name) <= LONGEST else row.name[: LONGEST - 1] + "…"
        title = f"{place}: {name}\n{row.blur}, {row.gain:+.2f} dB"
        examples.append(Example(title, *planes, *captions))
    try:
        draw_grid(path, examples, best)
    except MissingExtra as error:
        print(f"unsmear: {path.name} is not drawn. {error}", file=sys.stderr)
