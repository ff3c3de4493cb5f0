"""Images that are dropped on the page: written to the temporary folder, within bounds."""

from __future__ import annotations

import re
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from unsmear.errors import OptionError, printable

LARGEST = 2 * 2**30
"""Size of a file, bytes."""
ALL = 8 * 2**30
"""Size of all files that were dropped, bytes."""
MOST = 500
"""Number of files that were dropped."""
SPARE = 2**30
"""Room that stays free on the disk, bytes."""
DEEPEST = 8
"""Number of folders in which a file may lie."""
INSTEAD = "open the folder instead: unsmear open FOLDER"
FORBIDDEN = re.compile(r'[\x00-\x1f<>:"|?*\\]')


@dataclass
class Uploads:
    """What was dropped. folder: where it lies, each drop in a folder of its own."""

    folder: Path
    largest: int = LARGEST
    all: int = ALL
    most: int = MOST
    _sizes: dict[Path, int] = field(default_factory=dict)

    async def receive(
        self, drop: str, name: str, declared: int, stream: AsyncIterator[bytes]
    ) -> Path:
        """Write a file of a drop, and return its path; nothing of it stays where that fails.

        name: with the folders that it was dropped with. declared: its size, bytes; 0 unknown.

        Raises OptionError for a file too large or too many, and for a name that leads elsewhere.
        """
        path = self.folder / drop / "images" / _below(name)
        self._check(name, declared)
        path.parent.mkdir(parents=True, exist_ok=True)
        self._sizes[path] = 0
        try:
            with path.open("xb") as file:
                async for chunk in stream:
                    self._sizes[path] += len(chunk)
                    self._check(name, self._sizes[path], len(self._sizes) - 1)
                    file.write(chunk)
        except BaseException as error:
            if not isinstance(error, FileExistsError):
                path.unlink(missing_ok=True)
                del self._sizes[path]
            if isinstance(error, OSError):
                raise OptionError(
                    f"{path.name}: the file cannot be taken ({error.strerror})."
                ) from error
            raise
        return path

    def _check(self, name: str, size: int, others: int | None = None) -> None:
        shown = printable(PurePosixPath(name).name)
        count = len(self._sizes) if others is None else others
        if count >= self.most:
            raise OptionError(f"{shown}: at most {self.most} files can be dropped; {INSTEAD}.")
        if size > self.largest:
            raise OptionError(
                f"{shown}: a file that is dropped must have at most {_size(self.largest)}, got "
                f"{_size(size)}; {INSTEAD}."
            )
        there = sum(self._sizes.values()) if others is None else sum(self._sizes.values()) - size
        if there + size > self.all:
            raise OptionError(
                f"{shown}: all files that are dropped must have at most {_size(self.all)} in all; "
                f"{INSTEAD}."
            )
        if others is None and shutil.disk_usage(self.folder).free < size + SPARE:
            raise OptionError(f"{shown}: the disk of temporary files is full; {INSTEAD}.")


def _below(name: str) -> PurePosixPath:
    """Return a name as a path below a folder; raises OptionError where it leads out of it."""
    path = PurePosixPath(name)
    parts = path.parts
    good = parts and not path.is_absolute() and len(parts) <= DEEPEST and len(name.encode()) <= 900
    if not good or any(
        part in ("..", ".") or FORBIDDEN.search(part) or len(part) > 200 for part in parts
    ):
        raise OptionError(f"{printable(name)[:80]}: the file must have an ordinary name.")
    return path


def _size(size: int) -> str:
    return f"{size / 2**30:.3g} GiB" if size >= 2**30 else f"{size / 2**20:.3g} MiB"
