"""Weights that others published: where they are, how to know them, how to get them.

Nothing is downloaded unless `get` is called, and nothing that is downloaded is trusted before its
SHA-256 is that of the table.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import cast
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from unsmear.errors import OptionError, WeightsError

TIMEOUT = 30.0
"""Seconds that a server may be silent."""
CHUNK = 2**18
"""Bytes at a time."""

Progress = Callable[[int, int], None]
"""Is told the bytes that are here and the bytes of the whole."""


@dataclass(frozen=True)
class Published:
    """A file of weights.

    name: ours. about: what it is. file: its name, here as there. url: where it is downloaded.
    size: bytes. sha256: of the file. licence: of the weights. source: who made them.
    """

    name: str
    about: str
    file: str
    url: str
    size: int
    sha256: str
    licence: str
    source: str


TABLE: dict[str, Published] = {
    entry.name: entry
    for entry in (
        Published(
            name="vgg16",
            about="VGG16 for the perceptual loss",
            file="vgg16-397923af.pth",
            url="https://download.pytorch.org/models/vgg16-397923af.pth",
            size=553_433_881,
            sha256="397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0",
            licence="BSD-3-Clause (torchvision); trained on ImageNet, which has its own terms",
            source="torchvision, VGG16_Weights.IMAGENET1K_V1",
        ),
    )
}
"""What can be had, by name."""


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
    path = folder() / lookup(name).file
    return path if path.is_file() else None


def get(
    name: str,
    *,
    source: Path | None = None,
    output: Path | None = None,
    progress: Progress = lambda here, whole: None,
) -> Path:
    """Download a file of the table, or copy it from elsewhere, and return where it now is.

    source: a file that was got in another way; None downloads.
    output: the folder for it, made where missing; None is where `find` looks.
    progress: called for each piece of a download.

    The file appears when its checksum was found right. A download that broke off stays beside it,
    ending in .part, and the next call goes on from there. A right file that is there is kept.

    Raises OptionError for an unknown name; WeightsError where the network or the server fails,
    the checksum is wrong, or a file cannot be read or written.
    """
    entry = lookup(name)
    path = (output or folder()) / entry.file
    try:
        if path.is_file() and _checksum(path) == entry.sha256:
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
    aside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        shutil.copyfile(source, aside)
        _keep(entry, aside, path, str(source))
    finally:
        with contextlib.suppress(OSError):  # it would hide the error above
            aside.unlink(missing_ok=True)


def _download(entry: Published, path: Path, progress: Progress) -> None:
    part = path.with_name(f"{path.name}.part")
    here = part.stat().st_size if part.exists() else 0
    if here != entry.size:
        here = _fetch(entry, part, here if here < entry.size else 0, progress)
    if here < entry.size:
        raise WeightsError(
            f"{entry.name}: the download broke off after {_megabytes(here)} of "
            f"{_megabytes(entry.size)}; the same command goes on from there."
        )
    _keep(entry, part, path, entry.url)


def _fetch(entry: Published, part: Path, here: int, progress: Progress) -> int:
    """Add to the first `here` bytes what the server still has; return how many there are then."""
    with _opened(entry, here) as answer:
        if answer.status != 206:  # the server gives the whole only, or has another file now
            here = 0
        if answer.length is not None and here + answer.length != entry.size:
            raise _unreachable(entry, f"what is there has {here + answer.length} bytes")
        with part.open("ab" if here else "wb") as file:
            # Never much more than the whole: what follows would be of no use.
            while here <= entry.size and (chunk := _read(answer)):
                file.write(chunk)
                here += len(chunk)
                progress(here, entry.size)
            os.fsync(file.fileno())
    return here


@contextmanager
def _opened(entry: Published, start: int) -> Iterator[HTTPResponse]:
    headers = {"User-Agent": "unsmear"} | ({"Range": f"bytes={start}-"} if start else {})
    try:
        answer = urlopen(Request(entry.url, headers=headers), timeout=TIMEOUT)
    except HTTPError as error:
        if error.code == 416 and start:  # its file is shorter than our piece
            with _opened(entry, 0) as answer:
                yield answer
            return
        raise _unreachable(entry, f"the server says {error.code} {error.reason}") from error
    except (URLError, HTTPException, OSError) as error:
        reason = getattr(error, "reason", error)
        raise _unreachable(entry, getattr(reason, "strerror", None) or str(reason)) from error
    with answer:
        yield cast(HTTPResponse, answer)


def _read(answer: HTTPResponse) -> bytes:
    """Return the next piece, nothing at the end and where the connection is lost."""
    try:
        return answer.read(CHUNK)
    except (HTTPException, OSError):
        return b""


def _unreachable(entry: Published, reason: str) -> WeightsError:
    return WeightsError(
        f"{entry.name}: {entry.url} cannot be had ({reason}); get {entry.file} in another way and "
        f"name it: unsmear weights get {entry.name} --from {entry.file}"
    )


def _keep(entry: Published, aside: Path, path: Path, source: str) -> None:
    """Give the file its name where its checksum is right, else delete it."""
    found = _checksum(aside)
    if found != entry.sha256:
        aside.unlink()
        raise WeightsError(
            f"{source}: the SHA-256 of {entry.name} must be {entry.sha256[:16]}..., got "
            f"{found[:16]}...; it was not kept."
        )
    aside.replace(path)


def _checksum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
