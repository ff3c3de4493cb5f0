"""Command `unsmear page`: report of a training run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from unsmear.report.training import page as report


def page(
    run: Path,
    /,
    *,
    output: Annotated[Path | None, Parameter(name=["--output", "-o"])] = None,
) -> None:
    """Write a report of a training run: curves, samples, configuration, how the run ended.

    The run may still be in progress.

    Parameters
    ----------
    run
        Folder of a run of `unsmear train`, or of a trial of `unsmear search`.
    output
        Output file: .html, or .md with its pictures beside it [default: RUN/page.html].
    """
    written = report.write(run, output or run / "page.html")
    print(f"The report is in {written[0]}.")
