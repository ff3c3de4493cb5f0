"""Downloads that go on where they broke off."""

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
"""Seconds that a server may be silent."""
CHUNK = 2**18
"""Bytes at a time."""

Progress = Callable[[int, int], None]
"""Is told the bytes that are here and the bytes of the whole, 0 where nobody says."""


@dataclass(frozen=True)
class Loaded:
    """Of a file: the bytes that are here, those that it has, and what the server says its MD5 is.

    lost: whether the connection was lost, as far as the server does not say the length.
    """

    here: int
    whole: int | None
    md5: bytes | None = None
    lost: bool = False

    @property
    def checked(self) -> str:
        """What else than the layout is right, once all was checked."""
        return "length, " * (self.whole is not None) + "MD5 of the server, " * bool(self.md5)


def complete(entry: Published, part: Path, progress: Progress) -> Loaded:
    """Add to a file what the server still has of the whole.

    Raises WeightsError where the server cannot be reached or has another file, and where the
    download broke off: what is here then stays for the next call.
    """
    here = part.stat().st_size if part.exists() else 0
    loaded = Loaded(here, entry.size)
    if here != entry.size:
        loaded = _fetch(entry, part, _resumed(entry, here), progress)
    if loaded.lost or loaded.here < (loaded.whole or 0):
        of = f" of {_megabytes(loaded.whole)}" if loaded.whole else ""
        raise WeightsError(
            f"{entry.name}: the download broke off after {_megabytes(loaded.here)}{of}; "
            f"the same command goes on from there."
        )
    return loaded


def _resumed(entry: Published, here: int) -> int:
    """Return from which byte to go on. One is fetched again where the whole is not known: a server
    says nothing of a file of which nothing is missing.
    """
    if entry.size is None:
        return max(0, here - 1)
    return here if here < entry.size else 0


def _fetch(entry: Published, part: Path, here: int, progress: Progress) -> Loaded:
    """Add to the first `here` bytes what the server still has; return what is here then."""
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
    """Write what a server gives; return how many bytes are here then, and whether it was lost.

    Never much more than the whole is taken: what follows would be of no use.
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
    """Return the bytes of the whole file, None where nobody says.

    Raises WeightsError for another file in its place: a page of a proxy, say.
    """
    if entry.size is None and answer.headers.get("Content-Type", "").startswith("text/"):
        raise _unreachable(entry, "what is there is a page of text")
    whole = None if answer.length is None else here + answer.length
    if entry.size is not None and whole not in (None, entry.size):
        raise _unreachable(entry, f"what is there has {whole} bytes")
    return entry.size or whole


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


def _read(answer: HTTPResponse) -> bytes | None:
    """Return the next piece, nothing at the end and None where the connection is lost."""
    try:
        return answer.read(CHUNK)
    except (HTTPException, OSError):
        return None


def _md5(answer: HTTPResponse) -> bytes | None:
    """Return the MD5 that Google's servers state (x-goog-hash: crc32c=..., md5=...), or None."""
    said = ",".join(answer.headers.get_all("x-goog-hash") or [])
    for part in said.split(","):
        kind, _, digest = part.strip().partition("=")
        if kind == "md5":
            with contextlib.suppress(binascii.Error):
                return base64.b64decode(digest, validate=True)
    return None


def _unreachable(entry: Published, reason: str) -> WeightsError:
    return WeightsError(
        f"{entry.name}: {entry.url} cannot be had ({reason}); get {entry.file} in another way and "
        f"name it: unsmear weights get {entry.name} --from {entry.file}"
    )


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
