"""A channel's noise, and whether its spectrum fits the kernel, for the consistency check."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from unsmear.blur import Kernel
from unsmear.restoration import noise
from unsmear.restoration.classical import kernel_zeros, power_spectrum
from unsmear.restoration.noise import Noise

CLEAR = 20.0
"""Least ratio of the signal's power to white noise in rings that show whether a kernel is right."""
FITS = 0.0025
"""Most light at the kernel's zeros (see `unexplained`) of a kernel that is right."""
FAILS, BELIEVED = 0.04, 0.45
"""Least light at the zeros of a kernel that is wrong, where less than that fraction of it is found
as noise in the darkest parts of the image."""


def measure(
    planes: NDArray[np.float32],
    kernel: Kernel,
    least: float = 0.0,
    continued: NDArray[np.float32] | None = None,
) -> Noise:
    """Return the noise of a channel, with what neighbours share of it and whether the kernel fits.

    planes: (n, y, x), blurred, in any unit. kernel: the point spread function.
    least: minimum variance, units squared (see `noise.rounding`). continued: the planes with their
    gaps filled by what is around them (`filling.continued`): a gap's edges are light at the zeros.
    """
    spectral = planes if continued is None else continued
    spectrum = power_spectrum.observed(spectral, kernel)
    light = unexplained(spectrum)
    measured = replace(noise.measure(planes, least), kernel_fits=light <= FITS)
    power = power_spectrum.power_of(spectrum, spectral, kernel)
    if not power.shared:
        return measured
    squares = power_spectrum.squared_frequencies(power_spectrum.BLOCK, power_spectrum.BLOCK)
    variance, believed = noise.shared(planes, power.noise_at(squares))
    fails = light > FAILS and believed < BELIEVED
    return replace(measured, shared=variance, kernel_fails=fails)


def unexplained(spectrum: power_spectrum.Observed) -> float:
    """Return the light at the kernel's zeros over the light that would be there without blur.

    It is 0 for the right kernel, up to 0.006 in images of cells, and NaN where noise hides it or
    the kernel has no zeros.
    """
    if spectrum.variance == 0:
        return float("nan")
    white = power_spectrum.white_noise(spectrum)
    rings = spectrum.rings
    clear = rings.signal > CLEAR * white
    if np.count_nonzero(clear) < kernel_zeros.FEWEST:
        return float("nan")
    return float(np.mean((rings.noise - white)[clear] / rings.signal[clear]))
