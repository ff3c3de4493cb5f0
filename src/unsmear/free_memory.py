"""The budget of memory: what an image may take of what the user gives, or of what is free."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

MEMORY = Path("/proc/meminfo")
GROUP = Path("/sys/fs/cgroup")
"""Folder with the limits of a container."""
LIBRARIES = 400_000_000
"""Memory of a process without images, of the libraries with their networks, bytes."""
UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12,
         "KI": 2**10, "MI": 2**20, "GI": 2**30, "TI": 2**40}  # fmt: skip

_given: int | None = None
"""Memory of this process as the user gives it, bytes; None where nothing is said."""


def parse(text: str) -> int:
    """Return a size as it is typed, in bytes: 2GB, 1.5 GiB, 800MB; raises ValueError."""
    match = re.fullmatch(r"([0-9]{1,6}(?:\.[0-9]{1,6})?) ?([KMGT]?I?)B?", text.strip().upper())
    if match is None or match[2] not in UNITS or float(match[1]) == 0:
        raise ValueError(f"--memory must be a size such as 2GB or 800MB, got {text[:40]!r}.")
    return int(float(match[1]) * UNITS[match[2]])


@contextmanager
def limited(given: int | None) -> Iterator[None]:
    """Bound the memory of this process inside the context; None: by what is free."""
    global _given
    before, _given = _given, given
    try:
        yield
    finally:
        _given = before


def given() -> int | None:
    """Return the memory that the user gives this process, bytes; None where nothing is said."""
    return _given


def budget() -> int | None:
    """Return what an image may take, bytes: of what is given the rest beside the libraries, or half
    of the memory that is free; None where the system does not say.
    """
    if _given is not None:
        return max(0, _given - LIBRARIES)
    free = [size for size in (_of_machine(), _of_group()) if size is not None]
    return min(free) // 2 if free else None


def _of_machine() -> int | None:
    with suppress(OSError, ValueError):
        for line in MEMORY.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return None


def _of_group() -> int | None:
    with suppress(OSError, ValueError):  # "max" is no number: there is no limit
        limit = int((GROUP / "memory.max").read_text())
        return max(0, limit - int((GROUP / "memory.current").read_text()))
    return None
