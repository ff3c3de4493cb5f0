"""Command `unsmear page`: report of a training run."""

from __future__ import annotations

from pathlib import Path

from unsmear.cli.options.parameters import MaybeOutputPath


def page(
    run: Path,
    /,
    *,
    output: MaybeOutputPath = None,
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
    from unsmear.cli.jobs import page as job

    job.run(run, output or run / "page.html")
