"""The line of frames between their arrival and their leaving: bounded, and in order."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from unsmear.streaming.frame import Frame
from unsmear.streaming.restoring import Outcome

TICK = 0.05
"""Longest time that a thread waits before it looks around again, seconds."""


@dataclass(frozen=True, eq=False)
class Turn:
    """A frame whose turn it is. place: its number in the line. before, after: those beside it."""

    place: int
    frame: Frame
    before: Frame | None
    after: Frame | None


class EndedError(Exception):
    """The line takes or gives no more frames."""


class Line:
    """Frames in the order of their arrival, of which at most `room` are inside.

    A thread puts frames in, others take them and put down what became of them, and one takes that
    out in the order. Whoever is too early waits.
    """

    def __init__(self, room: int) -> None:
        self._room = max(2, room)
        self._changed = threading.Condition()
        self._frames: dict[int, Frame] = {}
        self._outcomes: dict[int, Outcome] = {}
        self._arrived = self._taken = self._left = 0
        self._ended = self._closed = False
        self._error: BaseException | None = None
        self._failed: BaseException | None = None

    def wait_for_room(self) -> None:
        """Wait until a frame can be put in; raises EndedError where none is wanted any more."""
        with self._changed:
            while not self._closed and self._arrived - self._left >= self._room:
                self._changed.wait(TICK)
            if self._closed:
                raise EndedError

    def put(self, frame: Frame) -> None:
        """Put in a frame, for which there is room."""
        with self._changed:
            self._frames[self._arrived] = frame
            self._arrived += 1
            self._changed.notify_all()

    def end(self, error: BaseException | None = None) -> None:
        """Say that no more frames come. error: raised by `next` when all have left."""
        with self._changed:
            self._ended, self._error = True, error
            self._changed.notify_all()

    def take(self, until: Callable[[Frame, float], float]) -> Turn:
        """Return the next frame, together with the one after it, if that comes in time.

        until: when a frame, whose turn has come at a time, no longer waits for the one after it;
        times are those of `time.monotonic`.

        Raises EndedError where no more come.
        """
        with self._changed:
            turns: dict[int, float] = {}
            while not self._closed:
                frame = self._frames.get(self._taken) if self._taken < self._arrived else None
                if frame is None and self._ended:
                    break
                if frame is None:
                    self._changed.wait(TICK)
                    continue
                before = self._frames.get(self._taken - 1)
                after = self._frames.get(self._taken + 1)
                came = turns.setdefault(self._taken, time.monotonic())
                left = until(frame, came) - time.monotonic()
                if after is None and not self._ended and left > 0:
                    self._changed.wait(min(left, TICK))
                    continue
                self._taken += 1
                self._changed.notify_all()
                return Turn(self._taken - 1, frame, before, after)
            raise EndedError

    def put_down(self, turn: Turn, outcome: Outcome) -> None:
        """Say what became of a frame."""
        with self._changed:
            self._outcomes[turn.place] = outcome
            self._changed.notify_all()

    def fail(self, error: BaseException) -> None:
        """Say why no frame can be restored any more; `next` raises it."""
        with self._changed:
            self._failed = error
            self._changed.notify_all()

    def next(self) -> tuple[Frame, Outcome]:
        """Return the next frame that leaves.

        Raises EndedError, or the error of the arrival, where none is left, and the error of `fail`.
        """
        with self._changed:
            while self._left not in self._outcomes:
                if self._ended and self._left == self._arrived:
                    raise EndedError if self._error is None else self._error
                if self._failed is not None:
                    raise self._failed
                if self._closed:
                    raise EndedError
                self._changed.wait(TICK)
            return self._frames[self._left], self._outcomes.pop(self._left)

    def leave(self) -> None:
        """Let go of the frame that `next` gave; the one after it may still need it as a border."""
        with self._changed:
            self._frames.pop(self._left - 1, None)
            self._left += 1
            self._changed.notify_all()

    def close(self) -> None:
        """Let all threads end."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
