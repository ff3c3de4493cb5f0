"""The number of processor cores that this process may use."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import Lock
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


def in_parallel(
    work: Callable[[Item], Answer], items: Sequence[Item], most: int | None = None
) -> list[Answer]:
    """Return what `work` gives for each item, in their order, in `CORES` threads.

    It pays where `work` is NumPy's on large arrays, which releases the interpreter's lock. most:
    largest number of threads, where each takes much memory.
    """
    threads = CORES if most is None else min(CORES, most)
    if threads == 1 or len(items) == 1:
        return list(map(work, items))
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(work, items))


@contextmanager
def beside(work: Callable[[], Answer]) -> Iterator[Callable[[], Answer]]:
    """Yield a function that returns what `work` returns.

    It works meanwhile in a thread of its own, or when it is asked where there is no core for that.
    """
    if CORES == 1:
        yield work
        return
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(work).result


_limiting = Lock()


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Hold the BLAS libraries that are loaded to one thread; also a decorator.

    The likelihood's matrices are small: where nobody set OPENBLAS_NUM_THREADS before NumPy was
    imported, as in a notebook, the threads of BLAS took longer to wait for each other than one
    takes, 1.4 times on an idle machine of two cores and ten times on a busy one. Of several calls
    at once the first one limits, and lifts that at its end: the number of threads is the process's,
    and two that set it would take each other's for what was there before.
    """
    if not _limiting.acquire(blocking=False):
        yield
        return
    try:
        from threadpoolctl import threadpool_limits

        with threadpool_limits(1, "blas"):
            yield
    finally:
        _limiting.release()
