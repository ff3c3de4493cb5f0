"""Append-only journals: files of JSON lines from which an interrupted run continues.

A line is complete once its newline is written; an incomplete last line is dropped.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from unsmear import plain_files
from unsmear.atomic import write_aside
from unsmear.errors import DataError, error_text

LARGEST = 4 * 2**30
"""Largest journal that is read, bytes."""
DAMAGE = (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError)
"""Exceptions that parsing a damaged line can raise."""


def append(path: Path, entry: Any) -> None:
    """Add an entry as one line; raises DataError if the journal cannot be written.

    entry: any value that JSON can represent; raises ValueError for NaN.
    """
    append_all(path, [entry])


def append_all(path: Path, entries: Iterable[Any]) -> None:
    """Add entries as one line each, in one write; raises what `append` raises."""
    lines = b"".join(map(_line, entries))
    try:
        with path.open("ab") as file:
            file.write(lines)
    except OSError as error:
        raise DataError(f"{path}: the journal cannot be written ({error.strerror}).") from error


def write(path: Path, entries: Iterable[Any]) -> None:
    """Write a whole journal, which appears complete or not at all."""
    write_aside(path, b"".join(map(_line, entries)))


def read(path: Path) -> list[bytes]:
    """Return the complete lines; an incomplete last line is removed from the file too.

    Raises DataError for a journal that cannot be read.
    """
    data = _read(path)
    whole = _whole(data)
    if whole != data:
        write_aside(path, whole)
    return whole.splitlines()


def complete(path: Path) -> list[bytes]:
    """Return the complete lines of a journal that another process may be writing.

    Raises DataError for a journal that cannot be read.
    """
    return _whole(_read(path)).splitlines()


def damaged(path: Path, number: int, error: BaseException) -> DataError:
    """Return the error for a damaged line. number: of the line, from 1. error: one of DAMAGE."""
    return DataError(f"{path} line {number}: the line is damaged ({error_text(error)}).")


def _line(entry: Any) -> bytes:
    return (json.dumps(entry, allow_nan=False) + "\n").encode()


def _read(path: Path) -> bytes:
    try:
        return plain_files.read_bytes(path, LARGEST)
    except OSError as error:
        raise DataError(f"{path}: the journal cannot be read ({error.strerror}).") from error


def _whole(data: bytes) -> bytes:
    return data[: data.rfind(b"\n") + 1]
