"""Weights that others published: where they are, how to know them, how to get them.

Nothing is downloaded unless `get` is called. What is downloaded must have the table's SHA-256, or,
where nobody has stated one, the MD5 and the length that it or the server says. The weights of a
network must fit it too, and are kept in our own layout, with a card.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from difflib import get_close_matches
from pathlib import Path

from unsmear.checkpoints import download, verify
from unsmear.checkpoints.download import CHUNK, Progress
from unsmear.checkpoints.registry import TABLE, Published
from unsmear.errors import MissingExtra, OptionError, WeightsError

__all__ = [
    "CHUNK",
    "TABLE",
    "Progress",
    "Published",
    "classifiers",
    "find",
    "folder",
    "get",
    "lookup",
    "networks",
]


def lookup(name: str) -> Published:
    """Return the table's entry; raises OptionError for a name that is not in it."""
    if name not in TABLE:
        near = get_close_matches(name, TABLE, n=1)
        meant = f" (did you mean {near[0]}?)" if near else ""
        raise OptionError(f"name must be one of {', '.join(TABLE)}, got {name!r}{meant}.")
    return TABLE[name]


def folder() -> Path:
    """Return where weights are kept: UNSMEAR_HOME, or `unsmear` in the user's folder of caches."""
    if chosen := os.environ.get("UNSMEAR_HOME"):
        return Path(chosen)
    home = Path.home()
    if sys.platform == "win32":
        caches = Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    elif sys.platform == "darwin":
        caches = home / "Library" / "Caches"
    else:
        caches = Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache")
    return caches / "unsmear"


def find(name: str) -> Path | None:
    """Return where `get` put the file of that name, None where it is not there.

    Raises OptionError for a name that is not in the table.
    """
    path = folder() / lookup(name).kept
    return path if path.is_file() else None


def networks() -> list[str]:
    """Return the names of those that restore images."""
    return _of_network("maxim")


def classifiers() -> list[str]:
    """Return the names of those that a classifier can begin with; their last layer is left out."""
    return _of_network("xception")


def _of_network(network: str) -> list[str]:
    return [name for name, entry in TABLE.items() if entry.network == network]


def get(
    name: str,
    *,
    source: Path | None = None,
    output: Path | None = None,
    progress: Progress = lambda here, whole: None,
) -> Path:
    """Download weights of the table, or take them from a file, and return where they now are.

    source: a file that was got in another way; None downloads. For a network it can be a Keras
    copy (.h5) or our own .safetensors too, for Xception also timm's.
    output: the folder for it, made where missing; None is where `find` looks.
    progress: called for each piece of a download.

    The file appears when it was found right. A download that broke off stays beside it, ending in
    .part, and the next call goes on from there. A right file that is there is kept.

    Raises OptionError for an unknown name; WeightsError where the network or the server fails,
    the file is not what it must be, or a file cannot be read or written; MissingExtra for a Keras
    copy without h5py.
    """
    entry = lookup(name)
    path = (output or folder()) / entry.kept
    try:
        if verify.right(entry, path, source):
            return path
        path.parent.mkdir(parents=True, exist_ok=True)
        if source is None:
            _download(entry, path, progress)
        else:
            _copy(entry, source, path)
    except OSError as error:
        where = error.filename or path
        raise WeightsError(f"{where}: cannot be read or written ({error.strerror}).") from error
    return path


def _copy(entry: Published, source: Path, path: Path) -> None:
    if entry.network:
        others = [other for other in _of_network(entry.network) if other != entry.name]
        verify.check_name(entry, source, path.parent, others)
        found = verify.read(entry, source)
        verify.keep(entry, found, path, _origin(entry, source, source.name))
        return
    aside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        shutil.copyfile(source, aside)
        verify.check(entry, aside, str(source))
        aside.replace(path)
    finally:
        with contextlib.suppress(OSError):  # it would hide the error above
            aside.unlink(missing_ok=True)


def _download(entry: Published, path: Path, progress: Progress) -> None:
    part = path.with_name(entry.begun)
    loaded = download.complete(entry, part, progress)
    verify.check(entry, part, entry.url, loaded.md5)
    if not entry.network:
        part.replace(path)
        return
    try:
        found = verify.read(entry, part)
    except MissingExtra:  # the file may be right: with the extra it need not be loaded again
        raise
    except Exception:
        part.unlink()  # it is whole, and so the same again
        raise
    verify.keep(entry, found, path, _origin(entry, part, entry.file, loaded.checked))
    part.unlink()


def _origin(entry: Published, file: Path, name: str, checked: str = "") -> dict[str, str]:
    """Return what the card says of a file; checked: what the server said of it and is right."""
    stated = entry.md5 is not None and verify.checksum(file, "md5") == entry.md5
    checked += "MD5 of the publisher, " * stated + "layout"
    return {"name": name, "sha256": verify.checksum(file), "checked": checked}
