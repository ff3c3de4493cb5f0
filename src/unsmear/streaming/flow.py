"""Frames in, restored frames out: in order, within a budget of time, none lost."""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from types import TracebackType

import numpy as np

from unsmear.batches.entry import LEFT, RESTORED
from unsmear.choices import Borders, WhenLate
from unsmear.errors import OptionError
from unsmear.streaming import checking, neighbours, resolving
from unsmear.streaming.checking import Check, Checker
from unsmear.streaming.figures import Figures, Summary
from unsmear.streaming.frame import PASSED, Frame, Streamed
from unsmear.streaming.line import EndedError, Line, Turn
from unsmear.streaming.motion import StageMotion
from unsmear.streaming.restoring import Outcome, Restoring, restore, stands_still, warm_up

AHEAD = 6
"""Frames that can be inside beyond one a worker."""
RECENT = 8
"""Number of frames whose computing time says how long the next one takes."""
CAUTION = 1.2
"""Factor by which it is taken longer."""


@dataclass(frozen=True)
class Flow:
    """How frames flow.

    budget: seconds for each frame; None for no limit. when_late: what becomes of frames for which
    there is no time. workers: number of threads that restore. borders: which neighbours serve.
    check_every: number of frames from a check to the next; 0 for none. patience: seconds that a
    frame waits for the one after it. resolution: micrometres, see `Summary`.

    Raises OptionError for a value out of its range.
    """

    budget: float | None = None
    when_late: WhenLate = "wait"
    workers: int = 1
    borders: Borders = "both"
    check_every: int = 25
    patience: float = 2.0
    resolution: float | None = None

    def __post_init__(self) -> None:
        for name, value in (("budget", self.budget), ("resolution", self.resolution)):
            if value is not None and not 0 < value < math.inf:
                raise OptionError(f"{name} must be above 0, got {value}.")
        if self.workers < 1:
            raise OptionError(f"workers must be 1 or more, got {self.workers}.")
        if self.check_every < 0:
            raise OptionError(f"check_every must be 0 or more frames, got {self.check_every}.")
        if not 0 <= self.patience < math.inf:
            raise OptionError(f"patience must be 0 or more seconds, got {self.patience}.")
        if self.when_late == "pass" and self.budget is None:
            raise OptionError("when_late 'pass' must come with a budget, in seconds.")


class Stream(Iterator[Streamed]):
    """Frames that leave, in the order in which they arrived; `unsmear.stream` makes one.

    A thread takes frames as they arrive, others restore them, and whoever iterates gets them. Where
    all wait, at most a few frames are inside, and the frames to come wait where they are.

    Examples
    --------
    >>> import numpy as np
    >>> import unsmear
    >>> frame = np.random.default_rng(0).poisson(90, (64, 64)).astype(np.uint16)
    >>> with unsmear.stream([frame, frame], unsmear.Motion(4), method="wiener") as frames:
    ...     actions = [frame.action for frame in frames]
    >>> frames.summary().frames
    2
    """

    def __init__(
        self,
        frames: Iterable[Frame],
        how: Restoring,
        flow: Flow,
        sink: Callable[[Streamed], Streamed] | None = None,
    ) -> None:
        """Prepare a stream.

        sink: called with each frame in order, before it is given out; it may say that the frame
        has failed. Its time counts as latency.
        """
        self._frames, self._how, self._flow, self._sink = frames, how, flow, sink
        self._line = Line(flow.workers + AHEAD)
        self._checker = Checker()
        self._figures = Figures(flow.budget)
        self._threads: list[threading.Thread] = []
        self._pace: deque[float] = deque(maxlen=RECENT)
        self._steps: list[float] = []
        self._last: Frame | None = None
        self._specimens: list[resolving.Specimen] = []
        self._count = 0
        self._began = 0.0

    def __iter__(self) -> Stream:
        return self

    def __enter__(self) -> Stream:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __next__(self) -> Streamed:
        """Return the next frame that leaves; raises what the iterator of frames has raised."""
        if not self._threads:
            self._start()
        try:
            frame, outcome = self._line.next()
        except EndedError:
            self._checker.finish()
            self._join()
            raise StopIteration from None
        return self._leave(frame, outcome)

    def close(self) -> None:
        """End the threads; frames that have not left are forgotten, and can be given again."""
        self._line.close()
        self._join()

    def summary(self) -> Summary:
        """Return the figures of the frames that have left.

        With a resolution, motions are tried on them, which takes as long as some frames do.
        """
        return self._figures.summary(
            self._flow.workers,
            self._checker.checks,
            resolution=self._flow.resolution,
            **self._speeds(),
        )

    def checks(self) -> list[Check]:
        """Return the checks that no frame that left has told yet."""
        return self._checker.new()

    def _start(self) -> None:
        warm_up(self._how)
        if self._flow.check_every:
            checking.warm_up()
        work = [self._arrive, *[self._restore] * self._flow.workers]
        self._threads = [threading.Thread(target=each, daemon=True) for each in work]
        for thread in self._threads:
            thread.start()

    def _join(self) -> None:
        for thread in self._threads:
            thread.join(timeout=self._flow.patience + 1)

    def _arrive(self) -> None:
        """Put frames into the line as they arrive, where there is room."""
        try:
            arriving = iter(self._frames)
            while True:
                self._line.wait_for_room()
                frame = next(arriving, None)
                if frame is None:
                    break
                self._line.put(frame)
            self._line.end()
        except EndedError:
            pass
        except BaseException as error:  # raised again where frames are taken out
            self._line.end(error)

    def _restore(self) -> None:
        """Restore frames as their turn comes."""
        while True:
            try:
                turn = self._line.take(self._until)
            except EndedError:
                return
            try:
                outcome = self._outcome(turn)
            except BaseException as error:  # raised again where frames are taken out
                self._line.fail(error)
                return
            self._line.put_down(turn, outcome)

    def _until(self, frame: Frame, came: float) -> float:
        """Return until when a frame waits for the one after it, which serves as a border, and says
        which way the stage goes. came: when its turn has come.
        """
        wanted = self._flow.borders == "both" or self._how.is_directed
        if not wanted or frame.image is None or frame.image.timing.place is None:
            return 0.0
        until = came + self._flow.patience
        if self._flow.budget is None or self._flow.when_late == "wait":
            return until
        return min(until, frame.arrived + self._flow.budget - self._expected())

    def _expected(self) -> float:
        """Return how long a frame will take, seconds; 0 before the first."""
        return CAUTION * sum(self._pace) / len(self._pace) if self._pace else 0.0

    def _outcome(self, turn: Turn) -> Outcome:
        frame, flow = turn.frame, self._flow
        allowed = math.inf if flow.budget is None else flow.budget
        left = frame.arrived + allowed - time.monotonic()
        if flow.when_late == "pass" and frame.image is not None and self._expected() > left:
            return Outcome(frame.image, PASSED, f"{max(left, 0):.2f} s were left for it")
        outcome = restore(self._how, frame, turn.before, turn.after)
        if outcome.action == RESTORED:
            self._pace.append(outcome.seconds)
        return outcome

    def _leave(self, frame: Frame, outcome: Outcome) -> Streamed:
        """Return what leaves, once the sink has it."""
        began = time.monotonic()
        streamed = Streamed(
            frame.name,
            frame.number,
            outcome.image,
            outcome.action,
            outcome.reason,
            began - frame.arrived,
            self._figures.is_late(began - frame.arrived),
            outcome.seconds,
            outcome.borders,
            tuple(self._checker.new()),
            frame,
            outcome.movement,
        )
        if self._sink is not None:
            streamed = self._sink(streamed)
        self._line.leave()
        latency = self._counted(streamed, began)
        self._check(frame, outcome)
        self._last = frame
        return replace(streamed, latency=latency, late=self._figures.is_late(latency))

    def _counted(self, streamed: Streamed, began: float) -> float:
        """Count a frame that leaves; return its latency."""
        now, frame, figures = time.monotonic(), streamed.frame, self._figures
        if frame.missing:
            figures.add_missing(frame.missing)
            return now - frame.arrived
        if streamed.action == RESTORED:
            self._keep(streamed)
            figures.restoring.append(streamed.seconds)
            figures.writing.append(now - began)
        return figures.add(streamed.action, frame.arrived, now, frame.pixels)

    def _keep(self, streamed: Streamed) -> None:
        """Keep a restored frame, if motions are to be tried on it."""
        recorded, restored = streamed.frame.image, streamed.image
        if self._flow.resolution is None or recorded is None or restored is None:
            return
        resolving.keep(self._specimens, resolving.Specimen(restored, recorded))

    def _check(self, frame: Frame, outcome: Outcome) -> None:
        """Let a frame be checked, if it is its turn and there is time."""
        before = None if self._last is None else self._last.image
        self._began = self._began or frame.arrived
        if frame.image is None or outcome.action not in (RESTORED, LEFT):
            return
        lies = None if before is None else neighbours.offset(frame.image, before)
        if lies is not None:
            self._steps.append(float(np.hypot(*lies)))
        self._count += 1
        due = self._flow.check_every and (self._count - 1) % self._flow.check_every == 0
        if due and not stands_still(frame.image, before):
            blur = self._how.blur(frame.image, [])
            self._checker.offer(frame.image, frame.name, frame.arrived - self._began, blur)

    def _speeds(self) -> dict[str, float | None]:
        """Return the stage speeds of `Summary`; nothing where they are not asked for or known."""
        motion, frame, period = self._how.motion, self._last, self._flow.resolution
        if period is None or frame is None or frame.image is None:
            return {}
        if not isinstance(motion, StageMotion):
            return {}
        size = motion.pixel_size_of(frame.image)
        by_exposure = size / motion.exposure_of(frame.image)
        rate = self._figures.frames_per_second(self._flow.workers)
        step = float(np.median(self._steps)) if self._steps else max(frame.image.planes().shape[2:])
        found: dict[str, float | None] = {}
        if rate is not None:
            found["speed_of_computing"] = rate * step * size
        blur = self._how.blur(frame.image, [])
        limit = resolving.limit(self._specimens, self._how, blur, period / size)
        if limit is not None:
            found["speed_restored"] = limit.restored * by_exposure
            found["speed_as_recorded"] = limit.as_recorded * by_exposure
        return found
