"""Leases: files that are touched while the process that works on something lives.

Nothing here relies on locks of the file system, which many network file systems lack. Times are
compared by the disk's own clock.
"""

from __future__ import annotations

import os
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from unsmear import processes
from unsmear.errors import DataError, OptionError, error_text

BEAT = 20.0
"""Seconds between two touches of a lease's file."""
GRACE = 120.0
"""Seconds without a touch after which a process of another machine counts as dead. On the same
machine it counts as dead as soon as it has ended, and, on Linux, no sooner."""
SETTLING = 0.3
"""Seconds within which processes that take a lease at the same moment see each other."""
LONGEST = 4096
"""Largest number of characters of a lease that are read."""

State = Literal["free", "taken", "orphaned"]
"""Whether nobody, a living process or a killed one holds a lease."""


@dataclass(frozen=True)
class Lease:
    """A process's exclusive right to work on something.

    path: the lease's file. owner: the process, see `new_owner`.
    """

    path: Path
    owner: str

    @classmethod
    def take(cls, path: Path, owner: str, clock: Path) -> Lease:
        """Take a lease that no living process has. clock: see `state`.

        Raises FileExistsError where a living process has it, or takes it at the same moment.
        """
        if state(path, clock) == "free":
            with suppress(FileExistsError), path.open("x") as file:
                file.write(owner)
                return cls(path, owner)
            time.sleep(SETTLING)  # who has just created it writes its name
        if state(path, clock) == "taken":
            raise FileExistsError(path)
        # The orphan's file is replaced and never absent, so that nobody creates one meanwhile.
        own = path.with_name(f"{path.name}.{uuid.uuid4().hex}")
        try:
            own.write_text(owner)
            own.replace(path)
        finally:
            own.unlink(missing_ok=True)
        taken = cls(path, owner)
        time.sleep(SETTLING)  # another that saw the orphan, too, may replace it last
        if not taken.held():
            raise FileExistsError(path)
        return taken

    def held(self) -> bool:
        """Return whether this process still has the lease, and no other has taken it over."""
        return _read(self.path)[0] == self.owner

    @contextmanager
    def renewing(self) -> Iterator[None]:
        """Renew the lease inside the context; remove its file at the end."""
        ended = threading.Event()

        def beat() -> None:
            while not ended.wait(BEAT):
                with suppress(OSError):  # the disk may be away for a while
                    if not self.held():
                        return
                    os.utime(self.path)

        thread = threading.Thread(target=beat, daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
            with suppress(OSError):  # what went wrong inside says more
                if self.held():
                    self.path.unlink(missing_ok=True)


@contextmanager
def holding(path: Path, folder: Path) -> Iterator[None]:
    """Hold the lease of what a command writes into a folder inside the context.

    path: the lease's file, for which a folder is made where none is.

    Raises OptionError where another process holds it, and DataError where it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"{path.parent}: no folder can be made ({error_text(error)}).") from error
    clock = path.with_name(f"{path.name}.clock")
    try:
        taken = Lease.take(path, new_owner(), clock)
    except FileExistsError as error:
        raise OptionError(
            f"{folder}: another run writes its results here; wait for its end (two minutes, if it "
            "was killed on another machine), or give another output folder."
        ) from error
    except OSError as error:
        raise DataError(f"{path}: the lease cannot be written ({error_text(error)}).") from error
    finally:
        with suppress(OSError):  # where it cannot be deleted, the error above says more
            clock.unlink()
    with taken.renewing():
        yield


def new_owner() -> str:
    """Return a name of this process that no other has, on any machine.

    It is "MACHINE NUMBER UUID@BOOT/BEGAN", without what follows the UUID where the system does not
    say when a process began.
    """
    boot, began = processes.boot(), processes.began(os.getpid())
    when = f"@{boot}/{began}" if boot and began else ""
    return f"{processes.machine()} {os.getpid()} {uuid.uuid4()}{when}"


def state(path: Path, clock: Path) -> State:
    """Return who holds the lease of a file.

    clock: a file that is touched to learn the time by the clock of the lease's disk.
    """
    owner, touched = _read(path)
    if not owner:
        return "free"
    lives = _lives(owner)
    if lives is None:
        lives = _now(clock) - touched < GRACE
    return "taken" if lives else "orphaned"


def _now(clock: Path) -> float:
    with suppress(OSError):  # who may only read takes the time of the machine
        clock.touch()
        return clock.stat().st_mtime
    return time.time()


def _read(path: Path) -> tuple[str, float]:
    """Return a lease's owner and when it was touched; opening refreshes a network disk's cache."""
    if not path.is_file():  # a pipe would be waited for
        return "", 0.0
    try:
        with path.open(errors="replace") as file:
            return file.read(LONGEST), os.fstat(file.fileno()).st_mtime
    except FileNotFoundError:
        return "", 0.0


def _lives(owner: str) -> bool | None:
    """Return whether the process of a lease lives; None where only its touches can tell."""
    parts = owner.split(" ")
    if len(parts) != 3 or not (parts[1].isdecimal() and len(parts[1]) < 20):
        return False  # killed while it wrote its name
    machine, number, name = parts
    if machine != processes.machine():
        return None
    boot, _, began = name.partition("@")[2].partition("/")
    if boot and boot == processes.boot():  # it may have slept, with the machine, for hours
        return processes.began(int(number)) == began
    return None if processes.may_live(int(number)) else False
