"""What each stage of a run takes, in `OUTPUT/stages.csv`: seconds, memory, disk."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from unsmear.tables import append_csv

FILE = "stages.csv"


@contextmanager
def measured(output: Path, stage: str, *folders: Path) -> Iterator[None]:
    """Add a row to the table when the stage ends, also where an error ends it.

    folders: where the stage writes. A stage that is resumed has a row for each time; that of a
    killed process is missing.
    """
    begun, spent, base = time.perf_counter(), _processor_seconds(), _reset_peak()
    try:
        yield
    finally:
        row = {
            "stage": stage,
            "seconds": time.perf_counter() - begun,
            "processor_seconds": _processor_seconds() - spent,
            "base_bytes": base,
            "peak_bytes": _memory("VmHWM"),
            "disk_bytes": sum(map(size_of, folders)),
        }
        output.mkdir(parents=True, exist_ok=True)
        append_csv(output / FILE, row)


def size_of(folder: Path) -> int:
    """Return the bytes of all files in a folder; 0 for none."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def _processor_seconds() -> float:
    """Return the processor time of this process and of those that it waited for."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _reset_peak() -> int:
    """Begin a new peak of memory; return what the process holds now, bytes (Linux; else 0)."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return 0
    return _memory("VmRSS")


def _memory(name: str) -> int:
    """Return a value of the process's status, bytes; 0 where the system has none."""
    file = Path("/proc/self/status")
    match = re.search(rf"{name}:\s+(\d+) kB", file.read_text()) if file.exists() else None
    return 1024 * int(match.group(1)) if match else 0
