"""Map over images, in this process or wherever the user said, and show on stderr how far it is.

A terminal has a progress bar; a file, such as the log of a job, gets a line now and then.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any, TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

from unsmear.batches.sentences import duration
from unsmear.cli.console import say, shows_progress
from unsmear.cluster import HERE, Where, Workers, opened

FIRST, PAUSE = 10.0, 30.0
"""Seconds before the first line of progress, and least seconds between two."""
LEAST = 0.01
"""Least share of an item that is told."""
SPEED_OVER = 600.0
"""Seconds over which the speed is measured that says how much time is left."""

Within = Callable[[float], None]
"""Is told which share of the item at work is done, 0 to 1."""
_shown: list[Within] = []
"""Who shows how much of an item is done that this process works on; the last one does."""

Item = TypeVar("Item")
Result = TypeVar("Result")


def map_with_progress(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    where: Where = HERE,
    description: str = "",
    key: Callable[[Item], str] = str,
    lost: Callable[[Item, str], Result] | None = None,
) -> Iterator[Result]:
    """Yield `function(item)` for every item, in order, with a progress bar.

    description: the text before the bar.
    function, key, lost, and the errors: see `cluster.Workers.map_tasks` and `cluster.opened`.
    """
    with opened_for(items, where) as workers:
        yield from share_out(workers, function, items, description, key, lost)


def opened_for(items: Sequence[Any], where: Where) -> AbstractContextManager[Workers]:
    """Return the workers for so many items; one item is done in this process."""
    where.check()
    # In a process of its own it would only wait for that to start.
    here = len(items) == 0 or (len(items) == 1 and where.workers > 1)
    return opened(replace(HERE, memory=where.memory) if here else where)


def share_out(
    workers: Workers,
    function: Callable[[Item], Result],
    items: Sequence[Item],
    description: str = "",
    key: Callable[[Item], str] = str,
    lost: Callable[[Item, str], Result] | None = None,
) -> Iterator[Result]:
    """Yield `function(item)` for every item, in order, from workers; see `map_with_progress`."""
    label = description or "task"
    results = workers.map_tasks(function, items, label=label, key=key, lost=lost)
    return _with_bar(results, len(items), description)


class Bar(Progress):
    """A progress bar, drawn only where stderr is a terminal; elsewhere lines are written.

    The first line comes after ten seconds, the others after half a minute, and after longer where
    the work takes hours.
    """

    def __init__(self) -> None:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
        )
        console = Console(stderr=True)
        self._written = shows_progress() and not console.is_terminal
        self._began = time.monotonic()
        self._next = self._began + FIRST
        super().__init__(
            *columns,
            console=console,
            disable=not (shows_progress() and console.is_terminal),
            speed_estimate_period=SPEED_OVER,
        )

    def update(self, task_id: TaskID, **changes: Any) -> None:
        """Change a task, and write a line where it is time for one."""
        super().update(task_id, **changes)
        self._write(task_id)

    def advance(self, task_id: TaskID, advance: float = 1) -> None:
        """Advance a task, and write a line where it is time for one."""
        super().advance(task_id, advance)
        self._write(task_id)

    def _write(self, task_id: TaskID) -> None:
        now, task = time.monotonic(), self._tasks[task_id]
        if not self._written or now < self._next or task.finished:
            return
        self._next = now + max(PAUSE, (now - self._began) / 20)
        of = "" if task.total is None else f" of {task.total:.0f}"
        done, share = divmod(task.completed, 1)
        part = f" and {share:.0%} of the next" if share >= LEAST else ""
        seconds = task.time_remaining
        left = "" if not seconds else f", about {duration(seconds)} left"
        say(f"{task.description} {done:.0f}{of}{part}{left}.".lstrip(), sys.stderr)


def bar() -> Bar:
    """Return a progress bar."""
    return Bar()


def within(done: int, everything: int) -> None:
    """Show how much is done of the item that this process works on, where it shows progress."""
    if _shown and everything:
        _shown[-1](min(done / everything, 1.0))


def _with_bar(results: Iterable[Result], total: int, description: str) -> Iterator[Result]:
    with bar() as progress:
        task, finished = progress.add_task(description, total=total), 0

        def show(share: float) -> None:
            # The last one counts when its result is there.
            progress.update(task, completed=finished + min(share, 1 - LEAST))

        _shown.append(show)
        try:
            for result in results:
                finished += 1
                progress.update(task, completed=finished)
                yield result
        finally:
            _shown.remove(show)
