"""What a path holds: single images, folders, globs, zip files, HPA fields."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from unsmear.images import Image

AnyPath = Path | zipfile.Path
"""A file on disk or a member of a zip file; both have name, read_bytes() and exists()."""


@dataclass(frozen=True)
class Item:
    """One image of a source, read when it is wanted.

    id: unique in the source; the path, without its ending, of what is written for it.
    files: the file, or one file a channel in the order of the channels.
    reader: turns the files into an image.
    labels: HPA label numbers, where the source has them.
    group: items of one group share cells or a field, and stay on one side of a split.
    """

    id: str
    files: tuple[AnyPath, ...]
    reader: Callable[[tuple[AnyPath, ...]], Image]
    labels: tuple[int, ...] = ()
    group: str = ""

    def read(self) -> Image:
        """Return the image; raises ImageError or AxesError."""
        return self.reader(self.files)


def find(inputs: Iterable[str | Path], axes: str | None = None, channels: str = "") -> list[Item]:
    """Return the images in files, folders (searched deeply), globs and zip files."""
    raise NotImplementedError
