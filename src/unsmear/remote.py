"""Files in object stores and on web servers: `s3://`, `https://` and `http://`, through fsspec.

The network is opened for locations that the user wrote and for nothing else. What is fetched is
complete or an error: an answer that is cut short, or whose length nobody states, is no file, and
"there is none" (404) is told apart from every other failure. Failures that may pass are tried
again, `TRIES` times in all. No sentence shows a password or the query of a signed address.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import time
from collections.abc import Callable
from functools import cache, partial
from http import HTTPStatus
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urljoin, urlsplit

from unsmear.errors import ImageError, MissingExtra
from unsmear.location import Location, s3_path

TRIES = 4
"""How often a file is asked for."""
WAIT = 0.5
"""Time before the second try, seconds; it doubles from try to try."""
TIMEOUT = 30.0
"""Time within which a server must go on with its answer, seconds."""
PASSING = frozenset({408, 425, 429})
"""States of HTTP below 500 after which another try may succeed."""
PART = 2**26
"""Length of what is read back at once of an object, bytes; it takes memory."""
WHOLE = "the server gives files only whole"
T = TypeVar("T")


class _NoAnswerError(OSError):
    """An answer that must not be used; `args` has the reason."""


def fetch(location: Location, file: Path, size: int | None = None) -> bool:
    """Write a remote file to the disk, whole; return whether there is one.

    size: its length where a listing states it, bytes.

    Raises ImageError for every failure but "there is none", and MissingExtra without fsspec.
    """
    store, path = _store(location), _path(location)

    def once() -> bool:
        file.parent.mkdir(parents=True, exist_ok=True)
        store.get_file(path, str(file))
        if size is not None and file.stat().st_size != size:
            raise _NoAnswerError(f"{file.stat().st_size} of {size} bytes came")
        return True

    try:
        return _tried(once, location, "read")
    except FileNotFoundError:
        file.unlink(missing_ok=True)
        return False


def read(
    location: Location, start: int | None = None, stop: int | None = None, size: int | None = None
) -> bytes | None:
    """Return a remote file, or a part of it; None where there is none.

    start, stop: of the part, bytes, as of a slice. size: length of the file where a listing states
    it, bytes.

    Raises ImageError for every failure but "there is none", also of a server that gives no parts.
    """
    store, path = _store(location), _path(location)
    wanted = stop - (start or 0) if stop is not None else None if start is not None else size

    def once() -> bytes:
        data: bytes = store.cat_file(path, start=start, end=stop)
        if wanted is not None and len(data) != wanted:
            raise _NoAnswerError(f"{len(data)} of {wanted} bytes came")
        return data

    try:
        return _tried(once, location, "read")
    except FileNotFoundError:
        return None


def gives_parts(location: Location) -> bool:
    """Return whether a server gives parts of a file, which must be there.

    Raises ImageError where that cannot be known.
    """
    if location.scheme == "s3":
        return True
    try:
        return read(location, 0, 1) is not None
    except ImageError as error:
        if WHOLE in str(error):
            return False
        raise


def listing(location: Location) -> dict[str, int]:
    """Return the sizes in bytes of the objects below a place in an object store, by path below."""
    return {path: int(entry["size"]) for path, entry in _entries(location).items()}


def versions(location: Location) -> dict[str, str]:
    """Return the ETags of the objects below a place in an object store, by path below.

    That of an object that was written by one request is its MD5, but for encrypted ones.
    """
    found = _entries(location)
    return {path: str(entry.get("ETag", "")).strip('"') for path, entry in found.items()}


def _entries(location: Location) -> dict[str, Any]:
    store, root = _store(location), _path(location).rstrip("/")
    found = _tried(lambda: store.find(root, detail=True), location, "listed")
    return {
        path[len(root) + 1 :]: entry
        for path, entry in found.items()
        if path.startswith(f"{root}/") and not path.endswith("/")
    }


def exists(location: Location) -> bool:
    """Return whether an object lies at a place; raises ImageError where that cannot be known."""
    store, path = _store(location), _path(location)
    try:
        return bool(_tried(lambda: store.info(path), location, "looked for")["type"] == "file")
    except FileNotFoundError:
        return False


def send(file: Path, location: Location) -> None:
    """Write an object, which appears whole or not at all, and read it back.

    Raises ImageError where it cannot be written, or reads back as another.
    """
    store, path = _store(location), _path(location)
    _tried(lambda: store.put_file(str(file), path), location, "written")
    with file.open("rb") as stream:
        size = os.fstat(stream.fileno()).st_size
        for start in range(0, max(size, 1), PART):
            part = () if size <= PART else (start, min(start + PART, size))
            there = _tried(partial(store.cat_file, path, *part), location, "read back")
            if there != stream.read(PART):
                raise ImageError(f"{location}: the object must read back as it was written.")


def remove(location: Location) -> None:
    """Delete an object, which may be gone already."""
    store, path = _store(location), _path(location)
    try:
        _tried(lambda: store.rm_file(path), location, "deleted")
    except FileNotFoundError:
        return


def _tried(action: Callable[[], T], location: Location, done: str) -> T:
    """Return what an action gives, perhaps after other tries.

    Raises FileNotFoundError where nothing is there, and ImageError where it fails.
    """
    for number in range(TRIES):
        try:
            return action()
        except FileNotFoundError:
            raise
        # Each library in between has errors of its own.
        except Exception as error:
            reason, passing = _reason(error)
            if not passing or number == TRIES - 1:
                after = f" after {number + 1} tries" if number else ""
                # The cause is left out: its text may hold the address with its signature.
                raise ImageError(
                    f"{location}: the file cannot be {done} ({reason}){after}."
                ) from None
        time.sleep(WAIT * 2**number)
    raise AssertionError("the last try returns or raises")


def _reason(error: Exception) -> tuple[str, bool]:
    """Return why something failed, without an address in it, and whether that may pass."""
    status = _status(error)
    if isinstance(error, _NoAnswerError):
        return str(error.args[0]), len(error.args) == 1
    if status:
        phrase = HTTPStatus(status).phrase if status in {s.value for s in HTTPStatus} else ""
        return f"{status} {phrase}".rstrip(), status >= 500 or status in PASSING
    if isinstance(error, PermissionError):
        return "access is denied", False
    if isinstance(error, asyncio.TimeoutError | TimeoutError) or "Timeout" in type(error).__name__:
        return "the server did not answer in time", True
    if type(error).__name__ in ("ClientPayloadError", "IncompleteRead", "ContentLengthError"):
        return "the answer was cut short", True
    if "Certificate" in type(error).__name__ or "SSL" in type(error).__name__:
        return "the server's certificate is not trusted", False
    if "Connect" in type(error).__name__:
        return "the server cannot be reached", True
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "the disk of this computer is full", False
    return type(error).__name__, True


def _status(error: BaseException) -> int:
    """Return the state of HTTP that an error stands for, 0 where it has none."""
    for one in (error, error.__cause__):
        answer = getattr(one, "response", None)
        if isinstance(answer, dict):
            return int(answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        if isinstance(getattr(one, "status", None), int):
            return int(one.status)  # type: ignore[union-attr]
    return 0


def _path(location: Location) -> str:
    """Return a location as its file system names it."""
    if location.scheme != "s3":
        return location.url
    path = s3_path(location.url)
    if "@" in path.partition("/")[0]:
        raise ImageError(
            f"{location}: an s3:// address must hold no key; set AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY, or a profile."
        )
    return path


def _store(location: Location) -> Any:
    """Return the file system of a location; raises MissingExtra without the extra `cloud`."""
    try:
        import fsspec

        if location.scheme == "s3":
            import s3fs  # noqa: F401
        else:
            import aiohttp
    except ImportError as error:
        raise MissingExtra(
            f"{location}: remote files need fsspec: pip install 'unsmear[cloud]'."
        ) from error
    if location.scheme == "s3":
        return _s3_store(os.getpid())
    # It logs every address, with its query.
    logging.getLogger("fsspec.http").setLevel(logging.INFO)
    timeout = aiohttp.ClientTimeout(total=None, connect=TIMEOUT, sock_read=TIMEOUT)
    return fsspec.filesystem("http", get_client=_client, client_kwargs={"timeout": timeout})


@cache
def _s3_store(process: int) -> Any:
    """Return the file system of S3, one for each process: looking for credentials takes long."""
    import fsspec

    store = fsspec.filesystem("s3", **_s3_options())
    store.retries = 1  # the tries are counted here
    return store


def _s3_options() -> dict[str, Any]:
    """Return the options of the S3 file system; those of the user's fsspec configuration win.

    Without any credentials the store is asked as anybody may ask it. The service that gives a
    cloud machine its role is another address, and asked only with `FSSPEC_S3='{"anon": false}'`.
    """
    import botocore.session
    from fsspec.config import conf

    options: dict[str, Any] = {
        "use_listings_cache": False,
        "max_concurrency": 1,  # several files at once, each by one request
        "config_kwargs": {
            "connect_timeout": TIMEOUT,
            "read_timeout": TIMEOUT,
            "retries": {"total_max_attempts": 1},
        },
    }
    if not {"anon", "key", "profile"} & set(conf.get("s3", {})):
        chain = botocore.session.Session().get_component("credential_provider")
        chain.remove("iam-role")
        options["anon"] = chain.load_credentials() is None
    return options


async def _client(**options: Any) -> Any:
    """Return a session that refuses redirects to other schemes, and answers of unknown length."""
    import aiohttp

    trace = aiohttp.TraceConfig()
    trace.on_request_redirect.append(_check_redirect)
    trace.on_request_end.append(_check_length)
    return aiohttp.ClientSession(trace_configs=[trace], **options)


async def _check_redirect(_session: Any, _context: Any, step: Any) -> None:
    there = urljoin(str(step.response.url), step.response.headers.get("Location", ""))
    scheme = urlsplit(there).scheme
    if scheme != step.response.url.scheme:
        raise _NoAnswerError(f"it leads to an address of another kind, {scheme}://", False)


async def _check_length(_session: Any, _context: Any, step: Any) -> None:
    headers = step.response.headers
    chunked = "chunked" in headers.get("Transfer-Encoding", "").lower()
    if step.response.status == 200 and "Range" in step.headers:
        raise _NoAnswerError(WHOLE, False)
    if step.response.status == 200 and "Content-Length" not in headers and not chunked:
        raise _NoAnswerError("the server does not state the length of its answer", False)
