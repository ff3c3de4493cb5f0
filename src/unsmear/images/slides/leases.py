"""Who makes a slide's result: one process at a time, in a hidden folder beside the result's place.

The folder outlives a process that was killed, so that the next one goes on with what is in it. The
lease does not: it is given back when the work ends, however that is.
"""

from __future__ import annotations

import glob
import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from unsmear import lease
from unsmear.errors import ImageError

UNFINISHED = ".part-of-slide"
"""Ending of the hidden folder in which a result is made."""
SOURCE = "source"
"""File with the name of the slide."""
BESIDE = "beside.txt"
"""File with the name of what is written beside the result."""
_LEASES: dict[Path, lease.Lease] = {}
_HELD: dict[Path, ExitStack] = {}
"""The results that this process is making, by their leases' files."""


def folder(path: Path) -> Path:
    """Return the hidden folder in which a result is made. path: of the result."""
    return path.with_name(f".{path.name}{UNFINISHED}")


def result_of(folder: Path) -> Path:
    """Return the path of the result that is made in a folder."""
    return folder.with_name(folder.name[1:].removesuffix(UNFINISHED))


def take(path: Path) -> None:
    """Let no other process make a result while this one lives and does not give it back.

    Raises ImageError for a result that another process is making, and OSError where no lease can
    be written.
    """
    file = _lease(path)
    if file in _LEASES and _LEASES[file].held():
        return
    _HELD.pop(file, ExitStack()).close()  # of a lease that another process has taken over
    file.parent.mkdir(parents=True, exist_ok=True)
    clock = file.with_name(f"{file.name}.{os.getpid()}.clock")
    try:
        taken = lease.Lease.take(file, lease.new_owner(), clock)
    except FileExistsError as error:
        raise ImageError(
            f"{path.name}: the result is being made by another process; wait for its end."
        ) from error
    finally:
        clock.unlink(missing_ok=True)
    _LEASES[file] = taken
    _HELD[file] = ExitStack()
    _HELD[file].enter_context(taken.renewing())


def give_back(path: Path) -> None:
    """Let other processes make a result; nothing happens where this one does not make it."""
    file = _lease(path)
    if file in _HELD:
        _HELD.pop(file).close()
        del _LEASES[file]
        for stray in file.parent.glob(f"{glob.escape(file.name)}.*"):  # of a kill as it was taken
            stray.unlink(missing_ok=True)


@contextmanager
def given_back(path: Path) -> Iterator[None]:
    """Give a result back at the end of the context, where it was not finished in it."""
    try:
        yield
    finally:
        give_back(path)


def begin(path: Path, source: Path) -> None:
    """Make the folder of a result, and say in it of which slide that is."""
    folder(path).mkdir(parents=True)
    (folder(path) / SOURCE).write_bytes(os.fsencode(source.name))


def note_beside(path: Path, other: Path) -> None:
    """Note in the folder of a result that another file is written beside it."""
    (folder(path) / BESIDE).write_bytes(os.fsencode(other.name))


def is_beside(path: Path, other: Path) -> bool:
    """Return whether a result that is not finished has another file beside it."""
    return _says(path, BESIDE, other)


def abandon(path: Path, source: Path | None = None) -> None:
    """Delete what a killed process left of a result; what a living one makes stays.

    source: the slide that it must be of; None for any.
    """
    if not folder(path).exists() and not _lease(path).exists():
        return
    if source is not None and not _says(path, SOURCE, source):
        return
    with suppress(ImageError, OSError):
        take(path)
        shutil.rmtree(folder(path), ignore_errors=True)
        give_back(path)


def _says(path: Path, what: str, file: Path) -> bool:
    """Return whether the folder of a result has the name of a file; what: SOURCE or BESIDE."""
    try:
        return (folder(path) / what).read_bytes() == os.fsencode(file.name)
    except OSError:
        return False


def _lease(path: Path) -> Path:
    return path.with_name(f".{path.name}.lease")
