"""The likelihood's transfer functions, against sums over all shifts."""

import numpy as np
import pytest

from unsmear.blur import Motion
from unsmear.estimate import likelihood, spectrum


def problem(side=256):
    """Return a problem of noise, whose values do not matter here."""
    counts = np.random.default_rng(1).poisson(50.0, (1, 1, side, side))
    measured = spectrum.measure(counts)
    return likelihood.Problem(measured, 12), measured


def summed(kernel, given, measured):
    """Return |K|^2 at the fitted frequencies, smeared by the windows, term by term."""
    side = 2 * len(kernel)
    near = np.fft.ifft2(np.abs(np.fft.fft2(kernel, (side, side))) ** 2).real
    reach = min(len(kernel) - 1, measured.side // 2 - 1)
    shifts = np.arange(-reach, reach + 1)
    near = near[np.ix_(shifts, shifts)] * measured.spread[np.ix_(shifts, shifts)]
    across, down = given.frequencies().T
    waves_x, waves_y = (np.exp(-2j * np.pi * np.outer(f, shifts)) for f in (across, down))
    return np.einsum("fy,yx,fx->f", waves_y, near, waves_x).real


@pytest.mark.parametrize("length", [1.5, 10, 62, 150, 200])
def test_a_transfer_is_the_sum_over_the_autocorrelation(length):
    given, measured = problem()
    kernel = Motion(length, 35).kernel()
    wanted = np.maximum(summed(kernel, given, measured), likelihood.DARKEST)
    np.testing.assert_allclose(given.transfer(kernel), wanted, atol=1e-12)


def test_several_at_once_are_each_alone():
    given, _ = problem(128)
    kernels = [Motion(length, 20).kernel() for length in (3, 17, 90)]
    for together, kernel in zip(given.transfers(kernels), kernels, strict=True):
        np.testing.assert_allclose(together, given.transfer(kernel), atol=1e-12)
