"""Command `unsmear classify`: a table of predicted labels and probabilities."""

from __future__ import annotations

import sys
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from unsmear import classify as classifying
from unsmear.choices import check_data_range
from unsmear.classify import tables
from unsmear.classify.predict import LabelPrediction, LabelRequest, predict_items
from unsmear.cli import batch
from unsmear.cli.progress import map_with_progress
from unsmear.data import hpa, source
from unsmear.errors import OptionError


def classify(
    inputs: Annotated[list[str], Parameter(name="INPUT", negative=())],
    /,
    *,
    classifier: str,
    output: Annotated[Path, Parameter(name=["--output", "-o"])],
    cells: Literal["segment"] | None = None,
    masks: Path | None = None,
    data_range: float | None = None,
    channels: str | None = None,
    axes: str | None = None,
    workers: int = 1,
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
    workers
        Number of processes that read and classify images; the result does not depend on it.
    """
    check_data_range(data_range)
    if cells is not None and masks is not None:
        raise OptionError(
            "--cells is not available with --masks, which already say where the cells are."
        )
    if masks is not None and not masks.is_dir():
        raise OptionError(f"--masks must be a folder of masks, got {masks}.")
    loaded = classifying.load(classifier)
    tables.check(output, loaded)
    for sentence in loaded.limits:
        print(f"Warning: {sentence}", file=sys.stderr)
    assert loaded.place is not None  # for mypy: a loaded classifier has its path
    question = LabelRequest(
        loaded.place,
        data_range,
        hpa.parse_channels(channels or ""),
        segment=cells is not None,
        masks=masks,
    )
    survey = source.survey(inputs, axes, channels or "")
    predictions: list[LabelPrediction] = []
    work = partial(predict_items, question)
    for part in map_with_progress(work, question.parts(survey.items), workers, "classified"):
        predictions += part
        for prediction in part:
            if prediction.problem:
                print(prediction.problem, file=sys.stderr)
    records = tables.records(predictions, loaded)
    if records:
        tables.write(output, records)
    failed = sum(bool(prediction.problem) for prediction in predictions)
    _show(records, loaded.labels, len(predictions) - failed, failed, output, question.by_cell)
    code = batch.report_passed_over(survey)
    return 1 if failed else code


def _show(
    records: list[tables.Record],
    labels: tuple[str, ...],
    images: int,
    failed: int,
    output: Path,
    by_cell: bool,
) -> None:
    """Print how often each label was predicted, and the summary."""
    counts = Counter(name for record in records for name in record["labels"].split("|") if name)
    for name in labels:
        print(f"{counts[name]:6d}  {name}")
    what = f"{len(records)} cells of {images} images" if by_cell else f"{images} images"
    print(f"{what} classified, {failed} failed.")
    print(f"Written to {output}." if records else "No image or cell to write.")
