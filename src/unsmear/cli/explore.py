"""Command `unsmear explore`: statistics of a data set as CSV files and figures."""

from __future__ import annotations

from unsmear.cli.options.cluster import WhereOptions
from unsmear.cli.options.parameters import DryRun, OutputPath
from unsmear.cli.options.paths import check_folder
from unsmear.cluster.where import HERE


def explore(
    source: str,
    /,
    *,
    output: OutputPath,
    axes: str | None = None,
    dry_run: DryRun = False,
    where: WhereOptions = HERE,
) -> int:
    """Describe a data set: labels, sizes, intensities, sharpness, correlation of channels.

    Parameters
    ----------
    source
        A label list (train.csv), or a folder, zip file, glob or file of images.
    output
        Output folder of the CSV files and figures.
    axes
        Dimensions of the input files, letters of PSTCZYX; files whose metadata name them need none.
    """
    where.check()
    check_folder(output)
    from unsmear.cli.jobs.explore import run

    return run(source, output, axes, where, dry_run)
