"""Atomic writing of files: a file appears complete or not at all."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import re
import shutil
import threading
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from unsmear.errors import ImageError

LARGE = 2**24
"""Size from which room is reserved for a file before it is written, bytes."""
ASIDE = re.compile(r"\.(?P<process>\d+)(-\d+)?\.part$")
"""End of the name of what is written aside, with the number of its process."""
Parts = Sequence[bytes | bytearray | memoryview]
"""A file's contents in pieces, so that large ones need not be joined in memory."""


class Pieces(list[bytes | bytearray | memoryview]):
    """A file's contents in pieces. unkept: what they have no room for, in words."""

    def __init__(self, pieces: Parts, unkept: tuple[str, ...] = ()) -> None:
        super().__init__(pieces)
        self.unkept = unkept


def write_aside(
    path: Path, data: bytes | Parts, check: Callable[[Path], None] | None = None
) -> None:
    """Write a file under a temporary name beside it, then rename it, so that none is incomplete.

    check: called with the temporary file before it takes its name; what it raises is raised here,
    and the file is deleted.

    Raises ImageError if the file cannot be written.
    """
    aside = _aside(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        parts = [data] if isinstance(data, bytes) else data
        with aside.open("wb", buffering=0) as file:
            _allocate(file.fileno(), sum(map(len, parts)))
            with io.BufferedWriter(file) as buffered:
                buffered.writelines(parts)
        if check is not None:
            check(aside)
        aside.replace(path)
    except OSError as error:
        raise ImageError(f"{path.name}: the file cannot be written ({error.strerror}).") from error
    finally:
        with contextlib.suppress(OSError):  # an error here would hide the one above
            aside.unlink(missing_ok=True)


def copy_aside(source: Path, path: Path) -> None:
    """Copy a file of any size under a temporary name, then rename it, so that none is incomplete.

    Raises ImageError if it cannot be read, or its copy not be written.
    """
    try:
        original = source.open("rb")
    except OSError as error:
        raise ImageError(f"{source.name}: the file cannot be read ({error.strerror}).") from error
    aside = _aside(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with original, aside.open("wb") as copied:
            shutil.copyfileobj(original, copied, LARGE)
        aside.replace(path)
    except OSError as error:
        raise ImageError(f"{path.name}: the file cannot be written ({error.strerror}).") from error
    finally:
        with contextlib.suppress(OSError):
            aside.unlink(missing_ok=True)


def _aside(path: Path) -> Path:
    """Return the temporary name of a file."""
    return path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.part")


def remove_abandoned(folder: Path, processes: Collection[int]) -> None:
    """Delete the temporary files and folders that killed processes left in a folder and below."""
    for path in folder.rglob(".*.part"):
        named = ASIDE.search(path.name)
        if named is not None and int(named["process"]) in processes:
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                with contextlib.suppress(OSError):
                    path.unlink(missing_ok=True)


def _allocate(file: int, size: int) -> None:
    """Reserve room for a large file, which is then written faster; a full disk is told at once."""
    if size >= LARGE and hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(file, 0, size)
        except OSError as error:
            if error.errno == errno.ENOSPC:
                raise
