"""Names of the files that keep a run's record."""

from __future__ import annotations

import os
from pathlib import Path

NAME = "unsmear-run"
"""Name of the folder of a record, after that of the output folder if it lies beside that."""


def record(output: Path) -> Path:
    """Return the folder of the record of an output folder.

    It lies beside the output folder, which then holds results alone; in it where nothing can be
    written beside it, where it begins a disk of its own, where it is given as ".", and where a
    record lies in it. By whatever name a folder is given, a record that is there is found.
    """
    inside = output / NAME
    if inside.exists():
        return inside
    nameless = output.name in ("", "..")
    real = _followed(output) if nameless or output.is_symlink() else output
    if not real.name:  # the root of a disk
        return inside
    beside = real.with_name(f"{real.name}.{NAME}")
    if beside.exists():
        return beside
    return beside if not nameless and _has_place_beside(real) else inside


def is_record(folder: str) -> bool:
    """Return whether a folder of this name is that of a record."""
    return folder == NAME or folder.endswith(f".{NAME}")


def output_of(folder: Path) -> Path:
    """Return the output folder that a folder is the record of, itself if it is no record."""
    there = _followed(folder)  # "." has no name, and a link another
    if not is_record(there.name):
        return folder
    return there.parent if there.name == NAME else there.with_name(there.stem)


def _followed(folder: Path) -> Path:
    """Return where a folder is; a link that leads to itself is where it lies."""
    try:
        return folder.resolve()
    except (OSError, RuntimeError):
        return folder.absolute()


def _has_place_beside(output: Path) -> bool:
    """Return whether a folder can be made beside another, on the same disk."""
    try:
        parent = next(folder for folder in output.parents if folder.exists())
        same_disk = not output.exists() or output.stat().st_dev == output.parent.stat().st_dev
    except (OSError, StopIteration):
        return False
    return same_disk and os.access(parent, os.W_OK | os.X_OK)


def asked(output: Path) -> Path:
    """Return the file that says what was asked, call by call."""
    return record(output) / "run.toml"


def results(output: Path) -> Path:
    """Return the journal of what became of the images."""
    return record(output) / "results.jsonl"


def at_work(output: Path) -> Path:
    """Return the folder of what workers are busy with."""
    return record(output) / "at-work"


def lease(output: Path) -> Path:
    """Return the lease of the process that writes the record."""
    return record(output) / "lease"


def clock(output: Path) -> Path:
    """Return the file that tells the time of the disk."""
    return record(output) / "lease.clock"


def table(output: Path) -> Path:
    """Return the table that is written when a call has ended."""
    return record(output) / "results.csv"


def page(output: Path) -> Path:
    """Return the page that is written when a call has ended."""
    return record(output) / "page.html"
