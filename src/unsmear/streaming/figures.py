"""Figures of a stream: latency, throughput, and how fast the stage may go."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from unsmear.batches.entry import FAILED, RESTORED, counted
from unsmear.streaming.checking import Check, angle_error, drift, percent, speed_error


@dataclass(frozen=True)
class Summary:
    """What a stream came to.

    frames: that left; missing ones are no frames. counts: by what became of them. missing: that did
    not come. late: left after the budget. p50, p99, longest: latencies, seconds from arrival to
    leaving; None without a frame. megapixels_per_second: that left, from the first arrival to the
    last leaving. frames_per_second: that could be restored and written, by the time it took.
    checks, sure_checks: of the motion; speed_error, angle_error, drift: what they came to, see
    `checking`. resolution: micrometres that were asked for. speed_of_computing: the stage
    speed that computing keeps up with, micrometres per second; speed_restored, speed_as_recorded:
    those up to which detail of that size comes back with restoration, and without, as far as
    motions were tried, see `resolving`; None where they are not known.
    """

    frames: int
    counts: dict[str, int]
    missing: int
    late: int
    budget: float | None
    seconds: float
    p50: float | None
    p99: float | None
    longest: float | None
    megapixels_per_second: float | None
    frames_per_second: float | None
    checks: int = 0
    sure_checks: int = 0
    speed_error: float | None = None
    angle_error: float | None = None
    drift: float | None = None
    resolution: float | None = None
    speed_of_computing: float | None = None
    speed_restored: float | None = None
    speed_as_recorded: float | None = None

    @property
    def highest_speed(self) -> float | None:
        """The highest stage speed that meets the resolution, micrometres per second."""
        if self.speed_restored is None or self.speed_of_computing is None:
            return None
        return min(self.speed_restored, self.speed_of_computing)

    @property
    def complete(self) -> bool:
        """Whether every frame came and left as it should: none failed, none missing."""
        return not self.missing and not self.counts.get(FAILED, 0)

    def to_dict(self) -> dict[str, Any]:
        """Return the summary as JSON values."""
        return asdict(self) | {"highest_speed": self.highest_speed}

    def sentences(self) -> list[str]:
        """Return the summary in words."""
        lines = [f"{self.frames} frames: {counted({RESTORED: 0} | self.counts)}."]
        if self.missing:
            lines.append(f"{self.missing} frames did not come.")
        if self.p50 is not None and self.p99 is not None and self.longest is not None:
            late = "" if self.budget is None else f"; {self.late} over the budget"
            late += "" if self.budget is None else f" of {self.budget:g} s"
            lines.append(
                f"Latency: p50 {self.p50:.2f} s, p99 {self.p99:.2f} s, longest "
                f"{self.longest:.2f} s{late}."
            )
        if self.megapixels_per_second is not None and self.frames_per_second is not None:
            lines.append(
                f"{self.megapixels_per_second:.2f} megapixels per second in {self.seconds:.0f} s; "
                f"this machine can do {self.frames_per_second:.2f} frames per second."
            )
        return [*lines, *self._of_checks(), *self._of_speed()]

    def _of_checks(self) -> list[str]:
        if not self.checks:
            return []
        if self.speed_error is None or self.angle_error is None:
            return [f"None of {self.checks} checks surely showed how the stage moved."]
        line = (
            f"{self.sure_checks} of {self.checks} checks showed the motion: "
            f"{percent(self.speed_error)} in speed, {self.angle_error:+.1f} degrees"
        )
        drifting = "" if self.drift is None else f", drift {percent(self.drift)} a minute"
        return [f"{line}{drifting}."]

    def _of_speed(self) -> list[str]:
        if self.resolution is None:
            return []
        if self.speed_restored is None or self.speed_as_recorded is None:
            return [
                f"How fast the stage may go for {self.resolution:g} um is not known: no frame was "
                "restored, or detail of that size is smaller than two pixels."
            ]
        line = (
            f"Detail of {self.resolution:g} um comes back up to {_speed(self.speed_restored)} "
            f"(without restoration {_speed(self.speed_as_recorded)})"
        )
        if self.speed_of_computing is None:
            return [f"{line}."]
        return [
            f"{line}; computing keeps up with {_speed(self.speed_of_computing)}: the highest stage "
            f"speed is {_speed(self.highest_speed or 0.0)}."
        ]


def _speed(value: float) -> str:
    return f"{value:.3g} um/s"


@dataclass(eq=False)
class Figures:
    """What is counted while frames leave. budget: seconds allowed for each; None for no limit."""

    budget: float | None = None
    counts: Counter[str] = field(default_factory=Counter)
    latencies: list[float] = field(default_factory=list)
    missing: int = 0
    pixels: int = 0
    began: float | None = None
    ended: float = 0.0
    restoring: list[float] = field(default_factory=list)
    writing: list[float] = field(default_factory=list)

    def add(self, action: str, arrived: float, left: float, pixels: int) -> float:
        """Count a frame; return its latency, seconds."""
        self.counts[action] += 1
        self.began = arrived if self.began is None else min(self.began, arrived)
        self.ended = max(self.ended, left)
        self.pixels += pixels
        self.latencies.append(left - arrived)
        return left - arrived

    def add_missing(self, count: int) -> None:
        """Count frames that did not come."""
        self.missing += count

    def is_late(self, latency: float) -> bool:
        """Return whether a latency is over the budget."""
        return self.budget is not None and latency > self.budget

    def frames_per_second(self, workers: int) -> float | None:
        """Return how many frames could be restored and written, by the time that these took."""
        if not self.restoring:
            return None
        each = float(np.mean(self.restoring)) / workers
        writing = float(np.mean(self.writing)) if self.writing else 0.0
        return 1 / max(each, writing, 1e-9)

    def summary(self, workers: int, checks: Sequence[Check] = (), **speeds: Any) -> Summary:
        """Return what it came to. speeds: those of `Summary` by name."""
        times = np.array(self.latencies)
        p50, p99, longest = (
            (None, None, None)
            if not len(times)
            else (float(np.quantile(times, part)) for part in (0.5, 0.99, 1.0))
        )
        seconds = 0.0 if self.began is None else self.ended - self.began
        return Summary(
            frames=len(times),
            counts=dict(self.counts),
            missing=self.missing,
            late=sum(map(self.is_late, self.latencies)),
            budget=self.budget,
            seconds=seconds,
            p50=p50,
            p99=p99,
            longest=longest,
            megapixels_per_second=self.pixels / 1e6 / seconds if seconds else None,
            frames_per_second=self.frames_per_second(workers),
            checks=len(checks),
            sure_checks=sum(one.sure for one in checks),
            speed_error=speed_error(checks),
            angle_error=angle_error(checks),
            drift=drift(checks),
            **speeds,
        )
