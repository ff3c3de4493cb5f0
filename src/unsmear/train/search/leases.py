"""Leases on trials: one file per trial, touched while the process that works on it lives.

The files lie beside the study, on a disk that all machines share. Nothing here relies on locks of
the file system, which many network file systems lack: creating a file that must not exist yet
(O_EXCL) is enough. Times are compared by the disk's own clock.
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
"""Seconds between two touches of a lease's file."""
GRACE = 120.0
"""Seconds without a touch after which a process counts as dead. On the same machine it counts as
dead as soon as it has ended."""


@dataclass(frozen=True)
class Lease:
    """A process's exclusive right to work on a trial."""

    path: Path
    owner: str

    def held(self) -> bool:
        """Return whether this process still has the trial, and no other has taken it over."""
        return _read(self.path)[0] == self.owner

    @contextmanager
    def renewing(self) -> Iterator[None]:
        """Renew the lease inside the context; remove its file at the end."""
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
    """The leases of a study's trials.

    A process must choose and take a trial within `alone`; otherwise two could take the same one.
    """

    folder: Path
    process: str = field(default_factory=lambda: f"{_machine()} {os.getpid()} {uuid.uuid4()}")

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep all other processes out inside the context, which must be short."""
        self.folder.mkdir(parents=True, exist_ok=True)
        lock = JournalFileOpenLock(str(self.folder / "all"))
        lock.acquire()
        try:
            yield
        finally:
            with suppress(RuntimeError):  # removed by another after 30 seconds: this machine slept
                lock.release()

    def take(self, number: int) -> Lease:
        """Take the lease of a trial that no living process has."""
        lease = Lease(self._path(number), self.process)
        lease.path.write_text(lease.owner)
        return lease

    def state(self, number: int) -> str:
        """Return "free", "taken" by a living process, or "orphaned" by a killed one."""
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
    """Return a lease's owner and when it was touched; opening refreshes a network disk's cache."""
    try:
        with path.open() as file:
            return file.read(), os.fstat(file.fileno()).st_mtime
    except FileNotFoundError:
        return "", 0.0


def _machine() -> str:
    """Return the machine and the container on it, within which process numbers are unique."""
    with suppress(OSError):
        return f"{socket.gethostname()}/{os.readlink('/proc/self/ns/pid')}".replace(" ", "_")
    return socket.gethostname().replace(" ", "_")


def _may_live(owner: str) -> bool:
    machine, number, _ = owner.split(" ")
    if machine != _machine() or os.name != "posix":  # elsewhere `kill` with 0 is no mere check
        return True
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
