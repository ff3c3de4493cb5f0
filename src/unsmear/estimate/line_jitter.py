"""Line jitter: lines of an image that are displaced along themselves, each by another distance.

A line camera above a stage that vibrates sideways, or a laser scanner whose lines begin at the
wrong moment, records every line at another place. No kernel describes that. It shows where a line
is compared with the mean of its two neighbours: to first order they differ by the displacement,
times the gradient along the line. The displacement is that of the whole line, so that two halves
of it must tell the same, which nothing in the specimen does for one line after another.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d, map_coordinates

Array = NDArray[np.float64]

SIGMAS = (3.0, 2.0, 1.5, 1.5, 1.5)
"""Standard deviations of the Gaussians by which lines are smoothed along themselves, pixels, from
one estimate of the displacements to the next."""
GAP, LONGEST = 8, 1024
"""Pixels between the halves of a line that are compared, and most pixels of each."""
WINDOW = 512
"""Largest side of what is looked at to recognise it, pixels."""
SMALLEST = 96
"""Least number of lines, and of their pixels."""
AGREEING, CLEAR = 0.25, 5.0
"""Least correlation of the displacements of both halves, and its least multiple of the standard
deviation that it has by chance. Of 51 real planes, rows and columns, one of a confocal microscope
reached them, with displacements of 0.1 px."""
LEAST = 0.2
"""Least displacement that counts, the root of the mean square, pixels."""
RIDGE = 1e-3
"""Part of a line's information that is added to both directions, since they can be alike."""
TINY = 1e-12


@dataclass(frozen=True, eq=False)
class LineJitter:
    """Displaced lines of a plane.

    rows: whether the lines are rows; else they are columns. displacements: (line,), pixels: where a
    line shows the place x, there lies what belongs at x + displacement. agreement: correlation of
    what both halves of the lines tell.
    """

    rows: bool
    displacements: Array
    agreement: float

    @property
    def rms(self) -> float:
        """The root of the mean square of the displacements, pixels."""
        return float(np.sqrt(np.square(self.displacements).mean()))

    def describe(self) -> str:
        """Return a phrase: "rows are displaced against each other by 0.8 px (rms)"."""
        lines = "rows" if self.rows else "columns"
        return f"{lines} are displaced against each other by {self.rms:.1f} px (rms)"


def find(plane: NDArray[Any]) -> LineJitter | None:
    """Return the line jitter of a plane (y, x), counts; None where there is none that is sure."""
    values = np.asarray(plane, np.float64)
    peak = float(np.abs(values).max(initial=0))
    if not 0 < peak < np.inf:  # NaN neither
        return None
    values = values / peak  # the squares of huge counts have no room
    found = [_of_lines(lines, rows) for lines, rows in ((values, True), (values.T, False))]
    return max(filter(None, found), key=lambda one: one.agreement, default=None)


def is_present(planes: NDArray[Any]) -> bool:
    """Return whether the plane of planes (batch, channel, y, x) that shows most has line jitter.

    At most the middle 512 x 512 pixels of it are looked at.
    """
    rows, columns = (slice(max(0, (n - WINDOW) // 2), (n + WINDOW) // 2) for n in planes.shape[2:])
    parts = planes[:, :, rows, columns].reshape(-1, *planes[0, 0, rows, columns].shape)
    return find(max(parts, key=lambda part: _spread(part[::4, ::4]))) is not None


def straightened(plane: NDArray[Any], jitter: LineJitter) -> Array:
    """Return a plane (y, x) with its lines where they belong, by cubic interpolation."""
    values = np.asarray(plane, np.float64)
    if jitter.rows:
        return _moved(values, jitter.displacements)
    return np.ascontiguousarray(_moved(values.T, jitter.displacements).T)


def _spread(part: NDArray[Any]) -> float:
    """Return the standard deviation of counts, whatever their size; NaN counts as 0."""
    values = np.nan_to_num(part.astype(np.float64))
    peak = float(np.abs(values).max(initial=0)) or 1.0
    return peak * float((values / peak).std())


def _of_lines(lines: Array, rows: bool) -> LineJitter | None:
    """Return the jitter of lines (line, pixel); None where it is not sure."""
    if min(lines.shape) < SMALLEST or not lines.std() > 0:
        return None
    middle = lines.shape[1] // 2
    first = slice(max(0, middle - GAP - LONGEST), middle - GAP)
    last = slice(middle + GAP, middle + GAP + LONGEST)
    both = slice(first.start, last.stop)
    displacements, agreement, clear = np.zeros(len(lines)), 0.0, False
    for sigma, before in zip(SIGMAS, (None, *SIGMAS), strict=False):
        if sigma == before and not clear:
            break  # it would be the same once more
        moved = _moved(lines, displacements) if displacements.any() else lines
        differences = _difference(displacements)
        halves = [_compared(moved, sigma, part) for part in (first, last)]
        shared, agreement, chance = _agreement(
            [(told + differences, weights) for told, weights in halves]
        )
        clear = agreement > AGREEING and agreement > CLEAR * chance
        if clear:
            told, weights = _compared(moved, sigma, both)
            displacements = _most_probable(told + differences, weights, shared / 1.5)
        else:
            displacements = np.zeros(len(lines))
    jitter = LineJitter(rows, displacements, agreement)
    return jitter if clear and jitter.rms >= LEAST else None


def _difference(displacements: Array) -> Array:
    """Return how far each line but the first and the last is beside the mean of its neighbours."""
    return displacements[1:-1] - (displacements[:-2] + displacements[2:]) / 2


def _compared(lines: Array, sigma: float, part: slice) -> tuple[Array, Array]:
    """Return how far each line is beside the mean of its neighbours, pixels, and the inverse of the
    variance of that, both (line - 2,).

    What a line would show farther along the image, across the lines, is fitted beside it.
    """
    smooth = gaussian_filter1d(lines, sigma, axis=1)
    mean = (smooth[:-2] + smooth[2:]) / 2
    rest = (smooth[1:-1] - mean)[:, part]
    across = ((smooth[2:] - smooth[:-2]) / 2)[:, part]
    gradients = np.stack([np.gradient(mean, axis=1)[:, part], across], axis=1)
    gradients -= gradients.mean(axis=2, keepdims=True)
    rest = rest - rest.mean(axis=1, keepdims=True)
    power = gradients @ gradients.transpose(0, 2, 1)
    traces = np.trace(power, axis1=1, axis2=2)
    ridge = RIDGE * traces + 1e-9 * traces.max() + TINY
    power += ridge[:, None, None] * np.eye(2)
    fitted = np.linalg.solve(power, gradients @ rest[:, :, None])[:, :, 0]
    left = rest - (fitted[:, None, :] @ gradients)[:, 0]
    # Smoothed pixels are not independent of each other.
    variance = np.square(left).mean(axis=1) * 2 * np.sqrt(np.pi) * sigma
    variance = np.maximum(variance, max(float(np.median(variance)), TINY))
    return fitted[:, 0], 1 / (np.linalg.inv(power)[:, 0, 0] * variance)


def _agreement(halves: list[tuple[Array, Array]]) -> tuple[float, float, float]:
    """Return covariance and correlation of what the halves of the lines tell, and the standard
    deviation of the correlation of halves that have nothing in common.
    """
    (first, its), (last, others) = halves
    weights = np.sqrt(its * others)
    parts = [told - np.average(told, weights=weights) for told in (first, last)]
    shared = float(np.average(parts[0] * parts[1], weights=weights))
    powers = [float(np.average(part**2, weights=weights)) for part in parts]
    independent = float(weights.sum()) ** 2 / float(np.square(weights).sum())
    return shared, shared / np.sqrt(max(powers[0] * powers[1], TINY)), 1 / np.sqrt(independent)


def _most_probable(told: Array, weights: Array, variance: float) -> Array:
    """Return the most probable displacements of all lines, pixels.

    told, weights: of `_compared`. variance: of the displacements, pixels squared; lines that tell
    little are displaced little.
    """
    from scipy.linalg import solveh_banded  # slow to import

    count = len(told) + 2
    bands = np.zeros((3, count))
    bands[2] = 1 / variance
    for place, own in ((0, -0.5), (1, 1.0), (2, -0.5)):
        bands[2, place : count - 2 + place] += weights * own**2
    bands[1, 1:-1] -= weights / 2
    bands[1, 2:] -= weights / 2
    bands[0, 2:] += weights / 4
    wanted = np.zeros(count)
    for place, own in ((0, -0.5), (1, 1.0), (2, -0.5)):
        wanted[place : count - 2 + place] += own * weights * told
    return np.asarray(solveh_banded(bands, wanted))


def _moved(lines: Array, displacements: Array) -> Array:
    """Return lines (line, pixel) moved back by their displacements."""
    count, length = lines.shape
    # At whole numbers of lines a spline of both axes is that of the line alone.
    numbers = np.broadcast_to(np.arange(count, dtype=np.float64)[:, None], lines.shape)
    along = np.arange(length) - displacements[:, None]
    return np.asarray(map_coordinates(lines, [numbers, along], order=3, mode="mirror"))
