"""The kernel of an irregular motion: refinement, 180-degree ambiguity, extent and direction.

The network's kernel is refined until the spectrum is likeliest under it. A kernel and its half-turn
have the same power spectrum; `resolve_half_turn` chooses between them in the image.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from unsmear.blur.kernel import Kernel
from unsmear.estimate import fitting, likelihood
from unsmear.estimate.spectrum import Array

ROUNDS = 2
"""Rounds of fitting, each the texture and then the kernel."""
STEPS = 15
"""Optimiser steps of the kernel in each round."""
DIVERGENCE_WEIGHT = 10.0
"""Weight of the divergence from the network's kernel, in units of the loss."""
NEGLIGIBLE = 0.015
"""Fraction of the kernel's brightest pixel below which a pixel is set to 0."""
FAINTEST = 1e-9
"""Smallest value of a kernel's pixel during the fit, so that its logarithm is finite."""
WINDOW = 384
"""Side of the central area that is deconvolved to tell a kernel from its half-turn, pixels."""
EDGE = 16
"""Width of the border that is left out because deconvolution rings there, pixels."""
SMOOTHING = 0.03
"""Regularisation of the inverse filter, in units of the kernel's power at frequency 0."""
TOLD_APART = 0.006
"""Difference in the logarithm of the sparsity of edges below which a kernel is not told from its
half-turn."""
CONTRADICTED = 0.004
"""The same, with the other sign, in a half of the image, by which it contradicts the whole."""
SAME = 0.93
"""Correlation of a kernel with its half-turn above which it does not matter which is taken."""
BILINEAR = 1 / 6
"""Mean variance that bilinear sampling adds to a kernel's second moments, square pixels."""


@dataclass(frozen=True)
class Shake:
    """A kernel of an irregular motion, or its half-turn, with the fit of the texture."""

    kernel: Kernel
    fit: fitting.Fit


def refine(problem: likelihood.Problem, kernel: Kernel, stop_above: float = np.inf) -> Shake:
    """Return the kernel near the given one under which the spectrum is likeliest.

    stop_above: as in `fitting.fit_held`.
    """
    first = kernel = np.maximum(kernel, 1e-6) / np.maximum(kernel, 1e-6).sum()
    fit = fitting.fit_held(problem, problem.transfer(kernel), steps=5)
    for _ in range(ROUNDS):
        kernel = _step(problem, fit.texture, kernel, first)
        fit = fitting.fit_held(
            problem, problem.transfer(kernel), fit.texture, steps=3, stop_above=stop_above
        )
    return Shake(centred(np.where(kernel > NEGLIGIBLE * kernel.max(), kernel, 0)), fit)


def _step(problem: likelihood.Problem, texture: Array, kernel: Kernel, first: Kernel) -> Kernel:
    """Return the kernel after STEPS steps on its logarithm, with the texture held."""
    from scipy import optimize  # slow to import, and few images moved along a path

    def cost(logs: Array) -> tuple[float, Array]:
        current = np.exp(logs - logs.max()).reshape(kernel.shape)
        current = np.maximum(current / current.sum(), FAINTEST)
        loss, slope = _loss_and_slope(problem, texture, current)
        log_ratio = np.log(np.maximum(current, FAINTEST) / first)
        loss += DIVERGENCE_WEIGHT * float((current * log_ratio).sum())
        slope = slope + DIVERGENCE_WEIGHT * log_ratio
        return loss, (current * (slope - (current * slope).sum())).ravel()

    start = np.log(kernel).ravel()
    solution = optimize.minimize(
        cost, start, jac=True, method="L-BFGS-B", options={"maxiter": STEPS, "maxcor": 20}
    )
    refined = np.maximum(np.exp(solution.x - solution.x.max()), FAINTEST).reshape(kernel.shape)
    return np.asarray(refined / refined.sum())


def _loss_and_slope(
    problem: likelihood.Problem, texture: Array, kernel: Kernel
) -> tuple[float, Array]:
    """Return the loss and its gradient with respect to the kernel's pixels."""
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
    return 2 * problem.averages * loss, 2 * problem.averages * slope


def resolve_half_turn(planes: NDArray[Any], kernel: Kernel) -> Kernel:
    """Return the kernel or its half-turn, whichever deconvolves the image to the sparser edges.

    planes: (batch, channel, y, x) counts. The wrong kernel leaves an echo at each edge.
    """
    half = np.ascontiguousarray(kernel[::-1, ::-1])
    return kernel if sparsity(planes, kernel) <= sparsity(planes, half) else half


def half_turn_told(planes: NDArray[Any], kernel: Kernel) -> bool | None:
    """Return whether the image supports a kernel, True, or its half-turn, False; None for neither.

    planes: (batch, channel, y, x) counts. The whole must tell them apart, unless they are about the
    same, and no half of it may contradict.
    """
    half = np.ascontiguousarray(kernel[::-1, ::-1])
    same = float((kernel * half).sum() / np.sqrt((kernel**2).sum() * (half**2).sum()))
    if same > SAME:
        return True
    whole = sparsity(planes, half) - sparsity(planes, kernel)
    if abs(whole) < TOLD_APART:
        return None
    parts = [sparsity(part, half) - sparsity(part, kernel) for part in _halves(planes)]
    if min(np.sign(whole) * part for part in parts) < -CONTRADICTED:
        return None
    return whole > 0


def _halves(planes: NDArray[Any]) -> list[NDArray[Any]]:
    """Return the left, right, upper and lower half."""
    rows, columns = (side // 2 for side in planes.shape[2:])
    return [
        planes[..., :columns],
        planes[..., columns:],
        planes[:, :, :rows],
        planes[:, :, rows:],
    ]


def sparsity(planes: NDArray[Any], kernel: Kernel) -> float:
    """Return how sparse the edges of the deconvolved image are, lower for sparser.

    planes: (batch, channel, y, x) counts. The result is the mean, over the first image's channels,
    of the logarithm of the mean gradient over its root mean square.
    """
    inner = [_middle(plane) for plane in planes[0]]
    scores = [np.log(_spread(plane, kernel)) for plane in inner if plane.min() < plane.max()]
    return float(np.mean(scores)) if scores else 0.0


def _middle(plane: NDArray[Any]) -> Array:
    rows, columns = (
        slice((size - min(size, WINDOW)) // 2, (size + min(size, WINDOW)) // 2)
        for size in plane.shape
    )
    return plane[rows, columns].astype(np.float64)


def _spread(plane: Array, kernel: Kernel) -> float:
    """Return the mean gradient of the deconvolved plane over its root mean square.

    The lower, the sparser are the edges.
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


def equivalent(kernel: Kernel) -> tuple[float, float, float]:
    """Return the linear motion that has the kernel's second moments: (length, width, angle).

    length: extent along the motion, pixels. width: extent at right angles to it, pixels.
    angle: of the motion, degrees in [0, 180).
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


def resized(kernel: Kernel, side: int) -> Kernel:
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
