"""The image files in a folder, glob or zip file, each with where it lies in there.

Hidden files and folders are skipped, and so are folders named "masks": `unsmear synth` writes the
outlines of its cells there, beside the images. A folder named itself, not found in another, is
searched whatever its name. Zip files in a folder are searched only where no image lies beside them.
"""

from __future__ import annotations

import glob
import os
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from unsmear import images
from unsmear.data.archive import AnyPath, members
from unsmear.errors import DataError

SKIPPED = frozenset({"masks", "__MACOSX"})
"""Folders that hold no images of their own."""


@dataclass(frozen=True)
class Found:
    """A file, and where it lies below the folder, glob or zip file that was given."""

    file: AnyPath
    below: PurePosixPath


def place_of(file: AnyPath) -> str:
    """Return one spelling for a file, however the way to it was given."""
    return os.path.abspath(str(file))


def search(given: str) -> list[Found]:
    """Return the images that an input holds, sorted; a file named itself, whatever its ending.

    A zip file that cannot be opened is returned as if it were an image: reading it says why.
    Raises DataError for an input that does not exist or holds no image.
    """
    path = Path(given)
    if path.is_dir():
        files = [Found(file, below) for file, below in _walk(path)]
        # What a download left: zip files and no image beside them.
        files = files or [e for file in sorted(path.glob("*.zip")) for e in _search_zip(file)]
    elif path.is_file() and path.suffix.lower() == ".zip":
        files = _search_zip(path)
    elif path.is_file():
        return [Found(path, PurePosixPath(path.name))]
    elif glob.has_magic(given):
        files = _search_glob(given)
    else:
        raise DataError(f"{given}: an input must be a file, folder, glob or zip file that exists.")
    if not files:
        raise DataError(
            f"{given}: an input must hold at least one image ({', '.join(images.SUFFIXES)}), "
            f"got none."
        )
    return files


def _walk(folder: Path) -> Iterator[tuple[Path, PurePosixPath]]:
    """Yield the images under a folder, sorted, each with its path from there."""
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not _is_skipped(name))
        for name in sorted(names):
            if _is_image(name):
                file = Path(root, name)
                yield file, PurePosixPath(file.relative_to(folder).as_posix())


def _search_zip(path: Path) -> list[Found]:
    try:
        files = list(members(path))
    except (OSError, zipfile.BadZipFile):
        # Said when it is read, so that the other inputs go on.
        return [Found(path, PurePosixPath(path.name))]
    places = [(file, PurePosixPath(file.at)) for file in files]
    return [
        Found(file, below)
        for file, below in places
        if _is_image(below.name) and not any(map(_is_skipped, below.parts[:-1]))
    ]


def _search_glob(pattern: str) -> list[Found]:
    parts = Path(pattern).parts
    root = Path(*parts[: next(i for i, part in enumerate(parts) if glob.has_magic(part))])
    found = []
    for name in sorted(glob.glob(pattern, recursive=True)):
        path = Path(name)
        below = PurePosixPath(path.relative_to(root).as_posix())
        if any(map(_is_skipped, below.parts[:-1])):
            continue
        if path.is_dir() and not _is_skipped(path.name):
            found += [Found(file, below / deeper) for file, deeper in _walk(path)]
        elif path.is_file() and _is_image(path.name):
            found.append(Found(path, below))
        elif path.suffix.lower() == ".zip":
            found += _search_zip(path)
    return found


def _is_image(name: str) -> bool:
    return not name.startswith(".") and PurePosixPath(name).suffix.lower() in images.SUFFIXES


def _is_skipped(folder: str) -> bool:
    return folder in SKIPPED or (folder.startswith(".") and folder not in (".", ".."))
