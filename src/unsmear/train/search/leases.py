"""Which process works on which trial: a file each, touched while its process lives.

The files lie beside the study, on a disk that all machines share. Nothing here relies on locks of
the file system, which many network file systems lack: a file that must not exist before (O_EXCL)
is all that is needed. Times are compared as the disk's own clock gives them.
"""

from __future__ import annotations

import os
import socket
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from optuna.storages.journal import JournalFileOpenLock

BEAT = 20.0
"""Seconds between two touches."""
GRACE = 120.0
"""Seconds after which a process that did not touch its file counts as dead; on its own machine it
does as soon as it is gone."""


@dataclass(frozen=True)
class Lease:
    """A process's hold on a trial."""

    path: Path
    owner: str

    def held(self) -> bool:
        """Return whether no other process has taken the trial, thinking this one dead."""
        return _read(self.path)[0] == self.owner

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Touch the file until the end, then take it away."""
        ended = threading.Event()

        def beat() -> None:
            while not ended.wait(BEAT) and self.held():
                with suppress(OSError):  # the disk may be away for a while
                    os.utime(self.path)

        thread = threading.Thread(target=beat, daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
            if self.held():
                self.path.unlink(missing_ok=True)


@dataclass(frozen=True)
class Leases:
    """The claims of a study.

    Whoever looks for a trial to claim must be `alone`, else two could take the same.
    """

    folder: Path
    process: str = field(default_factory=lambda: f"{_place()} {os.getpid()} {uuid.uuid4()}")

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep all other processes out, for a moment."""
        self.folder.mkdir(parents=True, exist_ok=True)
        lock = JournalFileOpenLock(str(self.folder / "all"))
        lock.acquire()
        try:
            yield
        finally:
            with suppress(RuntimeError):  # taken away, after 30 seconds: this machine slept
                lock.release()

    def claim(self, number: int) -> Lease:
        """Take a trial that nobody alive has."""
        claim = Lease(self._path(number), self.process)
        claim.path.write_text(claim.owner)
        return claim

    def state(self, number: int) -> str:
        """Return "free", "taken" by a living process, or "orphaned" by one that was killed."""
        owner, touched = _read(self._path(number))
        if not owner:
            return "free"
        return "taken" if self._now() - touched < GRACE and _may_live(owner) else "orphaned"

    def _path(self, number: int) -> Path:
        return self.folder / f"{number:04d}"

    def _now(self) -> float:
        """Return the time by the clock that dates the files."""
        clock = self.folder / "clock"
        clock.touch()
        return clock.stat().st_mtime


def _read(path: Path) -> tuple[str, float]:
    """Return who has a claim and when it was touched; opening asks a network's disk anew."""
    try:
        with path.open() as file:
            return file.read(), os.fstat(file.fileno()).st_mtime
    except FileNotFoundError:
        return "", 0.0


def _place() -> str:
    """Return where process numbers mean the same: the machine, and the container on it."""
    with suppress(OSError):
        return f"{socket.gethostname()}/{os.readlink('/proc/self/ns/pid')}".replace(" ", "_")
    return socket.gethostname().replace(" ", "_")


def _may_live(owner: str) -> bool:
    place, number, _ = owner.split(" ")
    if place != _place() or os.name != "posix":  # elsewhere `kill` with 0 is no question
        return True
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
