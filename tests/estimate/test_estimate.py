"""Estimates of linear motion, on textures with a known motion."""

import cv2
import numpy as np
import pytest
from scipy import ndimage

from unsmear.blur import Motion
from unsmear.estimate import Estimate, estimate_planes


def texture(seed=0, shape=(2, 192, 192), along=1.2, across=1.2):
    """Return (channel, y, x) of smoothed noise in 0..200, with grains of two sizes."""
    generator = np.random.default_rng(seed)
    noise = generator.standard_normal(shape)
    fine = ndimage.gaussian_filter(noise, (0, across, along))
    coarse = ndimage.gaussian_filter(noise[:, ::-1], (0, 4 * across, 4 * along))
    planes = fine / fine.std() + 2 * coarse / coarse.std()
    return (planes - planes.min()) / np.ptp(planes) * 200


def smear(planes, length, angle):
    """Return (1, channel, y, x) in 8 bit, blurred with OpenCV."""
    kernel = Motion(length, angle).kernel()
    blurred = [cv2.filter2D(p, -1, kernel, borderType=cv2.BORDER_REFLECT_101) for p in planes]
    return np.rint(np.stack(blurred)).astype(np.uint8)[None]


def turn_between(angle, reference):
    return abs((angle - reference + 90) % 180 - 90)


@pytest.fixture(scope="module")
def smeared():
    return smear(texture(), 9.3, 27.0)


@pytest.fixture(scope="module")
def estimate(smeared):
    return estimate_planes(smeared)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("length", "angle", "sure"), [(4, 80, 0.7), (6, 0, 0.8), (11.5, 133, 0.8), (20, 45, 0.8)]
)
def test_movement_is_found(length, angle, sure):
    result = estimate_planes(smear(texture(3), length, angle))
    assert abs(result.length - length) < 0.15
    assert turn_between(result.angle, angle) < 1.0
    assert result.kind == "straight"
    assert result.confidence > sure
    assert abs(result.length - length) <= result.length_error
    assert turn_between(result.angle, angle) <= result.angle_error
    assert 0 <= result.angle < 180


def test_kernel_is_that_of_the_movement(estimate):
    assert estimate.motion() == Motion(estimate.length, estimate.angle)
    np.testing.assert_array_equal(estimate.kernel(), estimate.motion().kernel())
    assert estimate.length_error < 0.2
    assert estimate.angle_error < 2


@pytest.mark.parametrize(("gain", "offset"), [(257, 0), (0.001, 3.0), (10, 1000)])
@pytest.mark.slow
def test_gain_and_offset_change_nothing(smeared, estimate, gain, offset):
    again = estimate_planes(
        smeared * np.float32(gain) + np.array([offset, 0.0])[None, :, None, None]
    )
    assert again.length == pytest.approx(estimate.length, abs=1e-2)
    assert turn_between(again.angle, estimate.angle) < 0.1


@pytest.mark.slow
def test_channel_without_light_changes_nothing(smeared, estimate):
    with_dark = np.concatenate([smeared, np.zeros_like(smeared[:, :1])], axis=1)
    assert estimate_planes(with_dark) == estimate


@pytest.mark.slow
def test_channel_erased_gives_the_same_movement(smeared, estimate):
    alone = smeared.copy()
    alone[:, 0] = 0
    again = estimate_planes(alone)
    assert again.length == pytest.approx(estimate.length, abs=0.1)


def test_batch_shares_one_movement(smeared, estimate):
    result = estimate_planes(smeared.transpose(1, 0, 2, 3))
    assert result.length == pytest.approx(estimate.length, abs=0.1)


@pytest.mark.slow
def test_flip_and_transposition_turn_the_angle(smeared, estimate):
    for turned, angle in (
        (smeared[..., ::-1], 180 - estimate.angle),
        (smeared[..., ::-1, :], 180 - estimate.angle),
        (smeared.swapaxes(2, 3), 270 - estimate.angle),
        (smeared[..., ::-1, ::-1], estimate.angle),
    ):
        result = estimate_planes(turned)
        assert result.length == pytest.approx(estimate.length, abs=0.05)
        assert turn_between(result.angle, angle) < 0.3


@pytest.mark.slow
def test_opposite_directions_are_one():
    forward, backward = (estimate_planes(smear(texture(5), 8, angle)) for angle in (30, 210))
    assert forward == backward


@pytest.mark.parametrize("shape", [(1, 64, 64), (1, 90, 300), (1, 300, 520)])
@pytest.mark.slow
def test_sizes(shape):
    result = estimate_planes(smear(texture(2, shape), 7, 60))
    assert result.length == pytest.approx(7, abs=0.5)
    assert turn_between(result.angle, 60) < 4


@pytest.mark.slow
def test_noise_is_borne():
    clean = smear(texture(6), 10, 110).astype(float)
    noisy = np.random.default_rng(1).poisson(clean * 10) / 10
    result = estimate_planes(noisy)
    assert result.length == pytest.approx(10, abs=0.3)
    assert turn_between(result.angle, 110) < 2


@pytest.mark.parametrize("across", [1.0, 2.5])
@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.slow
def test_texture_without_a_movement_is_none(seed, across):
    """Grains 2.5 times as long as wide are a texture, not a movement."""
    sharp = np.rint(texture(seed, along=1.0, across=across)).astype(np.uint8)
    result = estimate_planes(sharp[None])
    assert not result.found
    assert result.length == result.angle == 0
    np.testing.assert_array_equal(result.kernel(), Motion(0).kernel())


@pytest.mark.parametrize(
    "planes",
    [
        np.zeros((1, 1, 64, 64), np.uint8),
        np.full((2, 3, 40, 50), 7.5, np.float32),
        np.random.default_rng(0).random((1, 1, 15, 300)),
        np.random.default_rng(0).random((1, 1, 1, 1)),
        np.zeros((1, 0, 64, 64)),
        np.zeros((0, 1, 64, 64)),
        np.zeros((1, 1, 64, 0)),
    ],
)
def test_nothing_to_see_is_no_motion_without_confidence(planes):
    assert estimate_planes(planes) == Estimate(0.0)


@pytest.mark.slow
def test_one_bright_pixel_is_no_motion():
    planes = np.zeros((1, 1, 64, 64), np.uint16)
    planes[..., 30, 31] = 65535
    assert not estimate_planes(planes).found


@pytest.mark.slow
def test_smallest_image_is_looked_at():
    assert 0 <= estimate_planes(np.random.default_rng(0).random((1, 1, 16, 16))).confidence <= 1


@pytest.mark.slow
def test_input_is_left_alone(smeared):
    before = smeared.copy()
    estimate_planes(smeared)
    np.testing.assert_array_equal(smeared, before)


@pytest.mark.parametrize(("length", "angle"), [(7, 25), (12, 100), (18, 160)])
@pytest.mark.slow
def test_real_cell(shared_data, length, angle):
    import tifffile

    file = sorted((shared_data / "proticelli").glob("*.tif"))[0]
    cell = np.clip((tifffile.imread(file)[..., :3] + 1) / 2, 0, 1) * 255
    small = cv2.resize(cell, (256, 256), interpolation=cv2.INTER_AREA).transpose(2, 0, 1)
    result = estimate_planes(smear(small.astype(np.float64), length, angle))
    assert result.length == pytest.approx(length, abs=0.15)
    assert turn_between(result.angle, angle) < 0.6
