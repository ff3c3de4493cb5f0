"""Restoration of the frames of a moving stage, as they come."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsmear.blur import Blur, Sampled
from unsmear.choices import BEST_METHOD, Borders, WhenLate
from unsmear.errors import OptionError
from unsmear.restoration import methods
from unsmear.restoration.base import Method
from unsmear.restoration.methods import NO_OPTIONS
from unsmear.streaming.figures import Summary
from unsmear.streaming.flow import Flow, Stream
from unsmear.streaming.frame import Arriving, Frame, Streamed, frames_of, paced
from unsmear.streaming.motion import StageMotion
from unsmear.streaming.restoring import Restoring

__all__ = [
    "Flow", "Frame", "Restoring", "StageMotion", "Stream", "Streamed", "Summary", "frames_of",
    "paced", "restoring", "stream",
]  # fmt: skip


def stream(
    frames: Iterable[Arriving],
    motion: StageMotion | Blur | NDArray[Any],
    *,
    method: str | Method = BEST_METHOD,
    options: Mapping[str, Any] = NO_OPTIONS,
    budget: float | None = None,
    when_late: WhenLate = "wait",
    rate: float | None = None,
    workers: int = 1,
    borders: Borders = "both",
    check_every: int = 25,
    patience: float = 2.0,
    resolution: float | None = None,
) -> Stream:
    """Restore frames of a moving stage as they come; they leave in the same order.

    Frames are asked for as there is room, so that an iterator that is too fast waits.

    Parameters
    ----------
    frames
        Images or arrays (y, x); a `FrameRing`; or any iterator of these. Images that say where the
        stage was, as those of scanners do, serve as each other's borders where they overlap.
    motion
        What the stage does during an exposure, or a blur or a kernel that all frames have.
    method, options
        As in `restore`; the method needs a kernel.
    budget
        Seconds that a frame may take from its arrival to its leaving; None for no limit.
    when_late
        What becomes of frames for which there is no time: "wait" lets those that follow wait, and
        none leaves unrestored; "pass" passes a frame through as it came, and says so. None is ever
        left out.
    rate
        Frames a second at which frames arrive, for iterators that do not say it by themselves.
    workers
        Number of threads that restore.
    borders
        Neighbours that serve as borders: "both" waits for the frame after each, "before" does not.
    check_every
        Number of frames after which the motion is estimated again and compared; 0 for never. A
        check waits for no frame, and no frame for it.
    patience
        Seconds that a frame waits for the one after it.
    resolution
        Size of the detail, micrometres, for which `Stream.summary` gives the highest stage speed.

    Returns
    -------
    Stream
        An iterator of `Streamed` frames.

    Raises
    ------
    OptionError
        For a value out of its range, an unknown method, and one that is blind.
    KernelError
        For a kernel that no camera could have made.

    Examples
    --------
    >>> import numpy as np
    >>> import unsmear
    >>> frames = (np.random.default_rng(n).poisson(90, (64, 64)) for n in range(3))
    >>> motion = unsmear.StageMotion(speed=80, exposure=0.01, pixel_size=0.2)
    >>> for frame in unsmear.stream(frames, motion, method="wiener"):
    ...     print(frame.name, frame.action)
    frame-000000 restored
    frame-000001 restored
    frame-000002 restored
    """
    flow = Flow(budget, when_late, workers, borders, check_every, patience, resolution)
    how = restoring(motion, method, options, borders)
    arriving = frames_of(frames)
    if rate is not None:
        if not 0 < rate < np.inf:
            raise OptionError(f"rate must be above 0 frames a second, got {rate}.")
        arriving = paced(arriving, rate)
    return Stream(arriving, how, flow)


def restoring(
    motion: StageMotion | Blur | NDArray[Any],
    method: str | Method,
    options: Mapping[str, Any],
    borders: Borders,
) -> Restoring:
    """Return how frames are restored; raises as `stream` does."""
    found = methods.find(method)
    methods.check_options(found, options)
    if not found.needs_kernel:
        raise OptionError(f"{found.name} is a blind method: a stream needs one with a kernel.")
    if isinstance(motion, np.ndarray):
        motion = Sampled.of(motion)
    return Restoring(motion, found, options, borders)
