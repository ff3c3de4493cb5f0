"""Atomic writing of files: a file appears complete or not at all."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import re
import shutil
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import cache, lru_cache
from hashlib import sha256
from pathlib import Path

from unsmear import plain_files, processes
from unsmear.errors import ImageError

LARGE = 2**24
"""Size from which room is reserved for a file before it is written, bytes."""
ASIDE = re.compile(r"\.(?P<process>\d{1,9})(-\d+)?(-(?P<machine>[0-9a-f]{8}))?\.part$")
"""End of the name of what is written aside, with the number of its process and its machine."""
LONGEST_NAME = 255
"""Bytes that a name has in most file systems."""
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
    parts = [data] if isinstance(data, bytes) else data
    with written_aside(path) as aside:
        with aside.open("wb", buffering=0) as file:
            _allocate(file.fileno(), sum(map(len, parts)))
            with io.BufferedWriter(file) as buffered:
                buffered.writelines(parts)
        if check is not None:
            check(aside)


def copy_aside(source: Path, path: Path) -> None:
    """Copy a file of any size under a temporary name, then rename it, so that none is incomplete.

    Raises ImageError if it cannot be read, or its copy not be written.
    """
    try:
        original = source.open("rb")
    except OSError as error:
        raise ImageError(f"{source.name}: the file cannot be read ({error.strerror}).") from error
    with original, written_aside(path) as aside, aside.open("wb") as copied:
        shutil.copyfileobj(original, copied, LARGE)


@contextlib.contextmanager
def written_aside(path: Path) -> Iterator[Path]:
    """Give the temporary name of a file, which takes its own at the end, or is deleted.

    Raises ImageError for every OSError inside, and in place of a pipe or a device: the file cannot
    be written.
    """
    aside = name_aside(path)
    try:
        plain_files.check(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        yield aside
        aside.replace(path)
    except OSError as error:
        raise ImageError(f"{path.name}: the file cannot be written ({error.strerror}).") from error
    finally:
        with contextlib.suppress(OSError):  # an error here would hide the one above
            aside.unlink(missing_ok=True)


def name_aside(path: Path) -> Path:
    """Return a temporary name beside a file or folder, of this thread of this machine alone.

    Where a file system has no room for a name that is so much longer, a checksum takes its place.
    With the first name in a folder goes what dead processes of this machine have left there.
    """
    _sweep_once(path.parent)
    ending = f".{os.getpid()}-{threading.get_ident()}-{_machine()}.part"
    name = os.fsencode(path.name)
    if len(name) + len(ending) >= LONGEST_NAME:
        return path.with_name(f".{sha256(name).hexdigest()[:32]}{ending}")
    return path.with_name(f".{path.name}{ending}")


@cache
def _machine() -> str:
    return sha256(processes.machine().encode()).hexdigest()[:8]


def sweep(folder: Path) -> None:
    """Delete what processes of this machine that are dead have left in a folder and below."""
    for root, folders, files in os.walk(folder):
        for name in [*folders, *files]:
            if _is_abandoned(name):
                _remove(Path(root, name))
        # The folders of a Zarr are many, and it is written aside as a whole.
        folders[:] = [name for name in folders if not name.endswith((".zarr", ".part"))]


@lru_cache(maxsize=1024)
def _sweep_once(folder: Path) -> None:
    """Delete what dead processes have left in a folder, and not below; only names that are surely
    ours, for it is any folder.
    """
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            named = ASIDE.search(entry.name)
            if named is not None and named["machine"] and _is_abandoned(entry.name):
                _remove(Path(entry))


def _is_abandoned(name: str) -> bool:
    named = ASIDE.search(name)
    if not name.startswith(".") or named is None or named["machine"] not in (None, _machine()):
        return False
    return not processes.may_live(int(named["process"]))


def remove_abandoned(folder: Path, processes: Collection[int]) -> None:
    """Delete the temporary files and folders that killed processes left in a folder and below."""
    for path in folder.rglob(".*.part"):
        named = ASIDE.search(path.name)
        if named is not None and int(named["process"]) in processes:
            _remove(path)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
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
