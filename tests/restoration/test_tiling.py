from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from unsmear.blur import Motion
from unsmear.errors import OptionError
from unsmear.restoration import tiling
from unsmear.restoration.base import Restorer
from unsmear.restoration.classical import METHODS


class Box(Restorer):
    """The mean of 3x3 pixels, with a halo that can be told wrongly."""

    halo = None

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


@pytest.mark.slow
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


@pytest.mark.slow
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
    calls = []
    tiling.restore(Box(1), image, 200, lambda done, total: calls.append((done, total)))
    assert calls == [(n, 6) for n in range(1, 7)]
    tiling.restore(Box(1), image, None, lambda done, total: calls.append((done, total)))
    assert calls[-1] == (1, 1)


def test_tiles_that_cannot_be_are_refused(image):
    with pytest.raises(OptionError, match="tile must be 1 or more pixels, got 0"):
        tiling.restore(Box(1), image, 0)
    with pytest.raises(OptionError, match="tile must be left out for a method that needs"):
        tiling.restore(Box(None), image, 64)


# Restorers that see the whole image


class Curve(Restorer):
    """A curve for each pixel, which could do without the rest; remembers what it was given."""

    halo, grid, overlap = None, 16, 8

    def __init__(self, **attributes):
        self.seen = []
        vars(self).update(attributes)

    def restore(self, batch):
        self.seen.append(batch.shape[2:])
        return batch - batch**2 / 2


class Coloured(Curve):
    """Makes a picture of three channels, in units, of one in counts."""

    def restore(self, batch):
        return np.repeat(batch[:, :1] / np.float32(255), 3, axis=1)


class Uneven(Curve):
    """Gives every tile another light, 1 apart."""

    def restore(self, batch):
        self.seen.append(batch.shape[2:])
        return np.full_like(batch, len(self.seen) % 2)


@given(st.integers(1, 400), st.integers(1, 90), st.floats(0, 0.5))
@pytest.mark.slow
def test_what_tiles_count_sums_to_one(side, tile, share):
    overlap = int(share * tile)
    cut = tiling.fades(side, tile, overlap)
    total, counted = np.zeros(side), np.zeros(side, int)
    for fade in cut:
        assert len(fade.weights) == fade.read.stop - fade.read.start == min(side, tile)
        assert fade.weights.min() >= 0
        total[fade.read] += fade.weights
        counted[fade.read] += 1
    assert (cut[0].read.start, cut[-1].read.stop) == (0, side)
    assert len(cut) == max(1, -(-(side - overlap) // (tile - overlap)))
    assert counted.min() == 1 or len(cut) > 1
    np.testing.assert_allclose(total, 1, atol=1e-6)
    for before, after in pairwise(cut):
        assert before.read.stop - after.read.start >= overlap
    lengths = [after.read.start - before.read.start for before, after in pairwise(cut)]
    assert np.ptp(lengths or [0]) <= 1


@pytest.mark.parametrize("more", [1, 2, 4, 8, 63, 64, 200, 447, 448, 449, 512, 895, 896, 897, 2000])
def test_tiles_that_differ_by_1_fade_as_slowly_as_they_can(more):
    """However little an image is longer than a tile of 512, no step is that of less than 64 px."""
    cut = tiling.fades(512 + more, 512, 64)
    result = np.zeros(512 + more)
    for fade in cut[1::2]:
        result[fade.read] += fade.weights
    shared = min(before.read.stop - after.read.start for before, after in pairwise(cut))
    assert shared >= 64
    assert np.ptp(result) > 0.7  # three tiles may be mixed at one pixel
    assert np.abs(np.diff(result)).max() <= 1.001 * np.pi / 2 / min(shared, 256)


@pytest.mark.parametrize("overlap", [0, 8, 100])
@pytest.mark.parametrize("tile", [16, 30, 64, 1000])
def test_blended_tiles_of_what_is_local_are_the_whole(tile, overlap, image):
    restorer = Curve(overlap=overlap)
    whole = tiling.restore(restorer, image)
    np.testing.assert_allclose(tiling.restore(restorer, image, tile), whole, atol=1e-6)
    flat = np.full((1, 1, 75, 201), 0.8, np.float32)
    np.testing.assert_allclose(tiling.restore(restorer, flat, tile), 0.48, atol=1e-6)


@pytest.mark.parametrize(("tile", "side"), [(64, 64), (50, 64), (1, 16), (330, 336)])
def test_blended_tiles_have_one_size_in_whole_steps(tile, side, image):
    restorer = Curve()
    tiling.restore(restorer, image, tile)
    assert set(restorer.seen) == {(min(side, 331), side)}


def test_tiles_that_differ_fade_into_each_other(image):
    """Between tiles that differ by 1, neighbours differ by what the window's slope is, not by 1."""
    for overlap, most in ((0, 1), (16, 0.1), (32, 0.05)):
        result = tiling.restore(Uneven(overlap=overlap), image[:, :, :64], 64)
        assert np.ptp(result) == pytest.approx(1)
        assert np.abs(np.diff(result)).max() <= most * 1.001


def test_blended_tiles_have_the_channels_and_the_kind_of_what_is_restored():
    counts = np.random.default_rng(4).integers(0, 256, (2, 1, 40, 100), np.uint8)
    for tile in (16, 48):
        result = tiling.restore(Coloured(), counts, tile)
        assert (result.shape, result.dtype) == ((2, 3, 40, 100), np.float32)
        np.testing.assert_allclose(result, tiling.restore(Coloured(), counts), atol=1e-6)


def test_only_restorers_that_say_so_are_blended():
    assert tiling.needs_whole(Box(None))
    assert not tiling.needs_whole(Box(1))
    assert not tiling.needs_whole(Curve())
    assert tiling.overlap_of(Box(1)) is None
    assert [tiling.overlap_of(Curve(), tile) for tile in (None, 10, 64)] == [8, 5, 8]


class Counting(Box):
    """Counts the planes that it is given at once."""

    def __init__(self, halo):
        super().__init__(halo)
        self.counts = []

    def restore(self, batch):
        self.counts.append(len(batch))
        return super().restore(batch)


@pytest.mark.parametrize(("tile", "most"), [(None, 2), (48, 3)])
def test_a_stack_is_restored_a_few_planes_at_once(tile, most, monkeypatch):
    stack = np.random.default_rng(0).random((5, 2, 96, 80), np.float32)
    whole = tiling.restore(Box(1), stack)
    monkeypatch.setattr(tiling, "TOGETHER", 2 * 2 * 98 * 82 if tile is None else 17_000)
    counting = Counting(1)
    assert np.array_equal(tiling.restore(counting, stack, tile), whole)
    assert max(counting.counts) == most


@pytest.mark.parametrize("method", ["wiener", "richardson-lucy", "unsupervised-wiener"])
def test_planes_do_not_depend_on_each_other(method, monkeypatch):
    stack = np.random.default_rng(0).random((3, 1, 64, 48), np.float32)
    restorer = METHODS[method].fit(stack, Motion(5, 20).kernel())
    together = tiling.restore(restorer, stack)
    monkeypatch.setattr(tiling, "TOGETHER", 1)
    assert np.array_equal(tiling.restore(restorer, stack), together)
