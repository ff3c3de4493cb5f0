"""Search for image files in folders, globs and zip files.

Hidden files and folders are skipped, and so are folders named "masks": `unsmear synth` writes the
masks of its cells there, beside the images. A folder that is given as the input is searched
whatever its name. Zip files in a folder are searched only where no image lies beside them.
"""

from __future__ import annotations

import glob
import os
import posixpath
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from unsmear import images
from unsmear.data.archive import AnyPath, Member, members
from unsmear.errors import DataError

SKIPPED = frozenset({"masks", "__MACOSX"})
"""Names of folders that are not searched for images."""


@dataclass(frozen=True)
class FoundFile:
    """A file, and its path below the folder, glob or zip file that was given.

    below: relative path without "..".
    problem: why the file cannot be read; "" as a rule.
    """

    file: AnyPath
    below: PurePosixPath
    problem: str = ""


def place_of(file: AnyPath) -> str:
    """Return a canonical path of a file, so that equal files compare equal."""
    return os.path.abspath(str(file))


def search(given: str) -> list[FoundFile]:
    """Return the images of an input, sorted; a file given by name is taken whatever its ending.

    A zip file that cannot be opened is returned with its problem, so that the other inputs go on.
    Raises DataError for an input that does not exist or holds no image, and for a folder that
    cannot be read.
    """
    path = Path(given)
    # os.path answers no, where Path raises, for a name that no file can have.
    if os.path.isdir(path):
        files = [FoundFile(file, below) for file, below in _walk(path)]
        # What a download left: zip files and no image beside them.
        archives = sorted(file for file in path.glob("*.zip") if file.is_file())
        files = files or [entry for file in archives for entry in _search_zip(file)]
    elif os.path.isfile(path) and path.suffix.lower() == ".zip":
        files = _search_zip(path)
    elif os.path.isfile(path):
        return [FoundFile(path, PurePosixPath(path.name))]
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
    for root, folders, names in os.walk(folder, onerror=_refuse_folder):
        folders[:] = sorted(name for name in folders if not _is_skipped(name))
        for name in sorted(names):
            file = Path(root, name)
            if _is_image(name) and not _is_special(file):
                yield file, PurePosixPath(file.relative_to(folder).as_posix())


def _refuse_folder(error: OSError) -> None:
    raise DataError(f"{error.filename}: the folder cannot be read ({error.strerror}).") from error


def _search_zip(path: Path) -> list[FoundFile]:
    try:
        files = list(members(path))
    except OSError as error:
        problem = f"{path.name}: the zip file cannot be read ({error.strerror})."
    # Other errors are what zipfile's parsing of a damaged directory runs into.
    except (zipfile.BadZipFile, NotImplementedError, ValueError):
        problem = f"{path.name}: the zip file is damaged."
    else:
        return [entry for file in files if (entry := _found_in_zip(file, path.name))]
    return [FoundFile(path, PurePosixPath(path.name), problem)]


def _found_in_zip(file: Member, archive: str) -> FoundFile | None:
    """Return a member that is an image; a name that leads out of the zip file is a problem."""
    below = _inside(file.at)
    if not _is_image(below.name) or any(map(_is_skipped, below.parts[:-1])):
        return None
    named = Path(file.at)  # drives are absolute where the system has them
    if not named.anchor and ".." not in named.parts:
        return FoundFile(file, below)
    problem = f"{archive}: a member's name must not lead out of the zip file, got {file.at!r}."
    return FoundFile(file, below, problem)


def _inside(path: str) -> PurePosixPath:
    """Return a path without parts that lead out of its folder."""
    named = Path(posixpath.normpath(path))
    parts = named.relative_to(named.anchor).parts
    return PurePosixPath(*(part for part in parts if part != ".."))


def _search_glob(pattern: str) -> list[FoundFile]:
    parts = Path(pattern).parts
    root = Path(*parts[: next(i for i, part in enumerate(parts) if glob.has_magic(part))])
    files = []
    for name in sorted(glob.glob(pattern, recursive=True)):
        path = Path(name)
        below = _inside(path.relative_to(root).as_posix())
        if any(map(_is_skipped, below.parts[:-1])):
            continue
        if path.is_dir() and not _is_skipped(path.name):
            files += [FoundFile(file, below / deeper) for file, deeper in _walk(path)]
        elif _is_image(path.name) and not _is_special(path):
            files.append(FoundFile(path, below))
        elif path.is_file() and path.suffix.lower() == ".zip":
            files += _search_zip(path)
    return files


def _is_image(name: str) -> bool:
    return not name.startswith(".") and PurePosixPath(name).suffix.lower() in images.SUFFIXES


def _is_special(file: Path) -> bool:
    """Return whether a path is a folder, a pipe or a device; reading a pipe may never end."""
    # What cannot even be looked at stays: reading it says why.
    return os.path.exists(file) and not os.path.isfile(file)


def _is_skipped(folder: str) -> bool:
    return folder in SKIPPED or (folder.startswith(".") and folder not in (".", ".."))
