"""Command `unsmear evaluate`: scores of restoration methods on image pairs."""

from __future__ import annotations

from unsmear.choices import Channels, check_data_range
from unsmear.cli.options.cluster import WhereOptions
from unsmear.cli.options.pairs import ComparedOptions
from unsmear.cli.options.parameters import DryRun, OutputPath, Pairs
from unsmear.cli.options.paths import check_folder
from unsmear.cluster.where import HERE


def evaluate(
    pairs: Pairs,
    /,
    *,
    output: OutputPath,
    compared: ComparedOptions = ComparedOptions(),
    channels: Channels = "auto",
    tile: int | None = None,
    seed: int = 0,
    grid: bool = True,
    dry_run: DryRun = False,
    where: WhereOptions = HERE,
) -> int:
    """Score restoration methods on pairs of sharp and blurred images.

    Writes scores.csv (and scores.parquet if pyarrow is installed), summary.csv, summary.md,
    timing.csv, scores.png (a chart of all images) and grid.png (examples) to the output folder, and
    prints the summary. Repeat the command to resume after an interruption.

    Parameters
    ----------
    pairs
        A folder with sharp/, blur/ and, if `unsmear prepare` wrote it, manifest.csv.
    output
        Output folder; created if it does not exist.
    channels
        How the channels of an image are given to trained networks, as in `unsmear restore`: auto,
        together, groups or alone.
    tile
        Side of the tiles, pixels, to save memory. The result is the same, except for networks that
        use the whole image (see `unsmear restore --help`).
    seed
        Random seed of the bootstrap.
    grid
        Draw the best, the median and the worst image of the best method (grid.png).
    """
    where.check()
    check_data_range(compared.data_range)
    check_folder(output)
    from unsmear.cli.jobs.evaluate import Evaluation, run

    job = Evaluation(
        pairs,
        compared.split,
        tuple(compared.method or ()),
        compared.kernel,
        channels,
        compared.data_range,
        tile,
    )
    return run(job, output, seed, grid, where, dry_run)
