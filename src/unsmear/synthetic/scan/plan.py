"""Plan of a scan: stage, exposure, frames and camera; equal plans give equal files."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from unsmear.blur import Camera
from unsmear.blur.coded import check_code
from unsmear.errors import OptionError
from unsmear.synthetic.scan.specimen import Specimen

TURN = 0.2
"""Seconds that the stage needs from a strip to the next."""
SMALLEST = 16
"""Smallest side of a frame, pixels."""


@dataclass(frozen=True)
class Stage:
    """A stage, and how well it does what it is told.

    speed: micrometres per second, as it is told. speed_error: fraction by which it is faster;
    drift: what that grows by from the first frame to the last. jitter: standard deviation of the
    place at which the encoder triggers, micrometres. vibration, frequency: amplitude in both
    directions, micrometres, and hertz.
    """

    speed: float
    speed_error: float = 0.0
    drift: float = 0.0
    jitter: float = 0.0
    vibration: float = 0.0
    frequency: float = 50.0

    def __post_init__(self) -> None:
        _check("speed", self.speed, 0, "micrometres per second", above=True)
        _check("jitter", self.jitter, 0, "micrometres")
        _check("vibration", self.vibration, 0, "micrometres")
        _check("frequency", self.frequency, 0, "hertz", above=True)
        for name in ("speed_error", "drift"):
            _check(name, getattr(self, name), -0.9, "", above=True)


@dataclass(frozen=True)
class Exposure:
    """An exposure of a camera that sees a whole field.

    time: seconds between the opening and the closing of the shutter. strobe: seconds of a flash in
    the middle of it; None for continuous light. code: steps in which the shutter is open (1) or
    closed (0), "" for an open one. line_time: seconds by which a row begins later than the one
    above it (rolling shutter).
    """

    time: float
    strobe: float | None = None
    code: str = ""
    line_time: float = 0.0

    def __post_init__(self) -> None:
        _check("exposure", self.time, 0, "seconds", above=True)
        _check("line_time", self.line_time, 0, "seconds")
        if self.code:
            check_code(self.code)
        if self.strobe is not None and not 0 < self.strobe <= self.time:
            raise OptionError(
                f"strobe must be above 0 and at most the exposure of {self.time:g} seconds, "
                f"got {self.strobe}."
            )
        if self.code and self.strobe is not None:
            raise OptionError("a strobe is not available with a coded exposure.")

    @property
    def share(self) -> float:
        """The part of the light that an open shutter in continuous light would let through."""
        if self.code:
            return self.code.count("1") / len(self.code)
        return 1.0 if self.strobe is None else self.strobe / self.time


@dataclass(frozen=True)
class Tdi:
    """A line camera with time delay and integration: charges move along with the image.

    stages: lines over which a charge is collected; 1 is a plain line camera. mismatch: fraction by
    which the image moves faster than the charges.
    """

    stages: int
    mismatch: float = 0.0

    def __post_init__(self) -> None:
        _check("stages", self.stages, 1, "lines")
        _check("mismatch", abs(self.mismatch), 0, "")


@dataclass(frozen=True)
class Grid:
    """The frames: `count` in each of `strips`, squares of `side` pixels.

    overlap: fraction of a frame that the next one sees too. pixel_size: in the sample, micrometres.
    """

    count: int
    side: int = 512
    overlap: float = 0.1
    strips: int = 1
    pixel_size: float = 0.16

    def __post_init__(self) -> None:
        _check("count", self.count, 1, "")
        _check("strips", self.strips, 1, "")
        _check("size", self.side, SMALLEST, "pixels")
        _check("pixel size", self.pixel_size, 0, "micrometres", above=True)
        if not 0 <= self.overlap <= 0.9:
            raise OptionError(f"overlap must be 0 to 0.9 of a frame, got {self.overlap}.")

    @property
    def frames(self) -> int:
        """The number of all frames."""
        return self.count * self.strips

    @property
    def step(self) -> int:
        """The distance from a frame to the next, pixels."""
        return max(1, round(self.side * (1 - self.overlap)))

    def forwards(self, index: int) -> bool:
        """Return whether the stage moves so that the field of view goes to the right."""
        return index // self.count % 2 == 0

    def place(self, index: int) -> tuple[int, int]:
        """Return where a frame is recorded: its upper left pixel, (y, x), in the slide."""
        strip, number = divmod(index, self.count)
        column = number if self.forwards(index) else self.count - 1 - number
        return strip * self.step, column * self.step


@dataclass(frozen=True)
class Scan:
    """A scan of a specimen into a folder.

    exposure: seconds that count for a Tdi camera too are those that its stages take. camera: of
    which the photons are those of the whole exposure in continuous light.

    Raises OptionError for what no scanner can do.
    """

    folder: Path
    specimen: Specimen
    stage: Stage
    exposure: Exposure
    grid: Grid
    camera: Camera
    seed: int = 0
    tdi: Tdi | None = None

    def __post_init__(self) -> None:
        _check("seed", self.seed, 0, "")
        if self.tdi is not None:
            return
        if self.exposure.time > self.interval:
            raise OptionError(
                f"exposure must be shorter than the {self.interval:.3g} seconds from a frame to "
                f"the next, got {self.exposure.time:g}; a slower stage or larger frames give more."
            )

    @property
    def interval(self) -> float:
        """Seconds from a frame to the next."""
        return self.grid.step * self.grid.pixel_size / self.stage.speed

    @property
    def line_period(self) -> float:
        """Seconds from a line of a line camera to the next."""
        return self.grid.pixel_size / self.stage.speed

    def time(self, index: int) -> float:
        """Return when the middle of a frame's exposure is, seconds from that of the first."""
        strip, number = divmod(index, self.grid.count)
        return strip * ((self.grid.count - 1) * self.interval + TURN) + number * self.interval

    def true_speed(self, index: int) -> float:
        """Return the speed of the stage at a frame, micrometres per second."""
        done = index / max(self.grid.frames - 1, 1)
        return self.stage.speed * (1 + self.stage.speed_error + self.stage.drift * done)

    def name(self, index: int) -> str:
        """Return the name of a frame's file."""
        return f"frame-{index:06d}.ome.tif"

    def to_dict(self) -> dict[str, Any]:
        """Return all that a frame depends on, as JSON values."""
        parts = asdict(self)
        del parts["folder"]
        grid = {name: parts["grid"][name] for name in ("side", "overlap", "pixel_size")}
        return parts | {"grid": grid | {"count": self.grid.count, "strips": self.grid.strips}}


def _check(name: str, value: float, least: float, unit: str, above: bool = False) -> None:
    if not (math.isfinite(value) and (value > least if above else value >= least)):
        how = f"above {least:g}" if above else f"{least:g} or more"
        raise OptionError(f"{name} must be {how}{unit and f' {unit}'}, got {value}.")
