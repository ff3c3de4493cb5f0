"""Append-only journals: files of JSON lines from which an interrupted run continues.

A line is complete once its newline is written; an incomplete last line is dropped.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from unsmear.atomic import write_aside
from unsmear.errors import DataError

DAMAGE = (ValueError, TypeError, KeyError, AttributeError, RecursionError)
"""Exceptions that parsing a damaged line can raise."""


def append(path: Path, entry: Any) -> None:
    """Add an entry as one line; raises DataError if the journal cannot be written.

    entry: any value that JSON can represent; raises ValueError for NaN.
    """
    try:
        with path.open("ab") as file:
            file.write(_line(entry))
    except OSError as error:
        raise DataError(f"{path}: the journal cannot be written ({error.strerror}).") from error


def write(path: Path, entries: Iterable[Any]) -> None:
    """Write a whole journal, which appears complete or not at all."""
    write_aside(path, b"".join(map(_line, entries)))


def read(path: Path) -> list[bytes]:
    """Return the complete lines; an incomplete last line is removed from the file too.

    Raises DataError for a journal that cannot be read.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: the journal cannot be read ({error.strerror}).") from error
    complete = data[: data.rfind(b"\n") + 1]
    if complete != data:
        write_aside(path, complete)
    return complete.splitlines()


def damaged(path: Path, number: int, error: BaseException) -> DataError:
    """Return the error for a damaged line. number: of the line, from 1. error: one of DAMAGE."""
    return DataError(f"{path} line {number}: the line is damaged ({error}).")


def _line(entry: Any) -> bytes:
    return (json.dumps(entry, allow_nan=False) + "\n").encode()
