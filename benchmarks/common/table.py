"""A page of one table, beside the command that measures it, and the real fields of such pages."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.common.images import WHITE, scenes

FIELDS = ("proticelli", "hpa 256", "bbbc013", "dsb2018 520")
"""Data sets of which the first field is taken."""
Plane = NDArray[np.float64]
"""Array (y, x), black at 0 and white at 1."""


def plane_of(data: Path, name: str) -> Plane:
    """Return the channel of a field with the most contrast, at most 256 px, its brightest pixel 1.

    data: the folder of the data sets. name: of the data set.
    """
    planes = scenes(data, name, 1)[0].sharp[:, :256, :256].astype(np.float64) / WHITE
    plane = planes[planes.std(axis=(1, 2)).argmax()]
    return np.asarray(plane / plane.max(), np.float64)


def write(
    script: Path,
    description: str,
    title: str,
    note: str,
    columns: list[str],
    rows: Callable[[Path], Iterable[str]],
) -> None:
    """Read the command line, print the rows as they are measured, and write the page.

    script: the command's file, beside which the page lies. description: of the command.
    rows: gives the lines of the table from the folder of the data sets.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--data", type=Path, default=script.parent / "../../shared/data")
    lines = [f"# {title}", "", f"    python benchmarks/{script.name}", note]
    lines += [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
    for line in rows(parser.parse_args().data):
        print(line, flush=True)
        lines.append(line)
    script.with_suffix(".md").write_text("\n".join([*lines, ""]))
