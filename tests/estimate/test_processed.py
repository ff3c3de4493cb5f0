"""Images that were deconvolved before are recognised, and left alone unless they are forced."""

import numpy as np
import pytest
from scipy import ndimage

import unsmear
from unsmear.blur import Motion, convolve
from unsmear.estimate import estimate_planes

MARGIN = 32


def cells(seed, side=256):
    """Return (side, side) of blobs with grains on a dark ground, with a margin, 0 to 220."""
    generator = np.random.default_rng(seed)
    noise = generator.standard_normal((2, side + 2 * MARGIN, side + 2 * MARGIN))
    shapes = ndimage.gaussian_filter(noise[0], 9) > 0.015
    grains = ndimage.gaussian_filter(noise[1], 1.3)
    return np.clip(shapes * (90 + 40 * grains / grains.std()) + 6, 0, 220)


def deconvolved(blurred, kernel, regularisation):
    """Return the Wiener filter's result, computed with NumPy alone."""
    padded = np.zeros(blurred.shape)
    radius = kernel.shape[0] // 2
    padded[: kernel.shape[0], : kernel.shape[1]] = kernel
    gain = np.fft.fft2(np.roll(padded, (-radius, -radius), (0, 1)))
    wiener = gain.conj() / (np.abs(gain) ** 2 + regularisation)
    return np.fft.ifft2(np.fft.fft2(blurred) * wiener).real


def counts(field):
    """Return the inner part in 8 bit."""
    return np.rint(field[MARGIN:-MARGIN, MARGIN:-MARGIN]).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize(
    ("seed", "length", "regularisation"),
    [(0, 10, 3e-3), (1, 16, 1e-2), (2, 10, 3e-3), (1, 10, 3e-2), (2, 10, 3e-2)],
)
def test_a_deconvolved_image_is_recognised_and_left_alone(seed, length, regularisation):
    kernel = Motion(length, 35 + 40 * seed).kernel()
    blurred = convolve(cells(seed).astype(np.float32), kernel).astype(np.float64)
    image = counts(deconvolved(blurred, kernel, regularisation))
    done = unsmear.restore(image)
    assert not done.touched
    assert done.estimate.processed.kind == "deconvolved"
    assert not done.estimate.sure
    assert "this file was deconvolved before" in done.movement


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("length", [6, 10, 16])
def test_a_blurred_image_is_not(seed, length):
    blurred = convolve(cells(seed).astype(np.float32), Motion(length, 35 + 40 * seed).kernel())
    photons = np.random.default_rng(seed).poisson(blurred.clip(0) * 20) / 20
    for image in (counts(blurred), counts(photons)):
        assert estimate_planes(image[None, None]).processed is None


def test_force_restores_it_all_the_same():
    kernel = Motion(10, 35).kernel()
    blurred = convolve(cells(0).astype(np.float32), kernel).astype(np.float64)
    image = counts(deconvolved(blurred, kernel, 3e-3))
    left, forced = (unsmear.restore(image, force=force, method="wiener") for force in (False, True))
    assert not left.touched
    assert forced.touched
    assert forced.estimate == left.estimate
    given = unsmear.restore(image, left.estimate, method="wiener")
    assert not given.touched
    np.testing.assert_array_equal(left.image, image)
