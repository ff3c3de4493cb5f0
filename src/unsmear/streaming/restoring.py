"""One frame restored by the kernel of the stage."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from unsmear.batches.entry import FAILED, LEFT, RESTORED
from unsmear.blur import Blur, Motion
from unsmear.blur.kernel import extent
from unsmear.errors import KernelError, OptionError, UnsmearError, error_text
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
    borders: whether neighbours serve as borders.
    """

    motion: StageMotion | Blur
    method: Method
    options: Mapping[str, Any]
    borders: bool = True

    def blur(self, frame: Image, before: Image | None = None) -> Blur:
        """Return the blur of a frame. before: the frame before it, by which a coded exposure is
        turned where the stage goes back.

        Raises OptionError and KernelError as `StageMotion.blur`.
        """
        if not isinstance(self.motion, StageMotion):
            return self.motion
        lies = None if before is None else neighbours.offset(frame, before)
        return self.motion.blur(frame, backwards=lies is not None and lies[1] > 0)


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
    beside = [other.image for other in (before, after) if other and other.image is not None]
    previous = None if before is None else before.image
    try:
        outcome = _restored(how, frame.image, previous, beside)
    except (OptionError, KernelError):
        raise
    except UnsmearError as error:
        outcome = Outcome(None, FAILED, str(error))
    # Whatever happens to one frame, the others go on.
    except Exception as error:
        text = f"{type(error).__name__}: {error_text(error)}"
        reason = f"{frame.name}: an error that was not foreseen ({text}); please report it."
        outcome = Outcome(None, FAILED, reason)
    return replace(outcome, seconds=time.monotonic() - began)


def _restored(how: Restoring, image: Image, before: Image | None, beside: list[Image]) -> Outcome:
    """Return what becomes of a frame that can be read."""
    check_no_gaps(image, "stream")
    if stands_still(image, before):
        return Outcome(image, LEFT, "the stage has not moved since the frame before")
    decision = decide(how.blur(image, before))
    if decision.blur is None:
        return Outcome(image, LEFT, decision.reason)
    kernel = decision.blur.kernel()
    reach = max(extent(kernel))
    wide = neighbours.bordered(image, beside if how.borders else [], reach)
    whole = Image(wide.planes, "TCYX", name=image.name)
    result = apply_method(whole, how.method, kernel, options=how.options)
    if single_kernel.is_put_back(result):
        reason = f"{decision.movement} is not consistent with the frame"
        return Outcome(image, LEFT, reason, borders=wide.count)
    planes = result.image.planes()[(..., *wide.inside)]
    restored = image.with_planes(np.ascontiguousarray(planes))
    return Outcome(restored, RESTORED, movement=decision.movement, borders=wide.count)


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
