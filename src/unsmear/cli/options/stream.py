"""Options of `unsmear stream`, in groups."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from unsmear.choices import Borders, FrameOrder, WhenLate
from unsmear.errors import OptionError

SHARED = "shm:"
"""Beginning of an input that is a ring in shared memory."""

MaybeNumber = Annotated[float | None, Parameter(negative=())]
"""A number that has no default."""


@dataclass(frozen=True)
class MotionOptions:
    """The motion of the stage; see the help of `unsmear stream`."""

    speed: float
    exposure: float | None
    pixel_size: float | None
    angle: float
    flutter: str


@Parameter(name="*", group="Frames that arrive")
@dataclass(frozen=True)
class SourceOptions:
    """How frames arrive."""

    rate: MaybeNumber = None
    """Frames a second at which frames arrive, as from a camera that waits for nobody. Without it a
    frame arrives when its file is written."""

    order: FrameOrder = "number"
    """Order of the files of a folder: by the last number in their names, each one larger than the
    one before, or as they come."""

    count: int | None = None
    "Number of frames that will come; without it, the end is told by --idle."

    idle: float = 10.0
    """Seconds without a new frame after which the stage has stopped, and the work ends; 0 takes
    what is there."""

    patience: float = 2.0
    """Seconds that are waited for a frame whose number is missing, for a file that cannot be read,
    and for the frame that serves as a border."""

    def check(self) -> None:
        """Raise OptionError for values out of their range."""
        if self.rate is not None and not 0 < self.rate < math.inf:
            raise OptionError(f"--rate must be above 0 frames a second, got {self.rate}.")
        if self.count is not None and self.count < 1:
            raise OptionError(f"--count must be 1 or more frames, got {self.count}.")
        for name in ("idle", "patience"):
            value = getattr(self, name)
            if not 0 <= value < math.inf:
                raise OptionError(f"--{name} must be 0 or more seconds, got {value}.")


@Parameter(name="*", group="Time")
@dataclass(frozen=True)
class FlowOptions:
    """How frames are restored in time."""

    budget: MaybeNumber = None
    "Seconds that a frame may take from its arrival until its result is written."

    when_late: WhenLate = "wait"
    """What becomes of frames for which there is no time. wait: those that follow wait, and all are
    restored. pass: a frame is passed through as it came, and its line, its file and the record say
    so. None is ever left out."""

    threads: int = 1
    "Number of threads that restore."

    borders: Borders = "both"
    """Neighbours that serve as borders where frames say where they lie. both waits for the frame
    after each; before does not, and is sooner done; none."""

    check_every: int = 25
    """Number of frames after which the motion is estimated again, beside the work, and compared
    with --speed; 0 for never."""

    resolution: MaybeNumber = None
    "Size of detail, micrometres: the highest stage speed at which it still comes back is printed."

    def check(self) -> None:
        """Raise OptionError for values out of their range, and for such that contradict."""
        for name in ("budget", "resolution"):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise OptionError(f"--{name} must be above 0, got {value}.")
        if self.threads < 1:
            raise OptionError(f"--threads must be 1 or more, got {self.threads}.")
        if self.check_every < 0:
            raise OptionError(f"--check-every must be 0 or more frames, got {self.check_every}.")
        if self.when_late == "pass" and self.budget is None:
            raise OptionError("--when-late pass must come with --budget.")


@dataclass(frozen=True)
class StreamOptions:
    """All that a call of `unsmear stream` asks.

    source: a folder, or "shm:" and the name of a ring. own: options of the method alone, by name.
    """

    source: str
    output: Path
    motion: MotionOptions
    method: str
    own: Mapping[str, Any]
    arriving: SourceOptions
    flow: FlowOptions
    resume: bool
    overwrite: bool
    dry_run: bool
