"""Job of `unsmear page`."""

from __future__ import annotations

from pathlib import Path

from unsmear.batches import layout, record
from unsmear.cli.console import say
from unsmear.cli.jobs.announcement import announce_all


def run(folder: Path, output: Path | None, dry_run: bool = False) -> int:
    """Write the report of a training run or a batch; return the exit code.

    folder: of the run or the batch. dry_run: whether it is only said.
    """
    of_batch = record.exists(folder)
    path = output or (layout.page(folder) if of_batch else folder / "page.html")
    if dry_run:
        return _announce_batch(folder, path) if of_batch else _announce_run(folder, path)
    if of_batch:
        from unsmear.report import batch_page

        batch_page.write(folder, path)
    else:
        from unsmear.report.training import page

        page.write(folder, path)
    say(f"The report is in {path}.", report=path)
    return 0


def _announce_batch(folder: Path, path: Path) -> int:
    record.read(folder)
    return announce_all("batch folders", [str(folder)], [path])


def _announce_run(folder: Path, path: Path) -> int:
    from unsmear.report.training import page

    return announce_all("runs", [str(folder)], page.check(folder, path))
