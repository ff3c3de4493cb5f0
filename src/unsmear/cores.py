"""The number of processor cores that this process may use."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TypeVar

Item = TypeVar("Item")
Answer = TypeVar("Answer")


def _count() -> int:
    available = os.cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):
        available = len(os.sched_getaffinity(0))
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    return min(available, int(wanted)) if wanted.isdecimal() and int(wanted) else available


CORES: int = _count()
"""Number of threads of whatever uses all cores of this process: those it may run on, and no more
than OMP_NUM_THREADS, which batch systems set."""


def in_parallel(work: Callable[[Item], Answer], items: Sequence[Item]) -> list[Answer]:
    """Return what `work` gives for each item, in their order, in `CORES` threads.

    It pays where `work` is NumPy's on large arrays, which releases the interpreter's lock.
    """
    if CORES == 1 or len(items) == 1:
        return list(map(work, items))
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(CORES) as pool:
        return list(pool.map(work, items))
