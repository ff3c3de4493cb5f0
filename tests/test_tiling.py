from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from unsmear import tiling
from unsmear.blur import Motion
from unsmear.classical import METHODS
from unsmear.errors import OptionError


class Box:
    """The mean of 3x3 pixels, with a halo that can be told wrongly."""

    def __init__(self, halo):
        self.halo = halo

    def restore(self, batch):
        padded = np.pad(batch, ((0, 0), (0, 0), (1, 1), (1, 1)), mode="edge")
        windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(2, 3))
        return windows.mean(axis=(-1, -2))


@pytest.fixture(scope="module")
def image():
    generator = np.random.default_rng(5)
    return gaussian_filter(generator.random((2, 2, 331, 467)), (0, 0, 2, 2)).astype(np.float32)


@pytest.mark.parametrize("tile", [1, 7, 16, 1000])
def test_tiles_are_the_whole(tile, image):
    image = image[..., :23, :31]
    whole = tiling.restore(Box(1), image)
    np.testing.assert_allclose(tiling.restore(Box(1), image, tile), whole, atol=1e-7)


def test_a_halo_too_small_shows(image):
    whole = tiling.restore(Box(1), image[..., :23, :31])
    tiled = tiling.restore(Box(0), image[..., :23, :31], 7)
    assert np.abs(whole - tiled).max() > 1e-4


@pytest.mark.parametrize(("length", "angle"), [(6, 40), (10, 40), (16, 0), (16, 75)])
def test_wiener_tiles_are_the_whole_bit_for_bit(length, angle, image):
    image = image[:1, :1]
    restorer = METHODS["wiener"].fit(image, Motion(length, angle).kernel())
    whole = tiling.restore(restorer, image)
    for tile in (64, 131):
        tiled = tiling.restore(restorer, image, tile)
        np.testing.assert_allclose(tiled, whole, atol=1e-6)
        levels = [np.rint(255 * values) for values in (whole, tiled)]
        np.testing.assert_array_equal(*levels)


def test_other_methods_in_tiles_are_the_whole(image):
    image = image[:1, :1]
    kernel = Motion(4, 40).kernel()
    for restorer in (
        METHODS["wiener-local"].fit(image, None),
        METHODS["richardson-lucy"].fit(image, kernel, iterations=8),
    ):
        whole = tiling.restore(restorer, image)
        np.testing.assert_allclose(tiling.restore(restorer, image, 100), whole, atol=2e-5)


def test_progress_counts_tiles(image):
    seen = []
    tiling.restore(Box(1), image, 200, lambda done, total: seen.append((done, total)))
    assert seen == [(n, 6) for n in range(1, 7)]
    tiling.restore(Box(1), image, None, lambda done, total: seen.append((done, total)))
    assert seen[-1] == (1, 1)


def test_tiles_that_cannot_be_are_refused(image):
    with pytest.raises(OptionError, match="tile must be 1 or more pixels, got 0"):
        tiling.restore(Box(1), image, 0)
    with pytest.raises(OptionError, match="tile must be left out for a method that needs"):
        tiling.restore(Box(None), image, 64)
