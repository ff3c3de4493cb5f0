"""Command `unsmear classify`: a table of predicted labels and probabilities."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from unsmear.choices import check_data_range
from unsmear.cli.options.cluster import WhereOptions
from unsmear.cli.options.parameters import BatchOptions, DryRun, Inputs, OutputPath
from unsmear.cli.options.paths import check_local
from unsmear.cluster.where import HERE
from unsmear.errors import OptionError


def classify(
    inputs: Inputs,
    /,
    *,
    classifier: str,
    output: OutputPath,
    cells: Literal["segment"] | None = None,
    masks: Path | None = None,
    data_range: float | None = None,
    channels: str | None = None,
    axes: str | None = None,
    dry_run: DryRun = False,
    where: WhereOptions = HERE,
) -> int:
    """Predict the labels of images, or of each of their cells.

    Writes a table with one row per image or cell: the predicted labels, by number and by name, and
    the probability of each label. Intensities are not rescaled per image.

    Parameters
    ----------
    inputs
        Images, folders, globs or zip files; the files of an HPA field (ID_red.png ...) are one
        image.
    classifier
        Weights of a classifier from `unsmear train`: their path (runs/labels/best) or the folder of
        the run, for its best weights. Or light-cells, which comes with the package and is trained
        on synthetic cells.
    output
        Output table: a file that ends in .csv or .parquet.
    cells
        segment: segment the cells by their nuclei (blue channel), and classify each cell.
    masks
        Folder of cell masks, one file per image with the image's name: a pixel holds the number of
        its cell, 0 is background. Each cell is classified.
    data_range
        Counts from black to white: 4095 for 12 bits in a 16-bit file. Without it, integer images
        use the range of their dtype; float images need it.
    channels
        Channels to read of HPA fields, letters of RGBY; also the names of the channels in images
        that do not name them. Without it, such images are taken to have the classifier's channels,
        if the number is the same.
    axes
        Dimensions of the input files, letters of PSTCZYX; files whose metadata name them need none.
    """
    where.check()
    check_data_range(data_range)
    check_local(output)
    if cells is not None and masks is not None:
        raise OptionError(
            "--cells is not available with --masks, which already say where the cells are."
        )
    if masks is not None and not masks.is_dir():
        raise OptionError(f"--masks must be a folder of masks, got {masks}.")
    from unsmear.cli.jobs.classify import Classification, run

    job = Classification(
        classifier,
        output,
        segment=cells is not None,
        masks=masks,
        data_range=data_range,
        channels=channels or "",
    )
    return run(job, BatchOptions(inputs, axes, where), dry_run)
