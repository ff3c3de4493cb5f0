"""Command `unsmear synth`: synthetic fields of cells in the layout of the HPA competition."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from unsmear.cli.batch import check_folder
from unsmear.cli.progress import map_with_progress
from unsmear.data.labels import label_number
from unsmear.errors import OptionError
from unsmear.report import synthetic as sheet_
from unsmear.synthetic import Plan, write_field, write_table


def synth(
    *,
    output: Annotated[Path | None, Parameter(name=["--output", "-o"])] = None,
    count: int = 100,
    size: int = 512,
    seed: int = 0,
    pixel_size: float = 0.16,
    bits: int = 8,
    labels: str = "",
    workers: int = 1,
    sheet: Path | None = None,
) -> None:
    """Generate synthetic fields of cells with the 19 patterns of the Human Protein Atlas.

    Writes ID_red.png, ID_green.png, ID_blue.png and ID_yellow.png, masks of cells and nuclei in
    masks/, and train.csv. The files depend on the seed, not on the number of workers. Fields that
    already exist are skipped.

    Parameters
    ----------
    output
        Output folder.
    count
        Number of fields.
    size
        Side of a field, pixels.
    seed
        Random seed of the fields.
    pixel_size
        Pixel size, micrometres; 0.08 is the full resolution of the HPA.
    bits
        Bit depth, 8 or 16.
    labels
        Labels to draw from, by number or name, separated by commas: "0,16,Golgi apparatus"
        [default: all 19].
    workers
        Number of parallel processes.
    sheet
        Output file for a figure of all 19 patterns; without --output only this is written.
    """
    if output is None and sheet is None:
        raise OptionError("--output or --sheet must be given, got neither.")
    if output is not None:
        _write(check_folder(output), count, size, seed, pixel_size, bits, labels, workers)
    if sheet is not None:
        sheet_.write_sheet(sheet, seed)
        print(f"The 19 patterns are in {sheet}.")


def _write(
    output: Path,
    count: int,
    size: int,
    seed: int,
    pixel_size: float,
    bits: int,
    labels: str,
    workers: int,
) -> None:
    if count < 1:
        raise OptionError(f"count must be 1 or more, got {count}.")
    numbers = tuple(sorted({label_number(text) for text in labels.split(",") if text.strip()}))
    plan = Plan(output, seed, (size, size), pixel_size, bits, numbers)
    written = sum(map_with_progress(partial(write_field, plan), range(count), workers, "Fields"))
    table = write_table(plan, count)
    skipped = f", {count - written} already there" if written < count else ""
    print(f"{written} fields of {size}x{size} pixels made{skipped}; their labels are in {table}.")
