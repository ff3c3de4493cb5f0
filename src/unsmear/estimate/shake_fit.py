"""The kernel of a shake: the network's, refined until it explains the spectrum best.

Which of a kernel and its half-turn blurred an image; their spectra are the same.

A kernel's extent and direction from its second moments, and its place in a square.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage, optimize

from unsmear.blur.kernel import Kernel
from unsmear.estimate import likelihood
from unsmear.estimate.spectrum import Array

ROUNDS = 2
"""Times that texture and kernel are fitted in turn."""
STEPS = 15
"""Of the kernel in each round."""
TRUST = 10.0
"""Weight of the divergence from the network's kernel, in units of the loss."""
DUST = 0.015
"""Of the brightest pixel; what is fainter is not part of a path."""

FAINTEST = 1e-9


@dataclass(frozen=True)
class Shake:
    """A kernel, or its half-turn, with the fit of its texture."""

    kernel: Kernel
    fit: likelihood.Fit


def refine(problem: likelihood.Problem, kernel: Kernel, enough: float = np.inf) -> Shake:
    """Return the kernel near the given one under which the spectrum is likeliest.

    enough: as in `whittle.fit_held`.
    """
    first = kernel = np.maximum(kernel, 1e-6) / np.maximum(kernel, 1e-6).sum()
    fitted = likelihood.fit_held(problem, problem.transfer(kernel), steps=5)
    for _ in range(ROUNDS):
        kernel = _step(problem, fitted.texture, kernel, first)
        fitted = likelihood.fit_held(
            problem, problem.transfer(kernel), fitted.texture, steps=3, enough=enough
        )
    return Shake(centred(np.where(kernel > DUST * kernel.max(), kernel, 0)), fitted)


def _step(problem: likelihood.Problem, texture: Array, kernel: Kernel, first: Kernel) -> Kernel:
    """Return the kernel after some steps with the texture held; its logarithm is what moves."""

    def cost(logs: Array) -> tuple[float, Array]:
        now = np.exp(logs - logs.max()).reshape(kernel.shape)
        now = np.maximum(now / now.sum(), FAINTEST)
        loss, slope = _loss_and_slope(problem, texture, now)
        apart = np.log(np.maximum(now, FAINTEST) / first)
        loss += TRUST * float((now * apart).sum())
        slope = slope + TRUST * apart
        return loss, (now * (slope - (now * slope).sum())).ravel()

    start = np.log(kernel).ravel()
    found = optimize.minimize(
        cost, start, jac=True, method="L-BFGS-B", options={"maxiter": STEPS, "maxcor": 20}
    )
    moved = np.maximum(np.exp(found.x - found.x.max()), FAINTEST).reshape(kernel.shape)
    return np.asarray(moved / moved.sum())


def _loss_and_slope(
    problem: likelihood.Problem, texture: Array, kernel: Kernel
) -> tuple[float, Array]:
    """Return the loss and its change with each pixel of the kernel."""
    transfer = problem.transfer(kernel)
    loss, change = 0.0, np.zeros(len(transfer))
    for power, row in zip(problem.power, texture, strict=True):
        amplitude, model = problem.parts(row, transfer)
        ratio = power / model
        bounded = np.minimum(ratio, likelihood.BOUND)
        excess = bounded + likelihood.BOUND * np.log(np.maximum(ratio / likelihood.BOUND, 1))
        loss += float(np.sum(np.log(model) + excess))
        change += amplitude / model * (1 - bounded)
    change[transfer <= likelihood.DARKEST] = 0
    shifts = problem.shifted(change, kernel.shape[0])
    side = fft.next_fast_len(3 * kernel.shape[0], real=True)
    response = fft.rfft2(shifts, (side, side)) * fft.rfft2(kernel, (side, side))
    reach = kernel.shape[0] - 1
    inside = slice(reach, reach + kernel.shape[0])
    slope = 2 * fft.irfft2(response, (side, side))[inside, inside]
    return 2 * problem.looks * loss, 2 * problem.looks * slope


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


BILINEAR = 1 / 6
"""Square pixels that sharing points among four pixels adds to a variance, on average."""


def equivalent(kernel: Kernel) -> tuple[float, float, float]:
    """Return the straight movement with a kernel's second moments.

    That is its length, pixels; the length of another, at right angles to it, that the kernel also
    has; and the angle of the first, degrees in [0, 180).
    """
    offset = np.arange(kernel.shape[0]) - kernel.shape[0] // 2
    weights = kernel / kernel.sum()
    x, y = weights.sum(0) @ offset, weights.sum(1) @ offset
    xx = weights.sum(0) @ (offset - x) ** 2
    yy = weights.sum(1) @ (offset - y) ** 2
    xy = (offset - y) @ weights @ (offset - x)
    values, vectors = np.linalg.eigh([[xx, xy], [xy, yy]])
    short, long = np.sqrt(12 * np.maximum(values - BILINEAR, 0))
    angle = np.rad2deg(np.arctan2(-vectors[1, 1], vectors[0, 1])) % 180
    return float(long), float(short), float(angle)


def fitted(kernel: Kernel, side: int) -> Kernel:
    """Return the kernel in a square of another side, cut or padded about its centre."""
    pad = max(0, (side - kernel.shape[0]) // 2)
    cut = max(0, (kernel.shape[0] - side) // 2)
    inner = kernel[cut : kernel.shape[0] - cut, cut : kernel.shape[0] - cut]
    padded = np.pad(inner, pad)
    return np.asarray(padded / max(padded.sum(), 1e-12))


def centred(kernel: Kernel) -> Kernel:
    """Return the kernel with its centroid in the middle, by a bilinear shift."""
    offset = np.arange(kernel.shape[0]) - kernel.shape[0] // 2
    shift = [-(kernel.sum(1 - axis) @ offset) / kernel.sum() for axis in (0, 1)]
    moved = np.maximum(ndimage.shift(kernel, shift, order=1, mode="constant"), 0)
    return np.asarray(moved / moved.sum())
