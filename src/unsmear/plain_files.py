"""Files of users that are read whole, within bounds: what is no file, too large or nested without
end is refused before it costs time or memory.
"""

from __future__ import annotations

import errno
import json
import os
import tomllib
from pathlib import Path
from typing import Any

LARGEST = 512 * 2**20
"""Largest text file that is read, bytes; a manifest of a million pairs has less."""
NESTED = "it is nested too deeply"


def check(path: Path) -> None:
    """Raise OSError for a pipe or a device, whose reading may never end; `strerror` says why."""
    if path.exists() and not path.is_file() and not path.is_dir():
        raise OSError(errno.EINVAL, "it must be a file, got a pipe or a device")


def read_bytes(path: Path, largest: int = LARGEST) -> bytes:
    """Return what a file holds; raises OSError as `check`, and for more than `largest` bytes."""
    check(path)
    with path.open("rb") as stream:
        size = os.fstat(stream.fileno()).st_size
        if size > largest:
            raise OSError(
                errno.EFBIG, f"it must have at most {largest >> 20} MiB, got {size >> 20} MiB"
            )
        return stream.read()


def read(path: Path, largest: int = LARGEST) -> str:
    """Return the text of a file in UTF-8, without a byte-order mark.

    Raises OSError as `read_bytes`, and ValueError for another encoding.
    """
    return read_bytes(path, largest).decode("utf-8-sig")


def parse_json(text: str | bytes) -> Any:
    """Return the value of a JSON text; raises ValueError alone, however deep it is nested."""
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError(NESTED) from error


def parse_toml(text: str) -> dict[str, Any]:
    """Return the tables of a TOML text; raises ValueError alone, however deep it is nested."""
    try:
        return tomllib.loads(text)
    except RecursionError as error:
        raise ValueError(NESTED) from error


def read_json(path: Path) -> Any:
    """Return the value of a JSON file; raises OSError and ValueError."""
    return parse_json(read_bytes(path))


def read_toml(path: Path) -> dict[str, Any]:
    """Return the tables of a TOML file; raises OSError and ValueError."""
    return parse_toml(read(path))
