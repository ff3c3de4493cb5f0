from __future__ import annotations

import numpy as np
import pytest
from scipy.fft import irfft2, rfft2
from skimage.restoration import richardson_lucy as skimage_richardson_lucy

from unsmear.errors import OptionError
from unsmear.restoration.classical import richardson_lucy
from unsmear.restoration.classical.power_spectrum import transfer


def test_inside_it_is_scikit_image_without_total_variation(sharp, kernel):
    plane = sharp[0, 0].astype(np.float64)
    blurred = irfft2(rfft2(plane) * transfer(kernel, *plane.shape), s=plane.shape)
    blurred = np.maximum(blurred, 0) + 1e-3
    batch = blurred[None, None].astype(np.float32)
    restored = richardson_lucy.fit(batch, kernel, iterations=5, variation=0).restore(batch)
    low = batch.min()
    expected = skimage_richardson_lucy(blurred - low, kernel, num_iter=5, clip=False) + low
    inside = np.s_[50:-50, 50:-50]
    np.testing.assert_allclose(restored[0, 0][inside], expected[inside], atol=2e-3)


def test_it_stays_above_the_background(sharp, kernel):
    image = sharp + np.float32(0.1)
    assert richardson_lucy.fit(image, kernel, iterations=20).restore(image).min() >= 0.1 - 1e-6


def test_variation_smooths(sharp, kernel):
    def steps(variation):
        fitted = richardson_lucy.fit(sharp, kernel, iterations=20, variation=variation)
        return np.abs(np.diff(fitted.restore(sharp))).sum()

    assert steps(0.01) < steps(0.001) < steps(0)


def test_the_halo_grows_with_the_iterations(sharp, kernel):
    fitted = richardson_lucy.fit(sharp, kernel, iterations=3, variation=0)
    assert fitted.halo == 3 * 2 * (len(kernel) // 2)


@pytest.mark.parametrize("options", [{"iterations": 0}, {"variation": -1e-3}, {"variation": 0.25}])
def test_options_out_of_range_are_refused(sharp, kernel, options):
    (name,) = options
    with pytest.raises(OptionError, match=f"{name} must be"):
        richardson_lucy.fit(sharp, kernel, **options)


def test_rounding_does_not_grow_into_noise(sharp, kernel):
    generator = np.random.default_rng(0)
    blurred = irfft2(rfft2(sharp[0, 0]) * transfer(kernel, *sharp.shape[2:]), s=sharp.shape[2:])
    counts = generator.poisson(np.maximum(blurred, 0) * 300 + 20)
    batch = counts[None, None].astype(np.float32)
    restored, scaled = (
        richardson_lucy.fit(image, kernel, variation=0.02).restore(image) / factor
        for image, factor in ((batch, np.float32(1)), (batch * np.float32(1.7), np.float32(1.7)))
    )
    assert np.abs(restored - scaled).max() < 1e-4 * np.ptp(restored)
