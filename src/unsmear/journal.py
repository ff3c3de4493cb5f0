"""Append-only journals: files of JSON lines, from which a run that was killed goes on.

A line is whole once its newline is written; one that a kill cut short is dropped.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from unsmear.atomic import write_aside
from unsmear.errors import DataError

DAMAGE = (ValueError, TypeError, KeyError, AttributeError, RecursionError)
"""What a line that holds something else raises on its way to what it should hold."""


def append(path: Path, entry: Any) -> None:
    """Add an entry as one line; raises DataError where the journal cannot be written.

    entry: what JSON knows, without NaN (ValueError).
    """
    try:
        with path.open("ab") as file:
            file.write(_line(entry))
    except OSError as error:
        raise DataError(f"{path}: the journal cannot be written ({error.strerror}).") from error


def write(path: Path, entries: Iterable[Any]) -> None:
    """Write a whole journal, which appears whole or not at all."""
    write_aside(path, b"".join(map(_line, entries)))


def read(path: Path) -> list[bytes]:
    """Return the whole lines; one that a kill cut short is dropped from the file also.

    Raises DataError for a journal that cannot be read.
    """
    try:
        held = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: the journal cannot be read ({error.strerror}).") from error
    whole = held[: held.rfind(b"\n") + 1]
    if whole != held:
        write_aside(path, whole)
    return whole.splitlines()


def damaged(path: Path, number: int, error: BaseException) -> DataError:
    """Return the error for the line of a number, from 1, that one of DAMAGE was raised for."""
    return DataError(f"{path} line {number}: the line is damaged ({error}).")


def _line(entry: Any) -> bytes:
    return (json.dumps(entry, allow_nan=False) + "\n").encode()
