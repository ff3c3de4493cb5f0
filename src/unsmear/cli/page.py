"""`unsmear page`: a training run on one page."""

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
    """Show a training run on one page: curves, samples, configuration, how it ended.

    A run that is still under way can be looked at too.

    Parameters
    ----------
    run
        The folder of `unsmear train`, or of a trial of `unsmear search`.
    output
        One file that ends in .html, or in .md with its pictures beside it [default: RUN/page.html].
    """
    written = report.write(run, output or run / "page.html")
    print(f"The page is {written[0]}.")
