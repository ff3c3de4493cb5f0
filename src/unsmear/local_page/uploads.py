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
        self._check(path, declared)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _untaken(path, error) from error
        try:
            with path.open("xb") as file:
                self._sizes[path] = 0
                async for chunk in stream:
                    self._sizes[path] += len(chunk)
                    self._check(path, self._sizes[path])
                    file.write(chunk)
        except FileExistsError as error:
            raise OptionError(f"{_shown(path)}: a file of this name was dropped before.") from error
        except BaseException as error:
            self.remove(path)
            if isinstance(error, OSError):
                raise _untaken(path, error) from error
            raise
        return path

    def remove(self, path: Path) -> None:
        """Delete a file that was received, or a part of it."""
        path.unlink(missing_ok=True)
        self._sizes.pop(path, None)

    def _check(self, path: Path, size: int) -> None:
        """Raise OptionError for a file of this size beside the others."""
        others = [there for file, there in self._sizes.items() if file != path]
        if len(others) >= self.most:
            wrong = f"at most {self.most} files can be dropped"
        elif size > self.largest:
            most, got = _size(self.largest), _size(size)
            wrong = f"a file that is dropped must have at most {most}, got {got}"
        elif sum(others) + size > self.all:
            wrong = f"all files that are dropped must have at most {_size(self.all)} in all"
        elif shutil.disk_usage(self.folder).free < SPARE:
            wrong = "the disk of temporary files is full"
        else:
            return
        raise OptionError(f"{_shown(path)}: {wrong}; {INSTEAD}.")


def _untaken(path: Path, error: OSError) -> OptionError:
    reason = error.strerror or type(error).__name__
    return OptionError(f"{_shown(path)}: the file cannot be taken ({reason}).")


def _shown(path: Path) -> str:
    return printable(path.name)


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
