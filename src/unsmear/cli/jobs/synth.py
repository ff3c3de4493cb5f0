"""Jobs of `unsmear synth`."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from unsmear.cli.console import say
from unsmear.cli.jobs.announcement import announce_all
from unsmear.cli.jobs.progress import map_with_progress
from unsmear.cluster import Where
from unsmear.data.labels import label_number
from unsmear.report import synthetic
from unsmear.synthetic import Plan, write_field, write_table


def label_numbers(names: str) -> tuple[int, ...]:
    """Return the numbers of labels that are given by number or name, separated by commas."""
    return tuple(sorted({label_number(text) for text in names.split(",") if text.strip()}))


def write_fields(plan: Plan, count: int, where: Where) -> None:
    """Write the fields that are not there yet, and the table of all."""
    written = sum(map_with_progress(partial(write_field, plan), range(count), where, "Fields"))
    table = write_table(plan, count)
    skipped = f", {count - written} already there" if written < count else ""
    height, width = plan.size
    say(
        f"{written} fields of {height}x{width} pixels made{skipped}; their labels are in {table}.",
        made=written,
        already_there=count - written,
        labels=table,
    )


def announce(output: Path | None, count: int, sheet: Path | None) -> None:
    """Say what would be written."""
    fields = "1 field" if count == 1 else f"{count} fields"
    written = [] if output is None else [f"{fields} in {output}", str(output / "train.csv")]
    written += [] if sheet is None else [str(sheet)]
    announce_all("files", [], written)


def write_sheet(path: Path, seed: int) -> None:
    """Write a figure of all patterns."""
    synthetic.write_sheet(path, seed)
    say(f"The 19 patterns are in {path}.", file=path)
