"""Stopping rules: the last step, early stopping, a time limit, Ctrl-C or SIGTERM."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Literal

from unsmear.train.engine.job import Job

Reason = Literal["steps", "patience", "minutes", "stopped", "pruned"]
"""Why a run ended: "steps" for the last one, "patience" for early stopping, "minutes" for a time
limit, "stopped" by Ctrl-C or SIGTERM, "pruned" by a callback."""
ENDING = (signal.SIGINT, signal.SIGTERM)
"""Signals that end a run after its step: Ctrl-C, and what a scheduler sends when time is over."""
_latest: int | None = None
"""Signal that ended the latest run of this process."""


@dataclass(frozen=True)
class Stopping:
    """The reasons to stop a run after a step, the same in all of its processes.

    interrupted: set by Ctrl-C, see `interruptible`.
    """

    job: Job
    interrupted: threading.Event

    def after_step(self) -> Reason | None:
        """Return why the run ends after its latest step, apart from its validation; None if not."""
        reason = self._reason()
        if self.job.fabric.world_size == 1 or reason == "steps":
            return reason
        if self.job.state.step % self.job.run.log.every:
            return None
        # The first process's reason: clocks and Ctrl-C differ between processes.
        agreed: Reason | None = self.job.fabric.broadcast(reason)
        return agreed

    def _reason(self) -> Reason | None:
        if self.job.state.step >= self.job.last_step:  # even where interrupted: all is done
            return "steps"
        if self.interrupted.is_set():
            return "stopped"
        state, stop = self.job.state, self.job.run.stop
        spent = (
            (state.seconds, stop.minutes),
            (state.processor_seconds, stop.processor_minutes),
        )
        late = any(limit is not None and seconds > 60 * limit for seconds, limit in spent)
        return "minutes" if late else None


def finished(job: Job) -> Reason | None:
    """Return why a run is complete: last step reached or patience used up; None if it is not."""
    if job.state.step >= job.last_step:
        return "steps"
    patience = job.run.stop.patience
    return "patience" if patience is not None and job.state.stale >= patience else None


@contextmanager
def interruptible() -> Iterator[threading.Event]:
    """Yield an event that Ctrl-C or SIGTERM sets, so that a step is always completed; a second one
    ends the program at once. Outside the main thread signals are handled as before.
    """
    global _latest
    _latest = None
    interrupted = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield interrupted
        return
    before = {number: signal.getsignal(number) for number in ENDING}

    def stop(number: int, _frame: FrameType | None) -> None:
        global _latest
        _latest = number
        interrupted.set()
        restore()

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    for number in ENDING:
        signal.signal(number, stop)
    try:
        yield interrupted
    finally:
        restore()


def ended_by_scheduler() -> bool:
    """Return whether SIGTERM, and not Ctrl-C, stopped the latest run of this process."""
    return _latest == signal.SIGTERM
