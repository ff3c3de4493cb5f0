"""Work in a thread: one piece at a time, with progress, and stopped when asked to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from napari.utils.notifications import notification_manager
from qtpy.QtCore import QObject, Signal
from superqt.utils import create_worker

from unsmear.errors import UnsmearError, error_text, no_memory
from unsmear.napari.work import Cancelled, Progress


class Work(QObject):  # type: ignore[misc]
    """What is done in a thread, so that the window answers.

    progressed: how much of the work is done, and how much there is. changed: it began, is asked to
    stop, or ended. stopped: it ended because it was asked to.
    """

    progressed = Signal(int, int)
    changed = Signal()
    stopped = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._worker: Any = None

    @property
    def running(self) -> bool:
        """Whether something is being done; what was cancelled ends as soon as it can."""
        return self._worker is not None

    @property
    def stopping(self) -> bool:
        """Whether what is being done was cancelled."""
        return self.running and self._worker.abort_requested

    def start(
        self,
        function: Callable[[Progress], Any],
        done: Callable[[Any], None],
        failed: Callable[[str], None],
    ) -> None:
        """Call a function in a thread, and one of the others here with what came of it.

        function: given the progress to call. done: given its result. failed: given a sentence.
        Nothing is called where the work was cancelled. Of an error that is none of ours napari is
        told too, which shows where it happened.
        """
        worker = create_worker(function, self._report, _start_thread=False, _ignore_errors=True)

        def fail(error: Exception) -> None:
            if not worker.abort_requested and not isinstance(error, Cancelled):
                failed(_sentence(error))

        worker.finished.connect(self._finish)
        worker.returned.connect(done)
        worker.errored.connect(fail)
        self._worker = worker
        self.changed.emit()
        worker.start()

    def cancel(self) -> None:
        """Ask what is being done to stop; its result is thrown away."""
        if self._worker is not None:
            self._worker.quit()
            self.changed.emit()

    def _report(self, done: int, everything: int) -> None:
        """Take the progress, in the thread that works; raises Cancelled where it must stop."""
        if self._worker is None or self._worker.abort_requested:
            raise Cancelled
        try:
            self.progressed.emit(done, everything)
        except RuntimeError as error:  # the window was closed
            raise Cancelled from error

    def _finish(self) -> None:
        stopped, self._worker = self.stopping, None
        self.changed.emit()
        if stopped:
            self.stopped.emit()


def _sentence(error: Exception) -> str:
    """Return what is said of an error; napari is told of one that was not foreseen."""
    if isinstance(error, UnsmearError):
        return str(error)
    if isinstance(error, MemoryError):
        return no_memory("the image")
    notification_manager.receive_error(type(error), error, error.__traceback__)
    return f"An error that was not foreseen ({type(error).__name__}: {error_text(error)})."
