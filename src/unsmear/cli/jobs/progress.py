"""Parallel map with a progress bar on stderr."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from unsmear.errors import OptionError, UnsmearError

Item = TypeVar("Item")
Result = TypeVar("Result")

AHEAD = 4
"""Largest number of items queued per worker; it bounds the memory of results not yet read."""


def map_with_progress(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    workers: int = 1,
    description: str = "",
) -> Iterator[Result]:
    """Yield `function(item)` for every item, in order, with a progress bar.

    function: importable by name where workers > 1 (a module's function, or a partial of one).
    workers: processes, 1 or more; 1 runs in this process, and the results are the same.
    description: the text before the bar. The bar is drawn only where stderr is a terminal.

    An error of `function` is raised here, and so is Ctrl-C; items not yet begun are cancelled.

    Raises OptionError for fewer than one worker, and UnsmearError where a worker is killed.
    """
    if workers < 1:
        raise OptionError(f"workers must be 1 or more, got {workers}.")
    results = (
        map(function, items)
        if workers == 1 or len(items) < 2
        else _in_processes(function, items, min(workers, len(items)))
    )
    return _with_bar(results, len(items), description)


def bar() -> Progress:
    """Return a progress bar, drawn only where stderr is a terminal."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    return Progress(*columns, console=console, disable=not console.is_terminal)


def _with_bar(results: Iterable[Result], total: int, description: str) -> Iterator[Result]:
    with bar() as progress:
        task = progress.add_task(description, total=total)
        for result in results:
            progress.advance(task)
            yield result


def _in_processes(
    function: Callable[[Item], Result], items: Sequence[Item], workers: int
) -> Iterator[Result]:
    # A fork would copy the threads' locks of torch and OpenCV in whatever state they are.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_start_worker)
    waiting: deque[Future[Result]] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) > AHEAD * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    except BrokenProcessPool as error:
        raise UnsmearError(
            "a worker process was ended by the system, perhaps for lack of memory; "
            "try again with fewer --workers."
        ) from error
    finally:
        # Also when the caller stops early; a worker finishes its current item.
        pool.shutdown(cancel_futures=True)


def _start_worker() -> None:
    # Ctrl-C reaches every process of the terminal; only the parent handles it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    os.environ["OPENCV_FOR_THREADS_NUM"] = "1"  # OpenCV reads it when it is first used


def _end_with_parent() -> None:
    """Exit when the parent process was killed."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
