"""Where the stage truly is while a frame is exposed."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unsmear.synthetic.scan.plan import Scan

Array = NDArray[np.float64]

PHASES, TRIGGERS, LINES = 1, 2, 3
"""Numbers of the random generators: of vibrations, of frames, and of the lines of strips."""
DENSITY = 16
"""Least number of moments for each pixel that the stage moves."""
FEWEST = 48
"""Least number of moments of an exposure, and for each period of the vibration."""


@dataclass(frozen=True)
class Movement:
    """The movement of the stage around a frame.

    time: of the middle of its exposure, seconds from that of the first frame. velocity: of the
    field of view along x, pixels per second. trigger: by which the encoder was off, pixels.
    amplitude: of the vibration, pixels. turning: its radians per second. phases: (y, x).
    """

    time: float
    velocity: float
    trigger: float
    amplitude: float
    turning: float
    phases: tuple[float, float]

    @classmethod
    def of(cls, scan: Scan, index: int) -> Movement:
        """Return the movement of the stage at a frame."""
        size, stage = scan.grid.pixel_size, scan.stage
        phases = np.random.default_rng((scan.seed, PHASES)).uniform(0, 2 * np.pi, 2)
        trigger = np.random.default_rng((scan.seed, TRIGGERS, index)).normal(0, stage.jitter)
        direction = 1 if scan.grid.forwards(index) else -1
        return cls(
            scan.time(index),
            direction * scan.true_speed(index) / size,
            trigger / size,
            stage.vibration / size,
            2 * math.pi * stage.frequency,
            (float(phases[0]), float(phases[1])),
        )

    def places(self, moments: Array) -> Array:
        """Return where the field of view is, (y, x), pixels from where the frame is recorded.

        moments: seconds from the middle of the exposure, of any shape, which comes behind (y, x).
        """
        down, right = self.vibration(moments)
        return np.stack([down, self.trigger + self.velocity * moments + right])

    def vibration(self, moments: Array) -> Array:
        """Return what the vibration adds, (y, x), pixels, in the shape of `places`."""
        when = self.turning * (self.time + moments)
        return np.stack([self.amplitude * np.sin(when + phase) for phase in self.phases])


def moments(scan: Scan, movement: Movement) -> Array:
    """Return the moments at which the shutter is open and light falls in, equally many for equal
    light, in seconds from the middle of the exposure.
    """
    exposure = scan.exposure
    code = exposure.code or "1"
    span = exposure.time if exposure.strobe is None else exposure.strobe
    periods = span * scan.stage.frequency if scan.stage.vibration else 0
    wanted = max(FEWEST, DENSITY * abs(movement.velocity) * span, FEWEST * periods)
    each = math.ceil(wanted / len(code))
    count = each * len(code)
    times = ((np.arange(count) + 0.5) / count - 0.5) * span
    return np.asarray(times[np.repeat([step == "1" for step in code], each)])


def line_errors(scan: Scan, strip: int) -> Array:
    """Return by how much the encoder is off at each line of a strip of a line camera, pixels."""
    assert scan.tdi is not None  # for mypy: only such scans have lines
    count = (scan.grid.count - 1) * scan.grid.step + scan.grid.side + scan.tdi.stages
    generator = np.random.default_rng((scan.seed, LINES, strip))
    return np.asarray(generator.normal(0, scan.stage.jitter / scan.grid.pixel_size, count))
