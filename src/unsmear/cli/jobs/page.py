"""Job of `unsmear page`."""

from __future__ import annotations

from pathlib import Path

from unsmear.batches import record
from unsmear.cli.console import say


def run(folder: Path, output: Path | None) -> None:
    """Write the report of a training run or a batch, whose folder this is."""
    path = _write(folder, output)
    say(f"The report is in {path}.", report=path)


def _write(folder: Path, output: Path | None) -> Path:
    if record.exists(folder):
        from unsmear.report import batch_page

        return batch_page.write(folder, output)
    from unsmear.report.training import page

    return page.write(folder, output or folder / "page.html")[0]
