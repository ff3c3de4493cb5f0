"""Names of the files that keep a run's record."""

from __future__ import annotations

from pathlib import Path

NAME = "unsmear-run"
"""Folder of the record in the output folder."""


def record(output: Path) -> Path:
    """Return the folder of the record of an output folder."""
    return output / NAME


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
