"""Tables as files: CSV, Markdown and Parquet; floats in a CSV file have six decimals."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from unsmear.atomic import write_aside
from unsmear.errors import MissingExtra

Record = dict[str, Any]
Table = list[list[str]]
"""Rows of cells, the header first."""


def write_csv(path: Path, found: Sequence[Record]) -> None:
    """Write records with a header, floats with six decimals, nothing for None."""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, _columns(found), lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _cell(value) for name, value in record.items()} for record in found)
    write_aside(path, stream.getvalue().encode())


def to_parquet(path: Path, found: Sequence[Record]) -> None:
    """Write records as a Parquet file, numbers in full; raises MissingExtra."""
    pyarrow, parquet = load_parquet()
    columns = _columns(found)
    table = pyarrow.table({name: [record.get(name) for record in found] for name in columns})
    stream = io.BytesIO()
    parquet.write_table(table, stream)
    write_aside(path, stream.getvalue())


def load_parquet() -> tuple[Any, Any]:
    """Return the modules that write Parquet files; raises MissingExtra where they are not there."""
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise MissingExtra("Parquet files need pyarrow: pip install 'unsmear[parquet]'.") from error
    return pyarrow, parquet


def _columns(found: Iterable[Record]) -> list[str]:
    return list(dict.fromkeys(name for record in found for name in record))


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{round(value, 6) + 0.0:.6f}"  # + 0.0: no "-0.000000"
    return "" if value is None else str(value)


def markdown(table: Table) -> str:
    """Return a table in Markdown, its columns aligned for those who read it as text."""
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = ["| " + " | ".join(map(str.ljust, row, widths)) + " |" for row in table]
    rule = "|" + "|".join("-" * (width + 1) + ":" for width in widths) + "|"
    return "\n".join([lines[0], "|:" + rule[2:].replace(":", "-", 1), *lines[1:]]) + "\n"


def read(path: Path) -> list[dict[str, float]]:
    """Return the rows of one of the files; none where it is not there. A row cut short is left."""
    if not path.exists():
        return []
    with path.open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    return [
        {name: float(value) for name, value in row.items() if value != ""}
        for row in rows
        if None not in row and None not in row.values()
    ]
