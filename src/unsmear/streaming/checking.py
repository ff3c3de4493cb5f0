"""The motion that frames show, beside the one that the stage is said to have."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsmear.blur import Blur, Motion
from unsmear.estimate import estimate_planes
from unsmear.images import Image

WINDOW = 512
"""Largest side of the middle of a frame that is looked at, pixels."""
FEWEST = 4
"""Least number of sure checks from which a drift is told."""
LONGEST = 60.0
"""Longest time that the last check is waited for, seconds."""
WARM = 64
"""Side of the image with which the estimator is loaded, pixels."""
ALLOWED = (0.1, 5.0)
"""Errors of speed, as a fraction, and of direction, degrees, from which a check warns."""


@dataclass(frozen=True)
class Check:
    """What a frame shows of the motion of the stage.

    frame: its name. at: when it arrived, seconds from the first frame. length, angle: of the motion
    that is said, pixels and degrees. found: what was estimated, in words. speed_error: fraction by
    which the stage was faster, angle_error: degrees by which it went elsewhere; None where the
    frame does not surely show it. half_width: of the interval of the speed's error.
    """

    frame: str
    at: float
    length: float
    angle: float
    found: str
    speed_error: float | None = None
    angle_error: float | None = None
    half_width: float | None = None

    @property
    def sure(self) -> bool:
        """Whether the frame shows the motion."""
        return self.speed_error is not None

    @property
    def warns(self) -> bool:
        """Whether the stage does not do what is said of it, by more than the check may err."""
        if self.speed_error is None or self.angle_error is None or self.half_width is None:
            return False
        too_fast = abs(self.speed_error) > max(ALLOWED[0], self.half_width)
        return too_fast or abs(self.angle_error) > ALLOWED[1]

    def sentence(self) -> str:
        """Return the check in words."""
        move = f"{self.length:.1f} px at {self.angle:.0f} degrees"
        said = f"{self.frame}: the stage should move {move}"
        if self.speed_error is None:
            return f"{said}; the frame does not surely show it ({self.found})."
        return f"{said}; the frame shows {self.found}: {percent(self.speed_error)} in speed."

    def to_dict(self) -> dict[str, Any]:
        """Return the check as JSON values."""
        return asdict(self)


def check(frame: Image, name: str, at: float, motion: Motion) -> Check:
    """Return what a frame shows of a motion that is said."""
    planes = _middle(frame)
    estimate = estimate_planes(planes)
    asked = (name, at, motion.length, motion.angle % 180, estimate.describe())
    if estimate.kind != "straight" or not estimate.confident or not motion.length:
        return Check(*asked)
    turn = (estimate.angle - motion.angle + 90) % 180 - 90
    return Check(
        *asked,
        _rounded(estimate.length / motion.length - 1),
        _rounded(turn),
        _rounded(estimate.length_error / motion.length),
    )


def warm_up() -> None:
    """Load what a check needs, while no other thread loads anything."""
    light = np.random.default_rng(0).poisson(50, (1, 1, WARM, WARM)).cumsum(2)
    estimate_planes(light.astype(np.float32))


def _rounded(value: float) -> float:
    return round(float(value), 4)


def _middle(frame: Image) -> NDArray[Any]:
    planes = frame.planes()
    sizes = [(side, min(side, WINDOW)) for side in planes.shape[2:]]
    rows, columns = (slice((side - n) // 2, (side - n) // 2 + n) for side, n in sizes)
    return planes[..., rows, columns]


def speed_error(checks: Sequence[Check]) -> float | None:
    """Return the median error of speed, as a fraction; None where no check was sure."""
    errors = [one.speed_error for one in checks if one.speed_error is not None]
    return _rounded(np.median(errors)) if errors else None


def angle_error(checks: Sequence[Check]) -> float | None:
    """Return the median error of direction, degrees; None where no check was sure."""
    errors = [one.angle_error for one in checks if one.angle_error is not None]
    return _rounded(np.median(errors)) if errors else None


def drift(checks: Sequence[Check]) -> float | None:
    """Return by how much the error of speed grows in a minute; None where too few were sure."""
    known = [(one.at, one.speed_error) for one in checks if one.speed_error is not None]
    if len(known) < FEWEST or len({at for at, _ in known}) < 2:
        return None
    times, errors = np.array(known, float).T
    return _rounded(np.polyfit(times / 60, errors, 1)[0])


def percent(error: float) -> str:
    """Return a fraction as percent with its sign: "+4.0 %"."""
    return f"{100 * error:+.1f} %"


class Checker:
    """A thread that checks frames, one at a time; one that comes while it is busy is left out.

    So that no frame waits for it, it is given frames and gives checks when they are done.
    """

    def __init__(self) -> None:
        self.checks: list[Check] = []
        self._told = 0
        self._thread: threading.Thread | None = None

    def offer(self, frame: Image, name: str, at: float, blur: Blur) -> bool:
        """Begin to check a frame; return whether there was time for it. blur: that is said."""
        if self._thread is not None and self._thread.is_alive():
            return False
        self._thread = threading.Thread(
            target=self._work, args=(frame, name, at, blur), daemon=True, name="unsmear-check"
        )
        self._thread.start()
        return True

    def new(self) -> list[Check]:
        """Return the checks that are done since the last call."""
        done = self.checks[self._told :]
        self._told += len(done)
        return done

    def finish(self) -> list[Check]:
        """Wait for the check that is under way; return what is new."""
        if self._thread is not None:
            self._thread.join(timeout=LONGEST)
        return self.new()

    def _work(self, frame: Image, name: str, at: float, blur: Blur) -> None:
        if isinstance(blur, Motion):  # what another shutter leaves is not estimated
            self.checks.append(check(frame, name, at, blur))
