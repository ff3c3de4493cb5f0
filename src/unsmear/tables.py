"""Writing and reading of tables: CSV, Markdown and Parquet."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path
from typing import Any

from unsmear import plain_files
from unsmear.atomic import write_aside
from unsmear.errors import DataError, ImageError, MissingExtra, error_text

Record = dict[str, Any]
Table = list[list[str]]
"""Rows of cells, the header first."""


def decimals(value: float) -> str:
    """Return a number with six decimals; no "-0.000000"."""
    return f"{round(value, 6) + 0.0:.6f}"


def digits(value: float) -> str:
    """Return a number with six significant digits, nothing for NaN; no "-0"."""
    return "" if math.isnan(value) else f"{value + 0.0:.6g}"


def write_csv(
    path: Path,
    records: Sequence[Record],
    columns: Sequence[str] = (),
    number: Callable[[float], str] = decimals,
) -> None:
    """Write records with a header; None is an empty cell. The file is complete or not there at all.

    columns: the first columns; others follow in order of appearance. number: formats a float.
    """
    names = list(dict.fromkeys([*columns, *_columns(records)]))
    write_aside(path, _csv(names, records, number, header=True).encode())


def append_csv(path: Path, record: Record, number: Callable[[float], str] = decimals) -> None:
    """Add a record to a file, which begins with a header; raises ImageError where it cannot be."""
    new = not path.exists() or not path.stat().st_size
    try:
        with path.open("a", newline="") as lines:
            lines.write(_csv(list(record), [record], number, header=new))
    except OSError as error:
        raise ImageError(f"{path}: the file cannot be written ({error.strerror}).") from error


def _csv(
    columns: Sequence[str],
    records: Iterable[Record],
    number: Callable[[float], str],
    *,
    header: bool,
) -> str:
    stream = io.StringIO(newline="")
    writer = csv.DictWriter(stream, columns, lineterminator="\n")
    if header:
        writer.writeheader()
    for record in records:
        writer.writerow({name: _cell(value, number) for name, value in record.items()})
    return stream.getvalue()


def to_parquet(path: Path, records: Sequence[Record]) -> None:
    """Write records as a Parquet file, numbers in full; raises MissingExtra."""
    pyarrow, parquet = load_parquet()
    columns = _columns(records)
    table = pyarrow.table({name: [record.get(name) for record in records] for name in columns})
    stream = io.BytesIO()
    parquet.write_table(table, stream)
    write_aside(path, stream.getvalue())


def load_parquet() -> tuple[Any, Any]:
    """Return pyarrow and its Parquet module; raises MissingExtra if they are not installed."""
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise MissingExtra("Parquet files need pyarrow: pip install 'unsmear[parquet]'.") from error
    return pyarrow, parquet


def _columns(records: Iterable[Record]) -> list[str]:
    return list(dict.fromkeys(name for record in records for name in record))


def _cell(value: Any, number: Callable[[float], str]) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return number(value)
    return "" if value is None else str(value)


def markdown(table: Table) -> str:
    """Return a table in Markdown, with columns that are aligned as plain text."""
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    rule = "|" + "|".join("-" * (width + 1) + ":" for width in widths) + "|"
    head, *rows = [list(map(str.ljust, row, widths)) for row in table]
    return "\n".join([_line(head), "|:" + rule[2:].replace(":", "-", 1), *map(_line, rows)]) + "\n"


def narrow_markdown(table: Iterable[Sequence[str]], words: Collection[int] = (0,)) -> str:
    """Return a table in Markdown without padding, for rendered pages.

    words: indices of the columns with words; all others have numbers and are aligned to the right.
    """
    head, *rows = [[cell.replace("|", "/") for cell in row] for row in table]
    marks = ["---" if place in words else "---:" for place in range(len(head))]
    return "\n".join(map(_line, [head, marks, *rows])) + "\n"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def read(path: Path) -> list[dict[str, float]]:
    """Return the rows of a CSV file; none if it does not exist. Incomplete rows are left out.

    Raises DataError, with the file and the line, for what is no table of numbers.
    """
    if not path.exists():
        return []
    try:
        text = plain_files.read(path)
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: the table cannot be read ({error_text(error)}).") from error
    complete = text[: text.rfind("\n") + 1]  # a kill may have cut the last line
    rows = csv.DictReader(io.StringIO(complete, newline=""))
    try:
        return [
            {name: float(value) for name, value in row.items() if value != ""}
            for row in rows
            if None not in row and None not in row.values()
        ]
    except (ValueError, csv.Error) as error:
        raise DataError(
            f"{path} line {rows.reader.line_num}: the row is damaged ({error_text(error)})."
        ) from error
