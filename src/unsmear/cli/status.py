"""Command `unsmear status`: how far a batch is."""

from __future__ import annotations

from pathlib import Path


def status(folder: Path, /) -> int:
    """Say how far a batch of `unsmear restore` or `unsmear blur` is, and what failed.

    Reads the record that the batch keeps beside its output folder: how many images were restored,
    left unchanged, failed and passed over, how many are done in a minute, the time left, the images
    that are being worked on, why images failed. Works while the batch runs, after its end, and
    after a kill ("stopped"); nothing is changed.

    Parameters
    ----------
    folder
        Output folder of the batch, or the folder of its record. With --json the object has all
        failures; times are seconds.
    """
    from unsmear.cli.jobs.status import run as read

    return read(folder)
