"""Which of a kernel and its half-turn blurred an image; their spectra are the same."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from unsmear.blur.kernel import Kernel
from unsmear.estimate.spectrum import Array

WINDOW = 384
"""Pixels; the middle of an image is enough."""
EDGE = 16
"""Pixels at each border that ring."""
SMOOTHING = 0.03
"""Of the inverse filter, in units of the kernel's power at frequency 0."""


def turned(planes: NDArray[Any], kernel: Kernel) -> Kernel:
    """Return the kernel or its half-turn, whichever leaves the sparser image when taken out.

    planes: (batch, channel, y, x) counts. The wrong one leaves each edge with an echo.
    """
    half = np.ascontiguousarray(kernel[::-1, ::-1])
    scores = [0.0, 0.0]
    for plane in planes[0]:
        inner = _middle(plane)
        if inner.min() < inner.max():
            scores = [
                score + np.log(_spread(inner, one))
                for score, one in zip(scores, (kernel, half), strict=True)
            ]
    return kernel if scores[0] <= scores[1] else half


def _middle(plane: NDArray[Any]) -> Array:
    rows, columns = (
        slice((size - min(size, WINDOW)) // 2, (size + min(size, WINDOW)) // 2)
        for size in plane.shape
    )
    return plane[rows, columns].astype(np.float64)


def _spread(plane: Array, kernel: Kernel) -> float:
    """Return how evenly the steps of the deconvolved plane are spread: their mean over their root
    mean square.
    """
    reach = kernel.shape[0] // 2
    padded = np.pad(plane, reach + EDGE, mode="reflect" if min(plane.shape) > 64 else "edge")
    shape = padded.shape
    response = fft.rfft2(kernel, shape)
    power = np.abs(response) ** 2
    restored = fft.irfft2(fft.rfft2(padded) * response.conj() / (power + SMOOTHING), shape)
    # The kernel's corner, not its middle, was taken as its origin: a shift, which wraps.
    inside = restored[EDGE : -2 * reach - EDGE, EDGE : -2 * reach - EDGE]
    steps = np.hypot(np.diff(inside, axis=0)[:, :-1], np.diff(inside, axis=1)[:-1])
    return float(steps.mean() / max(np.sqrt((steps**2).mean()), 1e-12))
