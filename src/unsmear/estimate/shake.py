"""The kernel of a shake: the network's, refined until it explains the spectrum best."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import fft, optimize

from unsmear.blur.kernel import Kernel
from unsmear.estimate import whittle
from unsmear.estimate.moments import centred
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
    fit: whittle.Fit


def refine(problem: whittle.Problem, kernel: Kernel, enough: float = np.inf) -> Shake:
    """Return the kernel near the given one under which the spectrum is likeliest.

    enough: as in `whittle.fit_held`.
    """
    first = kernel = np.maximum(kernel, 1e-6) / np.maximum(kernel, 1e-6).sum()
    fitted = whittle.fit_held(problem, problem.transfer(kernel), steps=5)
    for _ in range(ROUNDS):
        kernel = _step(problem, fitted.texture, kernel, first)
        fitted = whittle.fit_held(
            problem, problem.transfer(kernel), fitted.texture, steps=3, enough=enough
        )
    return Shake(centred(np.where(kernel > DUST * kernel.max(), kernel, 0)), fitted)


def _step(problem: whittle.Problem, texture: Array, kernel: Kernel, first: Kernel) -> Kernel:
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
    problem: whittle.Problem, texture: Array, kernel: Kernel
) -> tuple[float, Array]:
    """Return the loss and its change with each pixel of the kernel."""
    transfer = problem.transfer(kernel)
    loss, change = 0.0, np.zeros(len(transfer))
    for power, row in zip(problem.power, texture, strict=True):
        amplitude, model = problem.parts(row, transfer)
        ratio = power / model
        bounded = np.minimum(ratio, whittle.BOUND)
        excess = bounded + whittle.BOUND * np.log(np.maximum(ratio / whittle.BOUND, 1))
        loss += float(np.sum(np.log(model) + excess))
        change += amplitude / model * (1 - bounded)
    change[transfer <= whittle.DARKEST] = 0
    shifts = problem.shifted(change, kernel.shape[0])
    side = fft.next_fast_len(3 * kernel.shape[0], real=True)
    response = fft.rfft2(shifts, (side, side)) * fft.rfft2(kernel, (side, side))
    reach = kernel.shape[0] - 1
    inside = slice(reach, reach + kernel.shape[0])
    slope = 2 * fft.irfft2(response, (side, side))[inside, inside]
    return 2 * problem.looks * loss, 2 * problem.looks * slope
