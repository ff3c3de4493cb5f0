"""Exposure of a frame: the light of the specimen along the true movement of each line."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unsmear.blur import Kernel, convolve
from unsmear.blur.kernel import points_kernel
from unsmear.synthetic.scan.movement import Movement, line_errors, moments
from unsmear.synthetic.scan.plan import Scan

Array = NDArray[np.float64]
Light = NDArray[np.float32]

SHEAR = 0.05
"""Largest displacement within a band of rows of a rolling shutter, pixels."""
WIDEST = 32
"""Largest number of rows in a band where the stage also vibrates."""
SPLINE = 8
"""Margin for the interpolation between pixels, pixels."""


@dataclass(frozen=True, eq=False)
class Band:
    """Lines of a frame that are exposed along one path.

    path: places of the field of view, (2, moments), y and x, pixels from where the frame is
    recorded, at moments of equal light.
    """

    lines: slice
    path: Array


@dataclass(frozen=True, eq=False)
class Track:
    """How the field of view moved while a frame was exposed.

    bands: of its lines, from the first to the last. middle: the path of its middle line.
    ends: (2, 2), that path's places (y, x) in the first and the last light.
    """

    bands: tuple[Band, ...]
    middle: Array
    ends: Array

    @property
    def place(self) -> tuple[float, float]:
        """Where the frame truly is, (y, x), pixels from where it is recorded: its mean light."""
        y, x = self.middle.mean(axis=1)
        return float(y), float(x)

    def kernel(self) -> Kernel:
        """Return the kernel of the middle line."""
        return _kernel(self.middle - np.array(self.place)[:, None])


def track(scan: Scan, index: int) -> Track:
    """Return how the field of view moved while a frame was exposed."""
    movement = Movement.of(scan, index)
    bands = tuple(_bands(scan, index, movement))
    middle = next(band for band in bands if band.lines.stop > scan.grid.side // 2).path
    if scan.tdi is not None:
        return Track(bands, middle, middle[:, [0, -1]])
    half = (scan.exposure.time if scan.exposure.strobe is None else scan.exposure.strobe) / 2
    return Track(bands, middle, movement.places(np.array([-half, half])))


def expose(scan: Scan, index: int) -> tuple[Light, Light]:
    """Return a frame's sharp and blurred light, (y, x), normalised intensities.

    They are the same whatever was exposed before.
    """
    side, (top, left) = scan.grid.side, scan.grid.place(index)
    moved = track(scan, index)
    y, x = moved.place
    paths = [band.path - np.array([[y], [x]]) for band in moved.bands]
    reach = math.ceil(max(np.abs(path).max() for path in paths)) + 3
    window = _between_pixels(scan, (top + math.floor(y), left + math.floor(x)), (y, x), reach)
    blurred = np.empty((side, side), np.float32)
    for band, path in zip(moved.bands, paths, strict=True):
        _expose_band(window, band.lines, path, reach, blurred, scan.tdi is not None)
    return window[reach:-reach, reach:-reach], blurred


def _between_pixels(
    scan: Scan, start: tuple[int, int], place: tuple[float, float], reach: int
) -> Light:
    """Return the specimen as the pixels of a frame see it, `reach` pixels beyond its sides.

    start: (y, x) in the slide. place: of which the fractions are what lies between pixels.
    """
    fractions = [part - math.floor(part) for part in place]
    margin = reach + SPLINE
    side = scan.grid.side + 2 * margin
    window = scan.specimen.window(start[0] - margin, start[1] - margin, side, side)
    if max(fractions) > 1e-6:
        from scipy.ndimage import shift

        window = np.maximum(shift(window, [-part for part in fractions], mode="nearest"), 0)
    return window[SPLINE:-SPLINE, SPLINE:-SPLINE]


def _bands(scan: Scan, index: int, movement: Movement) -> Iterator[Band]:
    """Yield the lines of a frame that are exposed along one path, from the first to the last."""
    side = scan.grid.side
    if scan.tdi is not None:
        yield from _lines(scan, index, movement)
        return
    times, line_time = moments(scan, movement), scan.exposure.line_time
    shear = abs(movement.velocity) * line_time
    rows = side if not line_time else max(1, int(SHEAR / shear) if shear else side)
    if line_time and scan.stage.vibration:
        rows = min(rows, WIDEST)
    for first in range(0, side, rows):
        last = min(first + rows, side)
        # The middle row is exposed around the recorded time.
        late = ((first + last - 1) / 2 - (side - 1) / 2) * line_time
        yield Band(slice(first, last), movement.places(times + late))


def _lines(scan: Scan, index: int, movement: Movement) -> Iterator[Band]:
    """Yield the columns of a frame of a line camera."""
    assert scan.tdi is not None  # for mypy
    stages = np.arange(scan.tdi.stages, dtype=np.float64)
    errors = line_errors(scan, index // scan.grid.count)
    first = scan.grid.place(index)[1]
    slip = scan.tdi.mismatch * (stages - (len(stages) - 1) / 2)
    for column in range(scan.grid.side):
        when = (column - scan.grid.side / 2 + stages) * scan.line_period
        path = movement.vibration(when if scan.grid.forwards(index) else -when)
        path[1] += errors[first + column : first + column + len(stages)] + slip
        yield Band(slice(column, column + 1), path)


def _expose_band(
    window: Light, lines: slice, path: Array, reach: int, blurred: Light, columns: bool
) -> None:
    """Write the lines of a band: rows, or columns, of the window along its path."""
    down, right = (round(float(part)) for part in path.mean(axis=1))
    kernel = _kernel(path - np.array([[down], [right]]))
    radius = len(kernel) // 2
    whole = slice(0, len(blurred))
    rows, across = (whole, lines) if columns else (lines, whole)
    y, x = reach + rows.start + down - radius, reach + across.start + right - radius
    height, width = rows.stop - rows.start + 2 * radius, across.stop - across.start + 2 * radius
    blurred[rows, across] = convolve(window[y : y + height, x : x + width], kernel, "valid")


def _kernel(path: Array) -> Kernel:
    """Return the kernel of places of the field of view: things move the other way."""
    return points_kernel(-path[1], -path[0], np.ones(path.shape[1]))
