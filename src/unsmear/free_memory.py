"""Memory that is free: what a file may ask of it before it is read."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

MEMORY = Path("/proc/meminfo")
GROUP = Path("/sys/fs/cgroup")
"""Folder with the limits of a container."""


def budget() -> int | None:
    """Return half of the memory that is free, bytes; None where the system does not say."""
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
