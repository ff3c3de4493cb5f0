"""Command `unsmear page`: report of a training run or of a batch."""

from __future__ import annotations

from pathlib import Path

from unsmear.cli.options.parameters import DryRun, MaybeOutputPath
from unsmear.cli.options.paths import check_local


def page(
    run: Path,
    /,
    *,
    output: MaybeOutputPath = None,
    dry_run: DryRun = False,
) -> int:
    """Write a report of a training run: curves, samples, configuration, how the run ended.

    Of the output folder of a batch: what became of each image, what was found in it, what failed.
    The run may still be in progress.

    Parameters
    ----------
    run
        Folder of a run of `unsmear train`, of a trial of `unsmear search`, or the output folder of
        `unsmear restore`.
    output
        Output file: .html, or for a training run also .md with its pictures beside it [default:
        RUN/page.html; of a batch RUN.unsmear-run/page.html].
    """
    check_local(output)
    from unsmear.cli.jobs import page as job

    return job.run(run, output, dry_run)
