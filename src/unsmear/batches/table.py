"""The table of a batch: a row for each exposure of each image, for R, pandas or a spreadsheet."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from unsmear.batches import advice, layout, record
from unsmear.batches.entry import Entry
from unsmear.batches.record import Record
from unsmear.tables import digits, write_csv

COLUMNS = (
    "image",
    "exposure",
    "action",
    "movement",
    "kind",
    "length",
    "length_error",
    "angle",
    "angle_error",
    "confidence",
    "tiles_replaced",
    "resolution_along",
    "resolution_across",
    "restored_along",
    "restored_across",
    "advice",
    "sentence",
    "warnings",
    "outputs",
    "report",
    "seconds",
    "done_at",
    "version",
)
"""Lengths and resolutions in pixels, angles in degrees anticlockwise from +x, fractions 0 to 1;
done_at in UTC. docs/reference/tables.md has all of them."""
STILL = ("none", "defocus")
"""Kinds of blur that have no length."""


def write(output: Path) -> Path:
    """Write the table of the batch in an output folder beside its record; return its path.

    An image of which nothing was found, such as one that failed, has one row.

    Raises OptionError where the folder holds no record, and ImageError where the table cannot be
    written.
    """
    run = record.read(output)
    rows = [row for entry in run.entries.values() for row in _rows(run, entry)]
    path = layout.table(output)
    write_csv(path, rows, COLUMNS, digits)
    return path


def _rows(run: Record, entry: Entry) -> Iterator[dict[str, Any]]:
    shared = {
        "image": entry.image,
        "tiles_replaced": entry.tiles_replaced,
        "sentence": entry.sentence,
        "warnings": "; ".join(entry.warnings),
        "outputs": "; ".join(entry.outputs),
        "report": entry.report,
        "seconds": entry.seconds,
        "done_at": datetime.fromtimestamp(entry.at, UTC).isoformat(timespec="seconds"),
        "version": run.session_of(entry).environment.get("unsmear", ""),
    }
    for found in entry.found or ({},):
        own = dict(found)
        own["exposure"] = own.pop("planes", "")
        own |= {"image": entry.image, "action": entry.action_of(found)}
        own["advice"] = advice.of(entry, found)
        if own.get("kind") in STILL:
            own["length"] = None
        row = {**shared, **own}
        yield {name: _encodable(row.get(name)) for name in COLUMNS}


def _encodable(value: Any) -> Any:
    """Return a value; a name that is no UTF-8 with escapes in place of its bytes."""
    if not isinstance(value, str):
        return value
    return value.encode("utf-8", "backslashreplace").decode("utf-8")
