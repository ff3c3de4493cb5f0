"""Published weights of others: download, verification and storage.

Nothing is downloaded unless `get` is called. A file must have the SHA-256 in the table or, where no
SHA-256 is published, the MD5 and the length that the table or the server states. A network's
weights must also match the network, and are stored in our own layout, with a card.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from difflib import get_close_matches
from pathlib import Path

from unsmear import plain_files
from unsmear.atomic import name_aside
from unsmear.checkpoints import download, verify
from unsmear.checkpoints.download import CHUNK, Progress
from unsmear.checkpoints.registry import TABLE, Published
from unsmear.errors import MissingExtra, OptionError, WeightsError, error_text

__all__ = [
    "CHUNK",
    "TABLE",
    "Progress",
    "Published",
    "check",
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
        similar = get_close_matches(name, TABLE, n=1)
        suggestion = f" (did you mean {similar[0]}?)" if similar else ""
        raise OptionError(f"name must be one of {', '.join(TABLE)}, got {name!r}{suggestion}.")
    return TABLE[name]


def folder() -> Path:
    """Return the folder of published weights: UNSMEAR_HOME, or `unsmear` in the user's cache."""
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
    """Return the path of weights that `get` has stored, None where it has not.

    Raises OptionError for a name that is not in the table.
    """
    path = folder() / lookup(name).kept
    return path if path.is_file() else None


def networks() -> list[str]:
    """Return the names of the published weights of restorers."""
    others = classifiers()
    return [name for name, entry in TABLE.items() if entry.network and name not in others]


def classifiers() -> list[str]:
    """Return the names of the published weights of classifiers, which lack the last layer."""
    return _of_network("xception")


def _of_network(network: str) -> list[str]:
    return [name for name, entry in TABLE.items() if entry.network == network]


def check(name: str, source: Path | None, output: Path | None) -> tuple[Path, bool]:
    """Return where `get` stores weights, and whether they are there already.

    source, output: as in `get`.

    Raises OptionError for an unknown name, and WeightsError for a file that cannot be read and for
    weights without an address of their own that no file is given for.
    """
    entry = lookup(name)
    path = (output or folder()) / entry.kept
    try:
        if verify.is_stored(entry, path, source):
            return path, True
        if source is not None:
            plain_files.check(source)
            source.open("rb").close()
        elif entry.by_hand:
            raise WeightsError(
                f"{name}: get {entry.file} from {entry.url} and give it to: unsmear weights get "
                f"{name} --from {entry.file}"
            )
    except OSError as error:
        raise _unusable(error, path) from error
    return path, False


def get(
    name: str,
    *,
    source: Path | None = None,
    output: Path | None = None,
    progress: Progress = lambda here, whole: None,
) -> Path:
    """Download published weights, or import them from a file; return the path of the stored file.

    source: a file from elsewhere; None downloads it. For a network it can also be our own
    .safetensors, for MAXIM and Xception a Keras copy (.h5), for Xception timm's.
    output: the folder to store it in, created where missing; None: the folder of `find`.
    progress: called for each piece of a download.

    The file is stored only after it has passed all checks. An interrupted download stays beside it,
    ending in .part, and the next call continues it. A correct file that already exists is kept.

    Raises OptionError for an unknown name; WeightsError where the download or a check fails, a file
    cannot be read or written, or one without an address of its own is not given; MissingExtra for a
    Keras copy without h5py.
    """
    path, is_stored = check(name, source, output)
    if is_stored:
        return path
    entry = lookup(name)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if source is None:
            _download(entry, path, progress)
        else:
            _copy(entry, source, path)
    except OSError as error:
        raise _unusable(error, path) from error
    return path


def _unusable(error: OSError, path: Path) -> WeightsError:
    """Return the error of a file that cannot be read or written. path: where none is named."""
    where = error.filename or path
    return WeightsError(f"{where}: cannot be read or written ({error_text(error)}).")


def _copy(entry: Published, source: Path, path: Path) -> None:
    if entry.network:
        others = [name for name in _of_network(entry.network) if name != entry.name]
        verify.check_name(entry, source, path.parent, others)
        contents = verify.read(entry, source)
        verify.store(entry, contents, path, _origin(entry, source, source.name))
        return
    aside = name_aside(path)
    plain_files.check(source)
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
        contents = verify.read(entry, part)
    except MissingExtra:  # the file may be correct: with the extra no new download is needed
        raise
    except Exception:
        part.unlink()  # it is complete but wrong: continuing the download would not help
        raise
    verify.store(entry, contents, path, _origin(entry, part, entry.file, loaded.checked))
    part.unlink()


def _origin(entry: Published, file: Path, name: str, checked: str = "") -> dict[str, str]:
    """Return the card's entries on a file; checked: the server's statements that were checked."""
    stated = entry.md5 is not None and verify.checksum(file, "md5") == entry.md5
    checked += "MD5 of the publisher, " * stated + "layout"
    return {"name": name, "sha256": verify.checksum(file), "checked": checked}
