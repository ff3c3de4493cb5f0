"""Workers, and tasks that are mapped over them.

A task carries what names its pixels, and not the pixels. What all tasks have in common, the
function and what it is bound to, is sent once to each worker.
"""

from __future__ import annotations

import os
import socket
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from unsmear import free_memory
from unsmear.errors import UnsmearError

if TYPE_CHECKING:
    from distributed import Client, Future

Item = TypeVar("Item")
Result = TypeVar("Result")

AHEAD = 4
"""Largest number of tasks in flight per worker; it bounds the memory of results not yet read."""
DEATHS = 3
"""Number of workers that a task may end before it is given up."""
PATIENCE = 5.0
"""Seconds after which a wait looks whether the workers are still there."""
GO_ON = "what is finished is kept. Repeat the command (restore, estimate: with --resume) to go on."


class WorkersLostError(UnsmearError):
    """The workers are gone, or nobody can reach them; no task can be done any more."""


def _nothing() -> None:
    """Look after workers that look after themselves."""


@dataclass(frozen=True)
class Workers:
    """Processes that do tasks; without a client, this process.

    number: of processes that were asked for. source: who gives them, as messages name it.
    tend: called while tasks are waited for; replaces workers that ended. memory: of each process,
    bytes; None bounds it by what is free.
    """

    client: Client | None = None
    number: int = 1
    source: str = ""
    tend: Callable[[], None] = _nothing
    memory: int | None = None

    def map_tasks(
        self,
        function: Callable[[Item], Result],
        items: Iterable[Item],
        *,
        label: str = "task",
        key: Callable[[Item], str] = str,
        ordered: bool = True,
        lost: Callable[[Item, str], Result] | None = None,
    ) -> Iterator[Result]:
        """Yield `function(item)` for every item; the results are those of one process.

        function: importable by name (a module's function, or a partial of one).
        items: taken as workers become free, so they may be many.
        label, key: of a task on the dashboard: what is done, and the file and chunk.
        ordered: in the order of the items, and not as they are finished.
        lost: gives the result of an item that ended its worker DEATHS times, from the sentence on
        it; without it the sentence is raised.

        An error of `function` is raised here, and so is Ctrl-C; tasks not yet begun are cancelled.
        Raises WorkersLostError where the workers are lost.
        """
        if self.client is None:
            yield from map(function, items)
            return
        tasks = _Tasks(self, self.client, function, label, key)
        waiting: deque[_Task] = deque()
        try:
            for item in items:
                waiting.append(tasks.begin(item))
                if len(waiting) >= AHEAD * self.number:
                    yield tasks.finish(tasks.next(waiting, ordered), waiting, lost)
            while waiting:
                yield tasks.finish(tasks.next(waiting, ordered), waiting, lost)
        finally:
            # Also when the caller stops early. A lost scheduler would be waited for.
            if self.client.status == "running":
                self.client.cancel([task.future for task in waiting])


@dataclass(frozen=True)
class _Task:
    item: Any
    future: Future


class _Tasks:
    """The tasks of one map, with names that no other map has."""

    def __init__(
        self,
        workers: Workers,
        client: Client,
        function: Callable[[Any], Any],
        label: str,
        key: Callable[[Any], str],
    ) -> None:
        self.workers, self.client, self.label, self.key = workers, client, label, key
        self.run, self.number = uuid.uuid4().hex, 0
        self.folder = Path.cwd()
        # As a task: what a lost worker held is made again.
        name = (f"{label}: settings", self.run)
        self.function = client.submit(_itself, function, key=name, pure=False)

    def begin(self, item: Any) -> _Task:
        self.number += 1
        name = (self.label, self.key(item), self.number, self.run)
        place = self.folder, self.workers.memory
        task = self.client.submit(_call, self.function, place, item, key=name, pure=False)
        return _Task(item, task)

    def next(self, waiting: deque[_Task], ordered: bool) -> _Task:
        """Take the next task from those that are waited for."""
        if ordered:
            return waiting.popleft()
        self._wait([task.future for task in waiting], "FIRST_COMPLETED")
        done = next(task for task in waiting if task.future.done())
        waiting.remove(done)
        return done

    def finish(
        self,
        task: _Task,
        others: Iterable[_Task],
        lost: Callable[[Any, str], Any] | None,
    ) -> Any:
        """Return the result of a task.

        All tasks of a worker that ended are under suspicion. Each is tried again, alone, so that
        none is blamed for another.
        """
        from distributed import KilledWorker

        deaths = 0
        while True:
            try:
                return self._result(task.future)
            except KilledWorker as error:
                deaths += error.allowed_failures + 1
            if deaths >= DEATHS:
                break
            self._wait([other.future for other in others])
            task = self.begin(task.item)
        sentence = (
            f"{self.key(task.item)}: its worker process was ended {deaths} times by the system, "
            "perhaps for lack of memory; try it with fewer workers."
        )
        if lost is None:
            raise UnsmearError(sentence)
        return lost(task.item, sentence)

    def _result(self, future: Future) -> Any:
        """Return a task's result; one whose worker ends before it is fetched is waited for anew."""
        patience = PATIENCE
        while True:
            self._wait([future])
            try:
                with self._connected():
                    return future.result(timeout=patience)
            except TimeoutError:
                if future.status == "error":  # the task's own
                    raise
            patience *= 2  # a large result may only be slow

    def _wait(self, futures: list[Future], until: str = "ALL_COMPLETED") -> None:
        from distributed import wait

        while futures:
            self.workers.tend()
            try:
                with self._connected(), self.client.as_current():
                    wait(futures, timeout=PATIENCE, return_when=until)
                return
            except TimeoutError:
                continue

    @contextmanager
    def _connected(self) -> Iterator[None]:
        from distributed import CancelledError
        from distributed.comm import CommClosedError

        try:
            yield
        except (CancelledError, CommClosedError) as error:
            sentence = f"{self.workers.source}: the connection to the scheduler was lost; {GO_ON}"
            raise WorkersLostError(sentence) from error


def _itself(function: Any) -> Any:
    return function


def _call(function: Callable[[Any], Any], place: tuple[Path, int | None], item: Any) -> Any:
    """Do a task in the folder of the command, in which its relative paths lie.

    place: that folder, and the memory of each process.
    """
    folder, memory = place
    try:
        os.chdir(folder)
    except OSError as error:
        raise UnsmearError(
            f"{folder}: every machine must have the folder in which the command is run "
            f"({error.strerror} on {socket.gethostname()})."
        ) from error
    with free_memory.limited(memory):
        return function(item)
