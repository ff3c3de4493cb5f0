"""Measurement of the noise at every brightness, in images with cells."""

import cv2
import numpy as np
import pytest

from unsmear.blur import Camera, Motion, convolve
from unsmear.restoration import noise
from unsmear.synthetic import draw_field


@pytest.fixture(scope="module")
def blurred():
    """Return cells without grain of their own, moved, in units."""
    field = draw_field(np.random.default_rng(3), (384, 384), (0,), 0.16, bits=16)
    smooth = np.stack([cv2.GaussianBlur(plane, (0, 0), 1.5) for plane in field.planes[:3] / 65535])
    return convolve(0.9 * smooth / smooth.max(axis=(1, 2), keepdims=True), Motion(9, 30).kernel())


@pytest.mark.parametrize("photons", [100, 1000, 10_000])
@pytest.mark.parametrize("read_noise", [0, 4])
def test_noise_of_a_camera_is_found(blurred, photons, read_noise):
    camera = Camera(photons=photons, read_noise=read_noise, offset=5000, bits=16)
    counts = camera.expose(blurred, np.random.default_rng(0)).astype(np.float32)
    factor = camera.white - camera.offset
    for light, plane in zip(blurred, counts, strict=True):
        measured = noise.measure(plane[None], noise.rounding(np.uint16))
        levels = np.percentile(light, [5, 50, 90, 99])
        true = factor**2 * (levels / photons + (read_noise / photons) ** 2) + 1 / 12
        ratio = measured.variance(camera.offset + factor * levels) / true
        assert ((ratio > 0.75) & (ratio < 1.25)).all(), ratio


def test_rounding_is_all_there_is_without_noise(blurred):
    counts = Camera(bits=8).expose(blurred, np.random.default_rng(0)).astype(np.float32)
    measured = noise.measure(counts[:, None][0], noise.rounding(np.uint8))
    assert 1 / 12 <= measured.variance(np.percentile(counts, 30)) < 1.5 / 12


@pytest.mark.parametrize(("gain", "offset"), [(1 / 4096, 0), (7, 500), (3, -1000)])
def test_gain_and_offset_of_the_counts(blurred, gain, offset):
    camera = Camera(photons=500, read_noise=3, offset=300, bits=12)
    counts = camera.expose(blurred[:1], np.random.default_rng(0)).astype(np.float32)
    before = noise.measure(counts, 0.1).variance(counts)
    changed = np.float32(gain) * counts + np.float32(offset)
    after = noise.measure(changed, 0.1 * gain**2).variance(changed)
    np.testing.assert_allclose(after, gain**2 * before, rtol=2e-3)


def test_white_noise_in_a_small_image():
    pixels = np.random.default_rng(0).normal(100, 5, (1, 40, 40)).astype(np.float32)
    assert noise.measure(pixels).variance(np.float32(100)) == pytest.approx(25, rel=0.25)


def test_a_saturated_plateau_hides_no_noise():
    generator = np.random.default_rng(1)
    light = np.linspace(100, 400, 256) * np.ones((256, 1))
    counts = np.minimum(generator.poisson(light), 300).astype(np.float32)
    measured = noise.measure(counts[None])
    assert measured.variance(np.float32(250)) == pytest.approx(250, rel=0.25)


@pytest.mark.parametrize(
    "pixels", [np.zeros((1, 64, 64)), np.full((2, 64, 64), 7), np.ones((1, 5, 9))]
)
def test_where_nothing_varies_rounding_is_left(pixels):
    measured = noise.measure(pixels.astype(np.float32), 1 / 12)
    np.testing.assert_allclose(measured.variance(pixels), 1 / 12, rtol=1e-6)


def test_rounding():
    assert noise.rounding(np.uint8) == 1 / 12
    assert noise.rounding(np.uint16, 256) == 1 / 12 / 256**2
    assert noise.rounding(np.float32) == 0
