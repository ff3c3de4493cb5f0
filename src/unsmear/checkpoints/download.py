"""Resumable downloads of published weights."""

from __future__ import annotations

import base64
import binascii
import contextlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import BinaryIO, cast
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from unsmear.checkpoints.registry import Published
from unsmear.errors import WeightsError

TIMEOUT = 30.0
"""Longest silence of a server before a download fails, seconds."""
CHUNK = 2**18
"""Size of the pieces in which a file is read, bytes."""

Progress = Callable[[int, int], None]
"""Callback of a download: bytes received, and bytes of the whole file or 0 where unknown."""


@dataclass(frozen=True)
class Loaded:
    """The state of a download.

    here: bytes received. whole: bytes of the whole file, None where unknown. md5: the file's MD5 as
    the server states it. lost: whether the connection was lost, where the length is unknown.
    """

    here: int
    whole: int | None
    md5: bytes | None = None
    lost: bool = False

    @property
    def checked(self) -> str:
        """The checks, beside that of the layout, that a checked file has passed, for its card."""
        return "length, " * (self.whole is not None) + "MD5 of the server, " * bool(self.md5)


def complete(entry: Published, part: Path, progress: Progress) -> Loaded:
    """Download what is missing of a file.

    Raises WeightsError where the server cannot be reached or has another file, and where the
    download is interrupted: the received part stays for the next call.
    """
    here = part.stat().st_size if part.exists() else 0
    loaded = Loaded(here, entry.size)
    if here != entry.size:
        loaded = _fetch(entry, part, _resumed(entry, here), progress)
    if loaded.lost or loaded.here < (loaded.whole or 0):
        of = f" of {_megabytes(loaded.whole)}" if loaded.whole else ""
        raise WeightsError(
            f"{entry.name}: the download broke off after {_megabytes(loaded.here)}{of}; "
            f"the same command continues it."
        )
    return loaded


def _resumed(entry: Published, here: int) -> int:
    """Return the byte at which to continue. Where the length is unknown, the last byte is fetched
    again: a server refuses a request for nothing.
    """
    if entry.size is None:
        return max(0, here - 1)
    return here if here < entry.size else 0


def _fetch(entry: Published, part: Path, here: int, progress: Progress) -> Loaded:
    """Append the rest of a file to its first `here` bytes; return the download's state."""
    with _opened(entry, here) as answer:
        if answer.status != 206:  # the server gives the whole only, or has another file now
            here = 0
        whole = _whole(entry, answer, here)
        with part.open("r+b" if here else "wb") as file:
            file.truncate(here)
            file.seek(here)
            here, lost = _append(file, answer, here, whole, progress)
            os.fsync(file.fileno())
        return Loaded(here, whole, _md5(answer), lost and whole is None)


def _append(
    file: BinaryIO, answer: HTTPResponse, here: int, whole: int | None, progress: Progress
) -> tuple[int, bool]:
    """Write a server's answer; return the bytes received, and whether the connection was lost.

    Hardly more than the whole length is accepted, since the file would be wrong anyway.
    """
    while whole is None or here <= whole:
        chunk = _read(answer)
        if not chunk:
            return here, chunk is None
        file.write(chunk)
        here += len(chunk)
        progress(here, whole or 0)
    return here, False


def _whole(entry: Published, answer: HTTPResponse, here: int) -> int | None:
    """Return the bytes of the whole file, None where unknown.

    Raises WeightsError for another file in its place, such as a proxy's page.
    """
    if entry.size is None and answer.headers.get("Content-Type", "").startswith("text/"):
        raise _unreachable(entry, "the server sent a page of text")
    whole = None if answer.length is None else here + answer.length
    if entry.size is not None and whole not in (None, entry.size):
        raise _unreachable(entry, f"the server's file has {whole} bytes")
    return entry.size or whole


@contextmanager
def _opened(entry: Published, start: int) -> Iterator[HTTPResponse]:
    headers = {"User-Agent": "unsmear"} | ({"Range": f"bytes={start}-"} if start else {})
    try:
        answer = urlopen(Request(entry.url, headers=headers), timeout=TIMEOUT)
    except HTTPError as error:
        if error.code == 416 and start:  # the server's file is shorter than our part
            with _opened(entry, 0) as answer:
                yield answer
            return
        raise _unreachable(entry, f"the server says {error.code} {error.reason}") from error
    except (URLError, HTTPException, OSError) as error:
        reason = getattr(error, "reason", error)
        raise _unreachable(entry, getattr(reason, "strerror", None) or str(reason)) from error
    with answer:
        yield cast(HTTPResponse, answer)


def _read(answer: HTTPResponse) -> bytes | None:
    """Return the next piece, b"" at the end, and None where the connection is lost."""
    try:
        return answer.read(CHUNK)
    except (HTTPException, OSError):
        return None


def _md5(answer: HTTPResponse) -> bytes | None:
    """Return the MD5 that Google's servers state (x-goog-hash: crc32c=..., md5=...), or None."""
    header = ",".join(answer.headers.get_all("x-goog-hash") or [])
    for part in header.split(","):
        kind, _, digest = part.strip().partition("=")
        if kind == "md5":
            with contextlib.suppress(binascii.Error):
                return base64.b64decode(digest, validate=True)
    return None


def _unreachable(entry: Published, reason: str) -> WeightsError:
    return WeightsError(
        f"{entry.name}: {entry.url} cannot be downloaded ({reason}); get {entry.file} in another "
        f"way and give it to: unsmear weights get {entry.name} --from {entry.file}"
    )


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
