"""Noise that neighbours share is measured at the kernel's zeros; white noise is left as it is."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from unsmear.blur import Motion, convolve
from unsmear.restoration import noise
from unsmear.restoration.classical import METHODS, kernel_evidence, power_spectrum, wiener

KERNEL = Motion(10, 30).kernel()


@pytest.fixture(scope="module")
def blurred():
    """Return moved blobs with texture on a dark background, (y, x), units."""
    generator = np.random.default_rng(1)
    blobs, texture = (
        gaussian_filter(generator.standard_normal((300, 300)), sigma) for sigma in (12, 1.5)
    )
    inside = gaussian_filter((blobs > 0.7 * blobs.std()).astype(float), 1.2)
    sharp = inside * (1 + 2 * texture)
    return convolve((sharp / sharp.max()).astype(np.float32), KERNEL)


def grain(width, level=0.02):
    values = np.random.default_rng(2).standard_normal((300, 300))
    values = gaussian_filter(values, width) if width else values
    return (level * values / values.std()).astype(np.float32)


@pytest.mark.parametrize("level", [0, 0.001, 0.02])
def test_white_noise_is_not_shared(blurred, level):
    planes = (blurred + grain(0, level))[None]
    assert power_spectrum.measure(planes, KERNEL).shared == ()


@pytest.mark.parametrize(("length", "copies", "growth"),
                         [(10, 1, 1), (24, 1, 24 / 16), (48, 1, (48 / 23) ** 3), (48, 4, 48 / 16),
                          (100, 1, power_spectrum.MOST)])  # fmt: skip
def test_the_least_noise_grows_with_long_motions(blurred, length, copies, growth):
    kernel = Motion(length, 30).kernel()
    planes = np.tile(convolve(blurred[:256, :256], kernel), (copies, copies))[None]
    least = power_spectrum.measure(planes, kernel).noise
    floor = (power_spectrum.CLEANEST * growth) ** 2
    variance = power_spectrum.observed(planes, kernel).variance
    assert least == pytest.approx(floor * variance, rel=0.02)


@pytest.mark.parametrize("width", [0.7, 1.0, 1.5])
def test_shared_noise_is_measured(blurred, width):
    power = power_spectrum.measure((blurred + grain(width))[None], KERNEL)
    assert power.variance == pytest.approx(0.02**2, rel=0.3)
    frequencies = np.array([0.1, 0.15, 0.2], np.float32)
    shape = np.exp(-((2 * np.pi * frequencies * width) ** 2))
    true = shape * 0.02**2 * 4 * np.pi * width**2
    assert power.noise_at(frequencies**2) == pytest.approx(true, rel=0.5)


@pytest.mark.parametrize("width", [1.0, 1.5])
def test_the_check_knows_how_much_is_left_in_a_cell(blurred, width):
    planes = (blurred + grain(width))[None]
    spectrum = power_spectrum.measure(planes, KERNEL).noise_at(
        power_spectrum.squared_frequencies(256, 256)
    )
    means = grain(width).reshape(75, 4, 75, 4).mean(axis=(1, 3))
    assert 0.3 < noise.shared(planes, spectrum)[0] / means.var() < 1.5


def test_light_that_a_wrong_kernel_leaves_is_not_taken_for_noise(blurred):
    planes = np.rint(blurred * 255)[None]
    wrong = Motion(12, 45).kernel()
    power = power_spectrum.measure(planes, wrong)
    spectrum = power.noise_at(power_spectrum.squared_frequencies(256, 256))
    assert power.shared
    assert noise.shared(planes, spectrum)[0] < 1
    assert noise.shared(planes, spectrum)[1] < kernel_evidence.BELIEVED
    assert (
        kernel_evidence.unexplained(power_spectrum.observed(planes, wrong)) > kernel_evidence.FAILS
    )
    assert (
        kernel_evidence.unexplained(power_spectrum.observed(planes, KERNEL)) < kernel_evidence.FITS
    )


def test_shared_noise_is_not_amplified(blurred):
    sharp = METHODS["wiener"].fit(blurred[None, None], KERNEL).restore(blurred[None, None])
    recorded = blurred + grain(1)
    restored = METHODS["wiener"].fit(recorded[None, None], KERNEL).restore(recorded[None, None])
    assert (restored - sharp).std() < 2.5 * 0.02


def test_the_noise_after_the_filter_is_known(blurred):
    for width in (0, 1):
        recorded = (blurred + grain(width))[None, None]
        fitted = wiener.fit(recorded, KERNEL, keep_positive=False)
        alone = fitted.restore(grain(width)[None, None] + np.float32(fitted.means[0]))
        assert fitted.filtered_noise() == pytest.approx(alone.std(), rel=0.3)
