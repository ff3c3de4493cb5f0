"""What an image itself says of a kernel that was given for it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsmear.blur import Kernel
from unsmear.cores import one_blas_thread
from unsmear.estimate import (
    families,
    fitting,
    likelihood,
    motion_fit,
    network,
    spectrum,
)
from unsmear.estimate.evidence import STRAIGHT
from unsmear.estimate.shake_fit import equivalent
from unsmear.images import outliers

CLEARLY = 5.0
"""Required drop in loss of another motion below the given kernel, as a multiple of that of a motion
that is searched for."""
ALIKE, TURNED = 0.15, 8.0
"""Differences from the network's length, as a fraction, and angle, degrees, of a kernel that may be
the motion that it sees: then a fit from the kernel tells, and others are not searched for."""
NEARLY = 0.5
"""Fraction of the required drop that such a fit, by few frequencies, must reach for a search."""
MOST = 4
"""Largest number of blocks along each axis that are asked."""
SEES = 0.9
"""Least probability of linear motion that the network gives."""


@one_blas_thread()
def other_motion(
    planes: NDArray[Any], gaps: NDArray[np.bool_] | None, kernel: Kernel
) -> tuple[float, float] | None:
    """Return the linear motion that explains an image far better than a given kernel.

    planes: (batch, channel, y, x) counts, of which the one with the most contrast is asked. gaps:
    in that shape, where there are no data. Returns length and angle, pixels and degrees; None where
    the given kernel explains the image about as well, and where the image says little.
    """
    index = max(np.ndindex(planes.shape[:2]), key=lambda place: _range(planes[place]))
    span = _range(planes[index])
    if not 0 < span < np.inf:
        return None
    block_gaps = None if gaps is None else _blocks(gaps[index])
    blocks, _ = outliers.replaced(_blocks(planes[index]).astype(np.float64) / span, block_gaps)
    measured = spectrum.measure(blocks, block_gaps)
    if measured is None:
        return None
    guess = network.guess(measured)
    if guess.kinds[STRAIGHT] < SEES:
        return None
    required = motion_fit.required_improvement(measured.averages)
    if _is_near(guess, kernel) and _improvable(measured, kernel) < NEARLY * CLEARLY * required:
        return None
    search = motion_fit.search(measured, [(max(guess.length, 2.5), guess.angle)], widely=False)
    best = search.best
    if search.improvement < CLEARLY * required:
        return None
    transfer = search.problem.transfer(kernel)
    given = fitting.fit_held(search.problem, transfer, best.texture)
    if given.loss - best.loss < CLEARLY * required:
        return None
    length, angle = best.values
    return length, angle % 180


def _improvable(measured: spectrum.Spectrum, kernel: Kernel) -> float:
    """Return by how much a linear motion near a kernel lowers its loss, by few frequencies."""
    length, _, angle = equivalent(kernel)
    problem = likelihood.Problem(measured, motion_fit.COARSE)
    given = fitting.fit_held(problem, problem.transfer(kernel), steps=motion_fit.QUICK)
    start = (max(length, motion_fit.SHORTEST), angle)
    near = fitting.fit(
        problem, families.LINEAR_MOTION, start, given.texture, steps=motion_fit.QUICK
    )
    return (given.loss - near.loss) * motion_fit.COARSE / motion_fit.FINE


def _is_near(guess: network.Guess, kernel: Kernel) -> bool:
    """Return whether the network sees the given motion."""
    length, _, angle = equivalent(kernel)
    turn = abs((guess.angle - angle + 90) % 180 - 90)
    return abs(guess.length - length) < ALIKE * length and turn < TURNED


def _blocks(plane: NDArray[Any]) -> NDArray[Any]:
    """Return blocks of a plane, (block, 1, y, x), spread evenly: all of it where it is small."""
    spans = [min(size, spectrum.LARGEST_WINDOW) for size in plane.shape]
    rows, columns = (
        np.linspace(0, size - span, min(MOST, -(-size // span))).astype(int)
        for size, span in zip(plane.shape, spans, strict=True)
    )
    height, width = spans
    blocks = [plane[y : y + height, x : x + width] for y in rows for x in columns]
    return np.stack(blocks)[:, None]


def _range(plane: NDArray[Any]) -> float:
    """Return the difference of the largest and the smallest count."""
    return float(plane.max()) - float(plane.min())
