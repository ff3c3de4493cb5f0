"""Frames of a moving stage: as they arrive, and as they leave."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

from numpy.typing import NDArray

from unsmear.images import Image
from unsmear.streaming.checking import Check

PASSED = "passed through"
"""What became of a frame that there was no time to restore."""


@dataclass(frozen=True, eq=False)
class Frame:
    """A frame that has arrived.

    image: None where it could not be read, or did not come; problem: then why, a sentence.
    number: its place in the order; None where only the arrival says it. arrived: when, by
    `time.monotonic`. path: its file, where it has one. missing: number of frames that did not come,
    where it stands for them.
    """

    name: str
    image: Image | None
    number: int | None = None
    arrived: float = 0.0
    path: Path | None = None
    problem: str = ""
    missing: int = 0

    @property
    def pixels(self) -> int:
        """The number of its pixels, of all planes."""
        return 0 if self.image is None else int(self.image.planes().size)


@dataclass(frozen=True, eq=False)
class Streamed:
    """A frame that leaves.

    Attributes
    ----------
    name, number
        Of the frame; the number is None where only its arrival says its place.
    image
        The restored frame, or the frame as it came; None where it could not be read.
    action
        "restored", "passed through" (there was no time), "left unchanged" (nothing to take out, or
        the kernel contradicts the frame) or "failed".
    reason
        Why it is not restored, in words.
    latency
        Seconds from its arrival to its leaving.
    late
        Whether that is over the budget.
    seconds
        Computing time.
    borders
        Number of neighbours that served as its borders.
    checks
        Checks of the motion that were done meanwhile.
    frame
        As it arrived.
    movement
        What was taken out, in words.

    Examples
    --------
    >>> import numpy as np
    >>> import unsmear
    >>> frame = np.random.default_rng(0).poisson(90, (64, 64)).astype(np.uint16)
    >>> streamed = next(unsmear.stream([frame], unsmear.Motion(4), method="wiener"))
    >>> streamed.action, streamed.movement
    ('restored', 'linear motion of 4.00 px at 0.0 degrees (given)')
    """

    name: str
    number: int | None
    image: Image | None
    action: str
    reason: str
    latency: float
    late: bool
    seconds: float
    borders: int
    checks: tuple[Check, ...]
    frame: Frame
    movement: str = ""


Arriving: TypeAlias = Frame | Image | NDArray[Any]
"""What a user's iterator may give."""


def frames_of(arriving: Iterable[Arriving]) -> Iterator[Frame]:
    """Yield what arrives as frames, numbered from 0 where they are none yet.

    Raises AxesError and ImageError for an array that is no image.
    """
    for number, given in enumerate(arriving):
        if isinstance(given, Frame):
            yield given if given.arrived else replace(given, arrived=time.monotonic())
            continue
        image = Image.of(given)
        name = image.name if isinstance(given, Image) and given.name != "image" else ""
        yield Frame(name or f"frame-{number:06d}", image, number, time.monotonic())


def paced(frames: Iterable[Frame], rate: float) -> Iterator[Frame]:
    """Yield frames as a camera would give them, `rate` a second, from the first on.

    A frame arrives when it is due, also where nobody takes it then; one that is not there yet
    arrives when it comes.
    """
    began, places = 0.0, 0
    for frame in frames:
        began = began or time.monotonic()
        due = began + places / rate
        places += max(1, frame.missing)
        time.sleep(max(0.0, due - time.monotonic()))
        yield replace(frame, arrived=max(due, frame.arrived) if places > 1 else due)
