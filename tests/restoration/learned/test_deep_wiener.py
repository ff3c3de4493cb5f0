"""Properties of the deep Wiener restorer that hold for any weights."""

import tracemalloc

import numpy as np
import pytest

from unsmear.blur import Motion
from unsmear.errors import OptionError
from unsmear.restoration import tiling
from unsmear.restoration.base import Restorer
from unsmear.restoration.learned import METHODS, blocks, deep_wiener, inference


def fit(weights, blurred, kernel):
    return deep_wiener.fit(weights, blurred, kernel)


@pytest.mark.parametrize(
    ("gain", "offset"), [(1e-3, 0.0), (1e-3, 5e-4), (0.37, -0.3), (1.0, 2.0), (257.0, 100.0)]
)
@pytest.mark.slow
def test_gain_and_offset_pass_through(weights, gain, offset, kernel, smeared):
    image = smeared((1, 2, 97, 123))
    scaled = np.float32(gain) * image + np.float32(offset)
    plain = fit(weights, image, kernel).restore_with_uncertainty(image)
    result = fit(weights, scaled, kernel).restore_with_uncertainty(scaled)
    restored, error = np.split(result, 2, axis=1)
    tolerance = 1e-4 * gain * np.ptp(plain[:, :2])
    np.testing.assert_allclose(restored, gain * plain[:, :2] + offset, atol=tolerance, rtol=0)
    np.testing.assert_allclose(error, gain * plain[:, 2:], atol=tolerance, rtol=0)
    assert error.min() > 0


def test_the_network_does_something(random_weights, kernel, smeared):
    """Else all of this file would hold of the Wiener filter alone."""
    image = smeared((1, 1, 97, 123))
    restorer = fit(str(random_weights), image, kernel)
    (channel,) = restorer.channels
    plain = channel.versions(image[:, 0])[:, :1]
    assert np.abs(restorer.restore(image) - channel.level - plain).std() > 0.01 * image.std()


@pytest.mark.slow
def test_channels_never_mix(weights, kernel, smeared):
    image = smeared((1, 3, 97, 123))
    whole = fit(weights, image, kernel).restore_with_uncertainty(image)
    for replacement in (0, smeared((97, 123), seed=8) * 50):
        changed = image.copy()
        changed[:, 1] = replacement
        result = fit(weights, changed, kernel).restore_with_uncertainty(changed)
        np.testing.assert_array_equal(result[:, [0, 2, 3, 5]], whole[:, [0, 2, 3, 5]])


@pytest.mark.parametrize("level", [0.0, 0.3])
def test_a_blank_channel_stays_blank(weights, level, kernel, smeared):
    image = smeared((1, 2, 60, 70))
    image[:, 1] = level
    result = fit(weights, image, kernel).restore_with_uncertainty(image)
    np.testing.assert_array_equal(result[:, 1], image[:, 1])
    assert not result[:, 3].any()


@pytest.mark.slow
@pytest.mark.parametrize("channels", [1, 2, 5])
def test_every_channel_is_restored_as_it_is_alone(random_weights, channels, kernel, smeared):
    image = smeared((2, channels, 61, 75))
    whole = fit(str(random_weights), image, kernel).restore(image)
    assert whole.shape == image.shape
    for channel in range(channels):
        alone = image[:, channel : channel + 1]
        result = fit(str(random_weights), alone, kernel).restore(alone)
        np.testing.assert_array_equal(result[:, 0], whole[:, channel])


@pytest.mark.slow
def test_planes_of_a_stack_do_not_see_each_other(random_weights, kernel, smeared):
    stack = smeared((3, 2, 61, 75))
    restorer = fit(str(random_weights), stack, kernel)
    whole = restorer.restore_with_uncertainty(stack)
    for index in range(3):
        alone = restorer.restore_with_uncertainty(stack[index : index + 1])[0]
        np.testing.assert_array_equal(alone, whole[index])


@pytest.mark.slow
def test_a_movie_takes_no_more_than_a_few_versions_at_once(random_weights, kernel, smeared):
    """All planes' versions, and what they are made of, would be 9 times the movie's size."""
    movie = np.repeat(smeared((1, 1, 128, 128)), 64, axis=0)
    restorer = fit(str(random_weights), movie, kernel)
    restorer.restore(movie[:1])  # what is worked out once is kept
    tracemalloc.start()
    restorer.restore_with_uncertainty(movie)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 5 * movie.nbytes


@pytest.mark.slow
@pytest.mark.parametrize(
    ("shape", "tile"), [((75, 701), 64), ((333, 517), 100), ((333, 517), 250), ((333, 517), 512)]
)
def test_tiles_are_the_whole(random_weights, shape, tile, kernel, smeared):
    whole, tiled = both_ways(str(random_weights), smeared((1, 1, *shape)), kernel, tile)
    assert whole.shape == (1, 2, *shape)
    assert np.abs(tiled - whole).max() < 1e-5 * np.ptp(whole[:, :1])


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_tiles_of_shipped_weights_are_the_whole(method, kernel, smeared):
    whole, tiled = both_ways(method, smeared((1, 1, 301, 715)), kernel, 250)
    assert whole.shape == (1, 2, 301, 715)
    assert np.abs(tiled - whole).max() < 1e-5 * np.ptp(whole[:, :1])


def both_ways(weights, image, kernel, tile):
    """Return what becomes of an image, the error behind it, as a whole and in tiles."""
    restorer = fit(weights, image, kernel)
    assert restorer.halo < 600
    both = WithUncertainty(restorer)
    return tiling.restore(both, image), tiling.restore(both, image, tile)


class WithUncertainty(Restorer):
    """A restorer that gives the error behind the channels, as the pipeline has it."""

    halo = None

    def __init__(self, restorer):
        self.halo, self.restore = restorer.halo, restorer.restore_with_uncertainty


@pytest.mark.slow
def test_a_halo_too_small_shows(random_weights, kernel, smeared):
    image = smeared((1, 1, 75, 401))
    both = WithUncertainty(fit(str(random_weights), image, kernel))
    whole = tiling.restore(both, image)
    both.halo = 8
    assert np.abs(tiling.restore(both, image, 64) - whole).max() > 1e-4 * np.ptp(whole)


@pytest.mark.parametrize("side", [64, 128])
@pytest.mark.slow
def test_blocks_of_the_network_are_the_whole(weights, side, monkeypatch):
    loaded = inference.load(weights)
    versions = np.random.default_rng(2).random((loaded.versions, 187, 301), dtype=np.float32)
    constants = np.array([0.01, 0.05], np.float32)
    whole = loaded(versions, constants)
    monkeypatch.setattr(blocks, "BLOCK", side)
    for parts, expected in zip(loaded(versions, constants), whole, strict=True):
        np.testing.assert_allclose(parts, expected, atol=1e-6 * max(1, np.ptp(expected)))


def test_the_halo_of_the_network_is_needed(random_weights, monkeypatch):
    """One point changes pixels nearly as far off as the halo says, and none beyond."""
    loaded = inference.load(str(random_weights))
    points = np.zeros((loaded.versions, 256, 256), np.float32)
    points[:, 128, 128] = 1
    restored, _ = loaded(points, np.zeros(2, np.float32))
    rows = np.abs(np.argwhere(restored) - 128).max()
    assert loaded.halo / 2 < rows <= loaded.halo


def test_a_kernel_of_one_point_changes_nothing(weights, smeared):
    image = smeared((2, 2, 40, 50))
    restorer = fit(weights, image, np.ones((1, 1)))
    assert restorer.halo == 0
    result = restorer.restore_with_uncertainty(image)
    np.testing.assert_array_equal(result[:, :2], image)
    assert not result[:, 2:].any()


def test_the_input_is_not_modified(random_weights, kernel, smeared):
    image = smeared((1, 2, 61, 75))
    before = image.copy()
    fit(str(random_weights), image, kernel).restore_with_uncertainty(image)
    np.testing.assert_array_equal(image, before)


def test_a_kernel_is_needed(random_weights, smeared):
    image = smeared((1, 1, 30, 30))
    with pytest.raises(OptionError, match=r"kernel must be given for deep-wiener, got None\."):
        deep_wiener.fit("deep-wiener", image, None)
    with pytest.raises(
        OptionError, match=r"runtime must be auto, torch, onnx or openvino, got 'magic'\."
    ):
        deep_wiener.fit(str(random_weights), image, Motion(5, 0).kernel(), runtime="magic")
