"""Job of `unsmear page`."""

from __future__ import annotations

from pathlib import Path

from unsmear.report.training import page as report


def run(folder: Path, output: Path) -> None:
    """Write the report of a training run, whose folder this is."""
    written = report.write(folder, output)
    print(f"The report is in {written[0]}.")
