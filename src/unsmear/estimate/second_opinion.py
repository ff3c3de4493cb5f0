"""What an image itself says of a kernel that was given for it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsmear.blur import Kernel
from unsmear.estimate import evidence, fitting, motion_fit, network, spectrum
from unsmear.estimate.evidence import STRAIGHT
from unsmear.images import outliers

CLEARLY = 5.0
"""Required drop in loss of another motion below the given kernel, as a multiple of that of a motion
that is searched for."""
SEES = 0.9
"""Least probability of linear motion that the network gives."""


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
    plane = (planes[index].astype(np.float64) / span)[None, None]
    plane_gaps = None if gaps is None else gaps[index][None, None]
    plane, _ = outliers.replaced(plane, plane_gaps)
    measured = spectrum.measure(plane, plane_gaps)
    if measured is None:
        return None
    guess = network.guess(measured)
    if guess.kinds[STRAIGHT] < SEES:
        return None
    search = motion_fit.search(measured, [(max(guess.length, 2.5), guess.angle)], widely=False)
    best, required = search.best, evidence.required_improvement(measured.averages)
    if search.improvement < CLEARLY * required:
        return None
    transfer = search.problem.transfer(kernel)
    given = fitting.fit_held(search.problem, transfer, best.texture)
    if given.loss - best.loss < CLEARLY * required:
        return None
    length, angle = best.values
    return length, angle % 180


def _range(plane: NDArray[Any]) -> float:
    """Return the difference of the largest and the smallest count."""
    return float(plane.max()) - float(plane.min())
