"""Noise that neighbours share, and saturated pixels, in the spectrum of a motion."""

import cv2
import numpy as np
import pytest

from unsmear import blur, estimate
from unsmear.estimate import motion_fit, saturation, spectrum


def cells(seed):
    """Return a field of discs, (1, 1, 256, 256), 0 to 1."""
    generator = np.random.default_rng(seed)
    field = np.zeros((256, 256), np.float32)
    for _ in range(40):
        centre, radius = generator.integers(0, 256, 2).tolist(), int(generator.integers(5, 12))
        cv2.circle(field, centre, radius, float(generator.uniform(0.3, 1)), -1)
    return field[None, None]


def grain(seed, width):
    noise = np.random.default_rng(seed).normal(size=(256, 256))
    noise = cv2.GaussianBlur(noise, (0, 0), width) if width else noise
    return noise / noise.std()


@pytest.mark.parametrize(("width", "kind"), [(0, "camera"), (1, "correlated")])
def test_noise_that_neighbours_share_is_told(width, kind):
    moved = blur.convolve(cells(0), blur.Motion(10, 30).kernel())
    measured = spectrum.measure(1000 * (moved + 0.02 * grain(1, width)))
    assert motion_fit.fit_noise(measured, (10.0, 30.0))[0].noise == kind


def test_a_motion_is_likelier_with_the_noise_that_neighbours_share():
    moved = blur.convolve(cells(0), blur.Motion(10, 30).kernel()) + 0.02 * grain(1, 1)
    measured = spectrum.measure(1000 * moved)
    seen, _ = motion_fit.fit_noise(measured, (9.0, 28.0))
    camera, shared = (motion_fit.search(one, [(9.0, 28.0)], False).best for one in (measured, seen))
    assert shared.values == pytest.approx((10, 30), abs=1)
    assert camera.loss - shared.loss > 100


def test_saturated_pixels_get_no_weight():
    moved = blur.convolve(cells(2), blur.Motion(10, 30).kernel())
    whole = np.rint(250 * moved)
    white = np.minimum(whole, np.quantile(whole, 0.95))
    mask = saturation.masked(white)
    assert mask is not None
    assert (mask == (white == white.max())).all()
    assert saturation.masked(np.minimum(whole, whole.max())) is None
    found = estimate.estimate_planes(white)
    assert (found.length, found.angle) == pytest.approx((10, 30), abs=1)


def test_a_plane_saturated_everywhere_stays_whole():
    planes = (np.random.default_rng(0).random((1, 1, 64, 64)) > 0.5).astype(float)
    assert saturation.masked(planes) is None


def test_a_deep_saturated_area_hides_a_short_motion():
    planes = np.zeros((1, 1, 128, 128))
    planes[..., 90:] = 1
    planes[..., :40, :20] = 0.5
    assert saturation.hides(planes, 10.0)
    assert not saturation.hides(planes, 25.0)
