"""Command `unsmear evaluate`: scores of restoration methods on image pairs."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from unsmear import evaluate as scoring
from unsmear.choices import Channels, check_data_range
from unsmear.cli import batch
from unsmear.cli.console import show_table
from unsmear.cli.progress import map_with_progress
from unsmear.errors import MissingExtra
from unsmear.report.grid import Example, draw_grid

LONGEST = 20
"""Largest number of characters of a name beside a picture."""


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
    """Score restoration methods on pairs of sharp and blurred images.

    Writes scores.csv (and scores.parquet if pyarrow is installed), summary.csv, summary.md,
    timing.csv and grid.png to the output folder, and prints the summary.

    Parameters
    ----------
    pairs
        A folder with sharp/, blur/ and, if `unsmear prepare` wrote it, manifest.csv.
    output
        Output folder; created if it does not exist.
    method
        Method to score, as in `unsmear restore`: a name, or the path of a trained network's weights
        (runs/cells/best); repeat the option for several. Without it, all methods by name.
    kernel
        Kernel for non-blind methods: the true one of the manifest, the one estimated from the
        blurred image, or both in turn.
    split
        Use only the pairs of this split of the manifest: train, val or test.
    data_range
        Counts from black to white: 4095 for 12 bits in a 16-bit file. Without it, integer images
        use the range of their dtype; float images need it.
    channels
        How the channels of an image are given to trained networks, as in `unsmear restore`: auto,
        together, groups or alone.
    tile
        Side of the tiles, pixels, to save memory. The result is the same, except for networks that
        use the whole image (see `unsmear restore --help`).
    seed
        Random seed of the bootstrap.
    grid
        Draw the best, the median and the worst image of the best method.
    workers
        Number of images scored in parallel, each in its own process. The scores do not depend on
        it; the measured times do.
    """
    check_data_range(data_range)
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
    """Draw examples of the best method; without matplotlib print a warning instead."""
    best = scoring.find_best(lines)
    rows = [row for case in scored for row in case.rows]
    candidate = next((candidate for candidate in chosen if candidate.name == best), None)
    if candidate is None:
        return
    before = {row.name: row for row in rows if row.restorer == scoring.BLURRED}
    by_name = {case.name: case for case in cases}
    examples = []
    for place, row in scoring.find_examples(rows, best).items():
        trio = scoring.restore_case(by_name[row.name], candidate, tile)
        planes = [image.planes()[0] for image in trio]
        captions = [
            f"{scores.psnr:.2f} dB, SSIM {scores.ssim:.3f}" for scores in (before[row.name], row)
        ]
        name = row.name if len(row.name) <= LONGEST else row.name[: LONGEST - 1] + "…"
        title = f"{place}: {name}\n{row.blur}, {row.gain:+.2f} dB"
        examples.append(Example(title, *planes, *captions))
    try:
        draw_grid(path, examples, best)
    except MissingExtra as error:
        print(f"unsmear: {path.name} is not drawn. {error}", file=sys.stderr)
