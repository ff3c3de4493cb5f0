"""One frame restored by the kernel of the stage."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from unsmear.batches.entry import FAILED, LEFT, RESTORED
from unsmear.blur import Blur, Motion
from unsmear.blur.kernel import extent
from unsmear.choices import Borders
from unsmear.errors import KernelError, OptionError, UnsmearError, unforeseen
from unsmear.images import Image, check_no_gaps
from unsmear.restoration import single_kernel
from unsmear.restoration.application import apply_method
from unsmear.restoration.base import Method
from unsmear.restoration.decision import decide
from unsmear.streaming import neighbours
from unsmear.streaming.frame import Frame
from unsmear.streaming.motion import StageMotion

WARM = 96
"""Side of the image with which weights are loaded, pixels."""
STILL = 0.5
"""Distance between two frames up to which the stage stands still, pixels."""


@dataclass(frozen=True, eq=False)
class Restoring:
    """How frames are restored.

    motion: that of the stage, or the blur of all frames. method: needs a kernel. options: its own.
    borders: which neighbours serve as borders.
    """

    motion: StageMotion | Blur
    method: Method
    options: Mapping[str, Any]
    borders: Borders = "both"

    @property
    def is_directed(self) -> bool:
        """Whether it matters which way along its line the stage goes."""
        return isinstance(self.motion, StageMotion) and bool(self.motion.code)

    def blur(self, frame: Image, moves: Sequence[tuple[float, float]]) -> Blur:
        """Return the blur of a frame. moves: as in `StageMotion.blur`.

        Raises OptionError and KernelError as `StageMotion.blur`.
        """
        motion = self.motion
        return motion.blur(frame, moves) if isinstance(motion, StageMotion) else motion


@dataclass(frozen=True, eq=False)
class Outcome:
    """What became of a frame.

    image: None where there is none. reason: why it is not restored, in words. movement: what was
    taken out, in words. borders: number of neighbours that served. seconds: computing time.
    """

    image: Image | None
    action: str
    reason: str = ""
    movement: str = ""
    borders: int = 0
    seconds: float = 0.0


def restore(how: Restoring, frame: Frame, before: Frame | None, after: Frame | None) -> Outcome:
    """Return what became of a frame; an error of the frame itself is an outcome too.

    before, after: the frames beside it in the order, where they have come.

    Raises OptionError and KernelError for what holds for all frames: a motion that is not known.
    """
    began = time.monotonic()
    if frame.image is None:
        return Outcome(None, FAILED, frame.problem)
    beside = [None if other is None else other.image for other in (before, after)]
    try:
        outcome = _restored(how, frame.image, beside[0], beside[1])
    except (OptionError, KernelError):
        raise
    except UnsmearError as error:
        outcome = Outcome(None, FAILED, str(error))
    # Whatever happens to one frame, the others go on.
    except Exception as error:
        outcome = Outcome(None, FAILED, f"{frame.name}: {unforeseen(error)}")
    return replace(outcome, seconds=time.monotonic() - began)


def _restored(how: Restoring, image: Image, before: Image | None, after: Image | None) -> Outcome:
    """Return what becomes of a frame that can be read."""
    check_no_gaps(image, "stream")
    if stands_still(image, before):
        return Outcome(image, LEFT, "the stage has not moved since the frame before")
    decision = decide(how.blur(image, _moves(image, before, after)))
    if decision.blur is None:
        return Outcome(image, LEFT, decision.reason)
    kernel = decision.blur.kernel()
    reach = max(extent(kernel))
    serving = {"both": (before, after), "before": (before,), "none": ()}[how.borders]
    beside = [neighbour for neighbour in serving if neighbour is not None]
    wide = neighbours.bordered(image, beside, reach)
    whole = Image(wide.planes, "TCYX", name=image.name)
    result = apply_method(whole, how.method, kernel, options=how.options)
    if single_kernel.is_put_back(result):
        reason = f"{decision.movement} is not consistent with the frame"
        return Outcome(image, LEFT, reason, borders=wide.count)
    planes = result.image.planes()[(..., *wide.inside)]
    restored = image.with_planes(np.ascontiguousarray(planes))
    return Outcome(restored, RESTORED, movement=decision.movement, borders=wide.count)


def _moves(image: Image, before: Image | None, after: Image | None) -> list[tuple[float, float]]:
    """Return in which direction things move, by the places of the frames beside one: (y, x)."""
    from_before = None if before is None else neighbours.offset(image, before)
    to_after = None if after is None else neighbours.offset(image, after)
    moves = [] if from_before is None else [from_before]  # against the field of view
    return moves if to_after is None else [*moves, (-to_after[0], -to_after[1])]


def stands_still(image: Image, before: Image | None) -> bool:
    """Return whether the stage is where it was at the frame before."""
    lies = None if before is None else neighbours.offset(image, before)
    return lies is not None and max(map(abs, lies)) <= STILL


def warm_up(how: Restoring) -> None:
    """Load what the method needs, so that the first frame does not wait for it."""
    motion = how.motion
    if isinstance(motion, StageMotion):
        motion = Motion(5.0, motion.angle)
    light = np.random.default_rng(0).poisson(50, (WARM, WARM)).astype(np.uint16)
    try:
        apply_method(Image(light, "YX"), how.method, motion.kernel(), options=how.options)
    except UnsmearError:  # a kernel that is too long for it; the first frame says what is wrong
        return
