"""Map over images with a progress bar on stderr, in this process or wherever the user said."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from unsmear.cluster import HERE, Where, Workers, opened

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

    description: the text before the bar. The bar is drawn only where stderr is a terminal.
    function, key, lost, and the errors: see `cluster.Workers.map_tasks` and `cluster.opened`.
    """
    with opened_for(items, where) as workers:
        yield from share_out(workers, function, items, description, key, lost)


def opened_for(items: Sequence[Any], where: Where) -> AbstractContextManager[Workers]:
    """Return the workers for so many items; one item is done in this process."""
    where.check()
    # In a process of its own it would only wait for that to start.
    here = len(items) == 0 or (len(items) == 1 and where.workers > 1)
    return opened(HERE if here else where)


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
