"""Search for image files in folders, globs and zip files; nothing is passed over in silence.

Hidden files and folders are skipped. So are folders named "masks", which are named: `unsmear synth`
writes the masks of its cells there, beside the images. A folder that is given as the input is
searched whatever its name. Zip files in a folder are searched only where no image lies beside them.
"""

from __future__ import annotations

import glob
import os
import posixpath
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from unsmear import images
from unsmear.batches import layout
from unsmear.data.archive import AnyPath, Member, members
from unsmear.errors import DataError, ImageError, shown
from unsmear.images import known, ome_zarr
from unsmear.location import Location

SKIPPED = frozenset({"masks", "__MACOSX"})
"""Names of folders that are not searched for images."""
USED = frozenset({"train.csv", "manifest.csv"})
"""Files that are read, though not as images: labels and groups."""
SYSTEM = frozenset({"thumbs.db", "desktop.ini", "icon\r"})
"""Files of operating systems."""


@dataclass(frozen=True)
class FoundFile:
    """A file, and its path below the folder, glob or zip file that was given.

    below: relative path without "..".
    problem: why the file cannot be read; "" as a rule.
    """

    file: AnyPath
    below: PurePosixPath
    problem: str = ""


@dataclass(frozen=True)
class PassedOver:
    """A file or folder that is not read, and why.

    image: whether it is, or may be, an image that the user wants.
    """

    file: str
    reason: str
    image: bool


@dataclass
class Found:
    """What an input holds. side: files around the images of a plate, with their path below it."""

    files: list[FoundFile] = field(default_factory=list)
    passed: list[PassedOver] = field(default_factory=list)
    side: list[tuple[Path, PurePosixPath]] = field(default_factory=list)


def place_of(file: AnyPath) -> str:
    """Return a canonical path of a file, so that equal files compare equal."""
    if isinstance(file, Location):
        return file.url
    return os.path.abspath(str(file))


def search(given: str) -> Found:
    """Return the images of an input, sorted, and what was passed over.

    A file given by name is taken whatever its ending. A zip file that cannot be opened is returned
    with its problem, so that the other inputs go on.

    Raises DataError for an input that does not exist or holds nothing to read.
    """
    if not given:
        raise DataError("an input must be a path, got an empty one.")
    path = Path(given)
    # os.path answers no, where Path raises, for a name that no file can have.
    if os.path.isdir(path):
        found = _search_folder(path)
    elif os.path.isfile(path) and path.suffix.lower() == ".zip":
        found = _search_zip(path)
    elif os.path.isfile(path):
        return Found([FoundFile(path, PurePosixPath(path.name))])
    elif glob.has_magic(given):
        found = _search_glob(given)
    elif os.path.islink(path):
        raise DataError(f"{given}: a link must lead to a file or folder, got one that does not.")
    else:
        raise DataError(
            f"{given}: an input must be a file, folder, glob or zip file that exists; check its "
            "path."
        )
    if not found.files:
        raise DataError(_nothing(given, found.passed))
    return found


def _nothing(given: str, passed: list[PassedOver]) -> str:
    """Return the sentence on an input without an image, and on what it holds instead."""
    there = [entry for entry in passed if entry.image] or passed
    named = "; ".join(f"{Path(entry.file).name}, {entry.reason}" for entry in there[:3])
    more = f" and {len(there) - 3} more" if len(there) > 3 else ""
    return (
        f"{given}: an input must hold at least one image ({', '.join(images.SUFFIXES)}), "
        f"got {f'{named}{more}' if there else 'none'}."
    )


def _search_folder(folder: Path) -> Found:
    found = Found()
    if is_zarr(folder):
        folder = Path(os.path.abspath(folder))  # "." has a name
        sort_zarr(folder, PurePosixPath(folder.name), found)
        return found
    for file, below in _walk(folder, found):
        _sort(file, below, found)
    # What a download left: zip files and no image beside them.
    archives = sorted(file for file in folder.glob("*.zip") if file.is_file())
    if not found.files and archives:
        names = {str(file) for file in archives}
        found.passed = [entry for entry in found.passed if entry.file not in names]
        for file in archives:
            inside = _search_zip(file)
            found.files += inside.files
            found.passed += inside.passed
    return found


def is_zarr(folder: Path) -> bool:
    """Return whether a folder is a Zarr: its files are chunks, and no images of their own."""
    return ome_zarr.is_zarr(folder) or (folder.suffix.lower() == ".zarr" and folder.is_dir())


def _walk(folder: Path, found: Found) -> Iterator[tuple[Path, PurePosixPath]]:
    """Yield the files and the Zarrs under a folder, sorted, each with its path from there."""

    def locked(error: OSError) -> None:
        reason = f"a folder that cannot be read ({error.strerror})"
        found.passed.append(PassedOver(str(error.filename), reason, True))

    for root, folders, names in os.walk(folder, onerror=locked):
        deeper = []
        for name in sorted(folders):
            path = Path(root, name)
            if name in SKIPPED:
                found.passed.append(PassedOver(str(path), "a folder that is not searched", False))
            elif not _is_skipped(name):
                if _is_of_oif(path):
                    continue
                if is_zarr(path):
                    yield path, PurePosixPath(path.relative_to(folder).as_posix())
                else:
                    deeper.append(name)
        folders[:] = deeper
        for name in sorted(names):
            path = Path(root, name)
            yield path, PurePosixPath(path.relative_to(folder).as_posix())


def _sort(file: Path, below: PurePosixPath, found: Found) -> None:
    """Add a file to the images, or to what is passed over."""
    if is_zarr(file):
        sort_zarr(file, below, found)
        return
    reason, image = passed_over(file)
    if not reason:
        found.files.append(FoundFile(file, below))
    elif reason != HIDDEN:
        found.passed.append(PassedOver(str(file), reason, image))


def sort_zarr(folder: Path, below: PurePosixPath, found: Found) -> None:
    """Add each image of a Zarr; what lies around those of a plate goes along with them."""
    try:
        places = ome_zarr.images_in(folder, folder.name)
    except ImageError as error:
        found.files.append(FoundFile(folder, below, str(error)))
        return
    found.files += [FoundFile(folder / place, below / place) for place in places]
    if places == [PurePosixPath()]:
        return
    inside = {folder / place for place in places}
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if Path(root, name) not in inside)
        for name in sorted(names):
            file = Path(root, name)
            found.side.append((file, below / file.relative_to(folder).as_posix()))


HIDDEN = "hidden"
"""Reason for files that no one asks for."""


def passed_over(file: Path) -> tuple[str, bool]:
    """Return why a file of a folder is not read, "" for an image, and whether it may be one."""
    name = file.name.lower()
    ending = file.suffix.lower()
    if name.startswith(".") or name in SYSTEM or name in USED or name.endswith(".companion.ome"):
        return HIDDEN, False
    if _is_special(file):
        return "a pipe or a device", ending not in known.OTHER
    if ending in images.SUFFIXES:
        return "", True
    if ending in known.OTHER:
        return "no image", False
    head = _head(file)
    if images.is_read(head):
        return "", True
    return known.sentence(file.name, head) or "a file of an unknown format", True


def _head(file: Path) -> bytes:
    try:
        with file.open("rb") as stream:
            return stream.read(64)
    except OSError:
        return b""


def _search_zip(path: Path) -> Found:
    try:
        files = list(members(path))
    except OSError as error:
        problem = f"{path.name}: the zip file cannot be read ({error.strerror})."
    # Other errors are what zipfile's parsing of a damaged directory runs into.
    except (zipfile.BadZipFile, NotImplementedError, ValueError):
        problem = f"{path.name}: the zip file is damaged."
    else:
        found = Found()
        zarrs = _zarrs({PurePosixPath(file.at) for file in files})
        for file in files:
            if zarrs.isdisjoint(PurePosixPath(file.at).parents):
                _sort_member(file, path.name, found)
        for zarr in sorted(zarrs):
            named = f"{path.name}/{zarr}" if zarr.parts else path.name
            reason = "a Zarr in a zip file, which is not read: unpack it"
            found.passed.append(PassedOver(named, reason, True))
        return found
    return Found([FoundFile(path, PurePosixPath(path.name), problem)])


def _zarrs(files: set[PurePosixPath]) -> set[PurePosixPath]:
    """Return the folders that are Zarrs and lie in no other."""
    found = {file.parent for file in files if file.name in ome_zarr.FILES}
    return {folder for folder in found if found.isdisjoint(folder.parents)}


def _sort_member(file: Member, archive: str, found: Found) -> None:
    """Add a member to the images or to what is passed over.

    A name that leads out of the zip file is a problem.
    """
    below = _inside(file.at)
    ending, name = below.suffix.lower(), below.name.lower()
    if name.startswith(".") or name in SYSTEM | USED or any(map(_is_skipped, below.parts[:-1])):
        return
    if ending not in images.SUFFIXES:
        image = ending not in known.OTHER
        unknown = "a file of an unknown format" if image else "no image"
        reason = known.sentence(below.name) or unknown
        found.passed.append(PassedOver(f"{archive}/{below}", reason, image))
        return
    named = Path(file.at)  # drives are absolute where the system has them
    if not named.anchor and ".." not in named.parts:
        found.files.append(FoundFile(file, below))
        return
    problem = f"{archive}: a member's name must not lead out of the zip file, got {shown(file.at)}."
    found.files.append(FoundFile(file, below, problem))


def _inside(path: str) -> PurePosixPath:
    """Return a path without parts that lead out of its folder."""
    named = Path(posixpath.normpath(path))
    parts = named.relative_to(named.anchor).parts
    return PurePosixPath(*(part for part in parts if part != ".."))


def _search_glob(pattern: str) -> Found:
    parts = Path(pattern).parts
    root = Path(*parts[: next(i for i, part in enumerate(parts) if glob.has_magic(part))])
    found = Found()
    for name in sorted(glob.glob(pattern, recursive=True)):
        path = Path(name)
        below = _inside(path.relative_to(root).as_posix())
        if any(map(_is_skipped, below.parts[:-1])) or _in_zarr(path, root) or _in_oif(path, root):
            continue
        if path.is_dir() and not is_zarr(path):
            if not _is_skipped(path.name):
                for file, deeper in _walk(path, found):
                    _sort(file, below / deeper, found)
        elif path.is_file() and path.suffix.lower() == ".zip":
            inside = _search_zip(path)
            found.files += inside.files
            found.passed += inside.passed
        else:
            _sort(path, below, found)
    return found


def _in_zarr(path: Path, root: Path) -> bool:
    """Return whether a file that a glob found is part of a Zarr."""
    return any(is_zarr(folder) for folder in path.parents if folder.is_relative_to(root))


def _is_of_oif(folder: Path) -> bool:
    """Return whether a folder holds the planes of the OIF beside it, which are read with that."""
    return folder.name.lower().endswith(".oif.files") and folder.with_suffix("").is_file()


def _in_oif(path: Path, root: Path) -> bool:
    """Return whether what a glob found is, or lies in, a folder of an OIF below its root."""
    return any(_is_of_oif(folder) for folder in (path, *path.parents) if root in folder.parents)


def _is_special(file: Path) -> bool:
    """Return whether a path is a folder, a pipe or a device; reading a pipe may never end."""
    # What cannot even be looked at stays: reading it says why.
    return os.path.exists(file) and not os.path.isfile(file)


def _is_skipped(folder: str) -> bool:
    if layout.is_record(folder):
        return True
    return folder in SKIPPED or (folder.startswith(".") and folder not in (".", ".."))
