"""Atomic writing of files: a file appears complete or not at all."""

from __future__ import annotations

import contextlib
import os
import threading
from pathlib import Path

from unsmear.errors import ImageError


def write_aside(path: Path, data: bytes) -> None:
    """Write a file under a temporary name beside it, then rename it, so that none is incomplete.

    Raises ImageError if the file cannot be written.
    """
    aside = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        aside.write_bytes(data)
        aside.replace(path)
    except OSError as error:
        raise ImageError(f"{path.name}: the file cannot be written ({error.strerror}).") from error
    finally:
        with contextlib.suppress(OSError):  # an error here would hide the one above
            aside.unlink(missing_ok=True)
