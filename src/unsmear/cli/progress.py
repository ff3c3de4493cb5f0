"""One function over many items, in any number of processes, with a bar on stderr."""

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

import cv2
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from unsmear.errors import OptionError, UnsmearError

Item = TypeVar("Item")
Result = TypeVar("Result")

AHEAD = 4
"""Items handed to a worker before the first of its results is taken: bounds what is held."""


def map_with_progress(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    workers: int = 1,
    description: str = "",
) -> Iterator[Result]:
    """Yield `function(item)` for every item, in the items' order, behind a progress bar.

    function: importable by name where workers > 1 (a module's function, or a partial of one).
    workers: processes, 1 or more; 1 runs in this process, and the results are the same.
    description: the text before the bar, which is on stderr and leaves no trace in a file.

    An error of `function` is raised here, and so is Ctrl-C; what has not begun is then cancelled.

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
    """Return a bar on stderr, which leaves no trace in a file."""
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
            "a worker process was ended from outside, perhaps for lack of memory; "
            "try again with fewer --workers."
        ) from error
    finally:
        # Also where the caller stops half-way; a worker finishes the item that it has begun.
        pool.shutdown(cancel_futures=True)


def _start_worker() -> None:
    # Ctrl-C reaches every process of the terminal; only the parent answers it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    cv2.setNumThreads(1)


def _end_with_parent() -> None:
    """Leave when the parent was killed and could not tell."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
