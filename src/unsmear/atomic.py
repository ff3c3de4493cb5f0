"""Atomic writing of files: a file appears complete or not at all."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from unsmear.errors import ImageError

Parts = Sequence[bytes | bytearray | memoryview]
"""A file's contents in pieces, so that large ones need not be joined in memory."""


def write_aside(
    path: Path, data: bytes | Parts, check: Callable[[Path], None] | None = None
) -> None:
    """Write a file under a temporary name beside it, then rename it, so that none is incomplete.

    check: called with the temporary file before it takes its name; what it raises is raised here,
    and the file is deleted.

    Raises ImageError if the file cannot be written.
    """
    aside = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with aside.open("wb") as file:
            file.writelines([data] if isinstance(data, bytes) else data)
        if check is not None:
            check(aside)
        aside.replace(path)
    except OSError as error:
        raise ImageError(f"{path.name}: the file cannot be written ({error.strerror}).") from error
    finally:
        with contextlib.suppress(OSError):  # an error here would hide the one above
            aside.unlink(missing_ok=True)
