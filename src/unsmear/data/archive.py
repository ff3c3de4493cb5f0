"""Members of zip files, read in place and usable like a path, also in other processes."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from unsmear.errors import DataError
from unsmear.images import zipped
from unsmear.location import Location

LocalPath = Path | zipfile.Path
"""A file on disk or a member of a zip file; both have read_bytes() and exists() too."""
AnyPath = LocalPath | Location
"""A file on disk, a member of a zip file, or a remote file; all have name, parent and is_dir()."""


LARGEST_LIST = 64 * 2**20
"""Bytes of the largest list that is read; that of the competition has 2 MB."""


class Member(zipfile.Path):
    """A member of a zip file; unlike a zipfile.Path of Python 3.11 it can go to a worker."""

    def __reduce__(self) -> tuple[object, ...]:
        return member, (str(self.root.filename), self.at)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Member) and str(self) == str(other)

    def __hash__(self) -> int:
        return hash(str(self))


def member(archive: str, at: str = "") -> Member:
    """Return a member of a zip file; the file is opened once in each process.

    Raises OSError or zipfile.BadZipFile for a file that cannot be opened.
    """
    # Forked processes would share one open file and its position.
    return Member(_opened(archive, os.getpid()).root, at)


def members(archive: str | Path) -> Iterator[Member]:
    """Yield the files in a zip file, sorted by name; folders are left out."""
    root = member(str(archive)).root
    for name in sorted(set(root.namelist())):
        if not name.endswith("/"):
            yield Member(root, name)


def read_list(path: LocalPath) -> bytes:
    """Return what a list of labels or groups holds.

    Raises DataError for a larger file than any such list, and what reading raises.
    """
    data = head(path, LARGEST_LIST + 1)
    if len(data) > LARGEST_LIST:
        raise DataError(
            f"{path.name}: the file must have at most {LARGEST_LIST // 2**20} MiB, got more."
        )
    return data


def head(path: LocalPath, size: int) -> bytes:
    """Return the first bytes of a file; a member of a zip file is unpacked no further."""
    if not isinstance(path, Path):
        return zipped.head(path, size)
    with path.open("rb") as stream:
        return stream.read(size)


def ancestors(path: AnyPath) -> list[LocalPath]:
    """Return the file's folder and the folder above it, nearest first.

    For a member of a zip file all its folders, and the folder that holds the zip file. None for a
    remote file: no lists are looked for in the network.
    """
    if isinstance(path, Location):
        return []
    if isinstance(path, Path):
        path = path.absolute()
        return [path.parent, path.parent.parent]
    folders: list[LocalPath] = []
    folder: LocalPath = path
    while not isinstance(folder, Path):
        parent = folder.parent
        folder = parent if isinstance(parent, zipfile.Path) else Path(parent)
        folders.append(folder)
    return folders


@lru_cache(maxsize=16)
def _opened(archive: str, process: int) -> zipfile.Path:
    file = zipfile.ZipFile(archive)
    # The folders of such a name are looked for without end (CVE-2024-8088).
    if any(name.startswith("//") for name in file.namelist()):
        file.close()
        raise zipfile.BadZipFile("a member's name begins with //")
    return zipfile.Path(file)
