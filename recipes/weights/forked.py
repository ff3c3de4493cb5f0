"""Map numbers in forked processes, which find what the work needs in the memory they begin with."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

Result = TypeVar("Result")

_work: list[Callable[[int], Any]] = []


def numbered(
    work: Callable[[int], Result], count: int, workers: int, chunk: int = 4
) -> Iterator[Result]:
    """Yield `work(number)` for the numbers below `count`, in order.

    work: whatever it holds, such as all planes of a data set, is sent to no process: that took
    longer than the work. chunk: numbers that are done by one process at a time.
    """
    context = multiprocessing.get_context("fork")
    with context.Pool(workers, _work.append, (work,)) as pool:
        yield from pool.imap(_done, range(count), chunksize=chunk)


def _done(number: int) -> Any:
    return _work[-1](number)
