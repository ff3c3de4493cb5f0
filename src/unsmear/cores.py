"""The number of processor cores that this process may use."""

from __future__ import annotations

import os


def _count() -> int:
    available = os.cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):
        available = len(os.sched_getaffinity(0))
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    return min(available, int(wanted)) if wanted.isdecimal() and int(wanted) else available


CORES: int = _count()
"""Number of threads of whatever uses all cores of this process: those it may run on, and no more
than OMP_NUM_THREADS, which batch systems set."""
