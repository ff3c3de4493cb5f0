"""`unsmear classify`: images in, a table of labels and probabilities out."""

from __future__ import annotations

import sys
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from unsmear import classify as classifying
from unsmear.classify import tables
from unsmear.classify.predict import LabelPrediction, LabelRequest, predict_items
from unsmear.cli.progress import map_with_progress
from unsmear.data import hpa, source
from unsmear.errors import OptionError
from unsmear.images.scaling import check_range


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
    """Find the labels of images, or of each of their cells.

    Writes a table with one row an image or cell: the labels found, by number and by name, and the
    probability of each label. Intensities are taken as they are: no image is scaled by itself.

    Parameters
    ----------
    inputs
        Images, folders, globs or zip files; HPA fields (ID_red.png ...) count as one image.
    classifier
        The weights of a classifier that `unsmear train` made: their path (runs/labels/best) or the
        run's folder, which stands for the best; or light-cells, which comes with the package and
        knows drawn cells.
    output
        The table: a file ending in .csv or .parquet.
    cells
        segment: find each cell by its nucleus (blue channel), and classify it alone.
    masks
        Classify each cell of these masks: a folder with one file an image, of its name, in which
        the pixels of a cell have its number, and 0 is outside.
    data_range
        Counts from black to white: 4095 for 12 bits in a 16-bit file. Integers have their dtype's
        where it is not given; floats need it.
    channels
        Letters of RGBY: which channels of HPA fields to read, and what those of images without
        names are. Without it images without names have the classifier's, where there are as many.
    axes
        Letters of STCZYX, for files that do not say which of their dimensions is which.
    workers
        Processes that read and classify images; the table is the same.
    """
    check_range(data_range)
    if cells is not None and masks is not None:
        raise OptionError("--cells must go without --masks: these say where the cells are.")
    if masks is not None and not masks.is_dir():
        raise OptionError(f"--masks must be a folder of masks, got {masks}.")
    asked = classifying.load(classifier)
    tables.check(output, asked)
    for sentence in asked.limits:
        print(f"Warning: {sentence}", file=sys.stderr)
    assert asked.place is not None  # for mypy: it was loaded from there
    question = LabelRequest(
        asked.place,
        data_range,
        hpa.parse_channels(channels or ""),
        segment=cells is not None,
        masks=masks,
    )
    items = source.find(inputs, axes, channels or "")
    found: list[LabelPrediction] = []
    work = partial(predict_items, question)
    for some in map_with_progress(work, question.parts(items), workers, "classified"):
        found += some
        for one in some:
            if one.problem:
                print(one.problem, file=sys.stderr)
    made = tables.records(found, asked)
    if made:
        tables.write(output, made)
    failed = sum(bool(one.problem) for one in found)
    _show(made, asked.labels, len(found) - failed, failed, output, question.by_cell)
    return 1 if failed else 0


def _show(
    made: list[tables.Record],
    labels: tuple[str, ...],
    images: int,
    failed: int,
    output: Path,
    by_cell: bool,
) -> None:
    """Print how often each label was found, and the summary."""
    counts = Counter(name for record in made for name in record["labels"].split("|") if name)
    for name in labels:
        print(f"{counts[name]:6d}  {name}")
    what = f"{len(made)} cells of {images} images" if by_cell else f"{images} images"
    print(f"{what} classified, {failed} failed.")
    print(f"Written to {output}." if made else "Nothing was found to write.")
