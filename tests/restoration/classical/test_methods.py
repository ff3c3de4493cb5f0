"""Properties of every method in METHODS; a new method is tested without a new test."""

from __future__ import annotations

import warnings

import cv2
import numpy as np
import pytest

from unsmear.blur import Motion
from unsmear.errors import KernelError, OptionError
from unsmear.restoration.classical import METHODS

WITH_KERNEL = [name for name, method in METHODS.items() if method.needs_kernel]
DELTA = np.ones((1, 1))


def smear(batch, kernel, bits=8):
    """Blur by a route that is not the package's own, then round as a camera does."""
    levels = 2**bits - 1
    blurred = [
        [cv2.filter2D(p, -1, kernel, borderType=cv2.BORDER_REFLECT_101) for p in planes]
        for planes in batch.astype(np.float64)
    ]
    return (np.rint(np.array(blurred) * levels) / levels).astype(np.float32)


def psnr(truth, guess):
    return -10 * np.log10(np.mean(np.square(np.float64(truth) - guess)))


@pytest.fixture(scope="session")
def blurred(sharp, kernel):
    return smear(sharp, kernel)


def test_the_table_names_the_four_methods():
    assert list(METHODS) == ["wiener", "wiener-local", "unsupervised-wiener", "richardson-lucy"]
    assert all(name == method.name and method.summary for name, method in METHODS.items())


@pytest.mark.parametrize(
    ("name", "gain"), [("wiener", 10), ("unsupervised-wiener", 5), ("richardson-lucy", 6)]
)
@pytest.mark.slow
def test_it_comes_nearer_to_the_sharp_image(name, gain, sharp, blurred, kernel):
    restored = METHODS[name].fit(blurred, kernel).restore(blurred)
    assert psnr(sharp, restored) > psnr(sharp, blurred) + gain


def test_the_local_filter_takes_off_noise(sharp):
    noise = np.random.default_rng(0).normal(0, 0.05, sharp.shape).astype(np.float32)
    restored = METHODS["wiener-local"].fit(sharp + noise, None).restore(sharp + noise)
    assert psnr(sharp, restored) > psnr(sharp, sharp + noise) + 1.5


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.slow
def test_it_keeps_shape_dtype_and_input(name, blurred, kernel):
    before = blurred.copy()
    restored = METHODS[name].fit(blurred, kernel).restore(blurred)
    assert restored.shape == blurred.shape
    assert restored.dtype == np.float32
    assert np.isfinite(restored).all()
    np.testing.assert_array_equal(blurred, before)


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("value", [0.0, 0.25, 1.0])
def test_a_constant_stays_without_a_warning(name, value, kernel):
    flat = np.full((1, 1, 40, 33), value, np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        restored = METHODS[name].fit(flat, kernel).restore(flat)
    np.testing.assert_allclose(restored, value, atol=1e-6)


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("shape", [(3, 3), (3, 200), (200, 3), (1, 50), (17, 40)])
def test_small_images_do_not_fail(name, shape, kernel):
    image = np.random.default_rng(1).random((1, 1, *shape)).astype(np.float32)
    restored = METHODS[name].fit(image, kernel).restore(image)
    assert restored.shape == image.shape
    assert np.isfinite(restored).all()


@pytest.mark.slow
@pytest.mark.parametrize("name", METHODS)
def test_channels_do_not_touch_each_other(name, blurred, kernel):
    erased = blurred.copy()
    erased[:, 1] = 0
    method = METHODS[name]
    both = method.fit(blurred, kernel).restore(blurred)
    erased_result = method.fit(erased, kernel).restore(erased)
    np.testing.assert_array_equal(both[:, 0], erased_result[:, 0])
    assert not erased_result[:, 1].any()


@pytest.mark.slow
@pytest.mark.parametrize("name", METHODS)
def test_it_repeats_bit_for_bit(name, blurred, kernel):
    fit = METHODS[name].fit
    np.testing.assert_array_equal(
        fit(blurred, kernel).restore(blurred), fit(blurred, kernel).restore(blurred)
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize(("gain", "offset"), [(0.3, 0.0), (1.0, 0.2), (0.33, 0.01)])
def test_it_follows_gain_and_offset(name, gain, offset, blurred, kernel):
    fit = METHODS[name].fit
    turned = (gain * blurred + offset).astype(np.float32)
    expected = gain * fit(blurred, kernel).restore(blurred) + offset
    np.testing.assert_allclose(fit(turned, kernel).restore(turned), expected, atol=1e-3)


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.slow
def test_the_light_is_kept(name, blurred, kernel):
    restored = METHODS[name].fit(blurred, kernel).restore(blurred)
    change = restored.sum(axis=(2, 3)) / blurred.sum(axis=(2, 3)) - 1
    assert np.abs(change).max() < 5e-3


@pytest.mark.parametrize("name", WITH_KERNEL)
def test_a_kernel_of_one_point_changes_nothing(name, blurred):
    restored = METHODS[name].fit(blurred, DELTA).restore(blurred)
    np.testing.assert_allclose(restored, blurred, atol=1e-3)


@pytest.mark.parametrize("name", WITH_KERNEL)
@pytest.mark.slow
def test_borders_do_not_ring(name, sharp, kernel):
    """A crop of a larger blurred image: light that moved across the border is unknown."""
    wide = smear(sharp, kernel)
    crop = np.s_[:, :, 30:-30, 30:-30]
    restored = METHODS[name].fit(wide[crop], kernel).restore(wide[crop])
    error = np.square(np.float64(restored) - sharp[crop])
    # The outer pixels, within half the movement, have lost light for good; look at those inside.
    near = np.ones(error.shape[2:], bool)
    near[20:-20, 20:-20] = False
    lost = np.ones_like(near)
    lost[6:-6, 6:-6] = False
    border, centre = error[..., near & ~lost].mean(), error[..., ~near].mean()
    assert np.sqrt(border) < 1.5 * np.sqrt(centre)


@pytest.mark.parametrize("name", WITH_KERNEL)
def test_it_refuses_to_guess_a_kernel(name, blurred):
    with pytest.raises(OptionError, match=f"kernel must be given for {name}"):
        METHODS[name].fit(blurred, None)
    with pytest.raises(KernelError):
        METHODS[name].fit(blurred, -Motion(3).kernel())
    with pytest.raises(TypeError):
        METHODS[name].fit(blurred, DELTA, strength=3)
