"""How well a fitted blur explains a spectrum: what is left over must be rough, not patterned."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from unsmear.estimate import fitting, likelihood
from unsmear.estimate.spectrum import Spectrum

WIDTH = 2.0
"""Standard deviation of the smoothing of the ratio of the spectrum to its model, frequencies."""
CELLS = 4 * np.pi * WIDTH**2
"""Number of frequencies that the smoothing averages."""
LEAST = 1e-3
"""Lower limit of a smoothed ratio."""


def excess(spectrum: Spectrum, fit: fitting.Fit) -> float:
    """Return how much of the spectrum's pattern a fit leaves unexplained, about 0 for none.

    It is the variance of the logarithm of the smoothed ratio of the spectrum to its model, less
    that of a spectrum which the model explains; the mean over the channels. A blur of another kind,
    or several blurs in one field, leave bands, whatever the texture: 0.1 and more where the noise
    is low.
    """
    problem = likelihood.Problem(spectrum)
    transfer = problem.transfer(fit.family.kernel(fit.values))
    variances = []
    for power, row in zip(problem.power, fit.texture, strict=True):
        _, model = problem.parts(row, transfer)
        ratio = problem.grid(np.minimum(power / model, likelihood.BOUND))
        known = np.isfinite(ratio)
        sums, weights = (
            ndimage.gaussian_filter(values, WIDTH, mode="nearest")
            for values in (np.where(known, ratio, 0.0), known.astype(np.float64))
        )
        smooth = np.log(np.maximum(sums[known] / weights[known], LEAST))
        variances.append(float(smooth.var()))
    return float(np.mean(variances)) - 1 / (CELLS * spectrum.averages)
