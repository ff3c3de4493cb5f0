"""Leases on trials: one file per trial, touched while the process that works on it lives.

The files lie beside the study, on a disk that all machines share. Creating a file that must not
exist yet (O_EXCL) is the only lock.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from optuna.storages.journal import JournalFileOpenLock

from unsmear import lease
from unsmear.errors import is_full_disk
from unsmear.lease import Lease


class Lock(JournalFileOpenLock):
    """Optuna's lock of a file, which a full disk does not leave behind."""

    def release(self) -> None:
        """Let go of the lock, without another name for its file where the disk has no room for one.

        Raises RuntimeError where its file is gone, which Optuna expects, or cannot be deleted.
        """
        try:
            super().release()
        except RuntimeError as error:
            cause = error.__context__
            # Only the error of a renaming names two files; after one, the lock may be another's.
            if not (isinstance(cause, OSError) and cause.filename2 and is_full_disk(cause)):
                raise
            Path(self._lock_file).unlink(missing_ok=True)


@dataclass(frozen=True)
class Leases:
    """The leases of a study's trials.

    A process must choose and take a trial within `alone`; otherwise two could take the same one.
    """

    folder: Path
    process: str = field(default_factory=lease.new_owner)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep all other processes out inside the context, which must be short."""
        self.folder.mkdir(parents=True, exist_ok=True)
        lock = Lock(str(self.folder / "all"))
        lock.acquire()
        try:
            yield
        finally:
            try:
                lock.release()
            except RuntimeError as error:
                if not isinstance(error.__context__, FileNotFoundError):
                    raise  # otherwise another removed it: this machine slept

    def take(self, number: int) -> Lease:
        """Take the lease of a trial that no living process has."""
        return Lease.take(self._path(number), self.process, self._clock)

    def state(self, number: int) -> lease.State:
        """Return "free", "taken" by a living process, or "orphaned" by a killed one."""
        return lease.state(self._path(number), self._clock)

    @property
    def _clock(self) -> Path:
        return self.folder / "clock"

    def _path(self, number: int) -> Path:
        return self.folder / f"{number:04d}"
