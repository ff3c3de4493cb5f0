"""A worker process: it does one thing at a time, and can be stopped in the middle of it."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from typing import Any

from unsmear.errors import UnsmearError, no_memory, unforeseen
from unsmear.local_page.work import Work

LOST = (
    "the process that worked on it was ended by the system, perhaps for lack of memory; close "
    "other programs and try again."
)
SECONDS = 5.0
"""For which a process is waited for when it is to end."""
GONE = (EOFError, OSError)
"""Raised where the other process is gone."""


class StoppedError(UnsmearError):
    """The work was stopped by the user."""


class LostError(UnsmearError):
    """The process ended in the middle of the work."""


class Worker:
    """A process, started when it is first needed, and again after it was stopped.

    make: called in the process; it returns what the process does, and is importable by name.
    """

    def __init__(self, make: Callable[[], Work]) -> None:
        self._make = make
        self._process: SpawnProcess | None = None
        self._connection: Connection | None = None
        self._lock = threading.Lock()

    def ask(self, name: str, *arguments: Any, news: Callable[..., None]) -> Any:
        """Return the answer of a method of the work; news: called with what it tells meanwhile.

        Raises StoppedError where `stop` ended it, LostError where something else did, and
        UnsmearError with its sentence where the work failed.
        """
        connection = self._started()
        try:
            connection.send((name, arguments))
            while True:
                kind, answer = connection.recv()
                if kind == "answer":
                    return answer
                if kind == "error":
                    raise UnsmearError(answer)
                news(*answer)
        except GONE as error:
            with self._lock:
                stopped = self._connection is not connection
            if stopped:
                raise StoppedError("stopped.") from error
            self.stop()
            raise LostError(LOST) from error

    def stop(self) -> None:
        """End the process, whatever it is at."""
        with self._lock:
            process, connection = self._process, self._connection
            self._process = self._connection = None
        if process is not None:
            process.terminate()
            process.join(SECONDS)
            if process.is_alive():
                process.kill()
                process.join(SECONDS)
        if connection is not None:
            with suppress(OSError):
                connection.close()

    def _started(self) -> Connection:
        with self._lock:
            if self._connection is None:
                context = multiprocessing.get_context("spawn")
                self._connection, theirs = context.Pipe()
                self._process = context.Process(
                    target=serve, args=(theirs, self._make), name="unsmear worker", daemon=True
                )
                self._process.start()
                theirs.close()
            return self._connection


def serve(connection: Connection, make: Callable[[], Work]) -> None:
    """Do what is asked through a connection, until the other side closes it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the server's, which ends this
    threading.Thread(target=_end_with_parent, name="unsmear parent", daemon=True).start()
    sys.stdout = open(os.devnull, "w")  # noqa: SIM115 -- lines of a batch are on the page
    work: Work | None = None
    with suppress(*GONE):
        while True:
            name, arguments = connection.recv()
            work = work or make()
            news = partial(_tell, connection)
            connection.send(_answer(partial(getattr(work, name), news, *arguments)))


def _end_with_parent() -> None:
    """End this process, whatever it is at, when the server is gone, even if that was killed."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _tell(connection: Connection, what: str, done: int = 0, total: int = 0) -> None:
    connection.send(("news", (what, done, total)))


def _answer(do: Callable[[], Any]) -> tuple[str, Any]:
    """Return what a method answers, or the sentence on why it cannot."""
    try:
        return "answer", do()
    except UnsmearError as error:
        return "error", str(error)
    except MemoryError:
        return "error", no_memory("this image")
    except GONE:
        raise
    except Exception as error:
        return "error", unforeseen(error)
