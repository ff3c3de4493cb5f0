"""The shipped restorers through the pipeline: what a user's file keeps, whatever the weights."""

import numpy as np
import pytest

from unsmear import pipeline
from unsmear.images import Image
from unsmear.intensity import cast
from unsmear.learned import METHODS


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("gain", "offset"), [(1e-3, 0.0), (0.6, 0.9), (257.0, 60.0)])
def test_gain_and_offset_of_a_float_image_pass_through(method, gain, offset, kernel, smeared):
    pixels = smeared((2, 97, 123))
    plain = pipeline.restore(Image(pixels, "CYX"), method, kernel, error=True)
    scaled = Image((gain * pixels + offset).astype(np.float32), "CYX")
    result = pipeline.restore(scaled, method, kernel, error=True)
    tolerance = 1e-4 * gain * np.ptp(plain.image.pixels)
    for image, expected in (
        (result.image, gain * plain.image.pixels + offset),
        (result.error, gain * plain.error.pixels),
    ):
        np.testing.assert_allclose(image.pixels, expected, atol=tolerance, rtol=0)
    np.testing.assert_array_equal(result.verdicts, plain.verdicts)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("dtype", "white"), [("uint8", 200), ("uint16", 4095), ("float32", 3.0)])
def test_everything_but_the_blur_is_kept(method, dtype, white, kernel, smeared):
    counts = cast(white * smeared((2, 3, 72, 80)), dtype)
    metadata = {"tiff": {"x": 1}}
    image = Image(counts, "ZCYX", ("a", "b", "c"), (0.5, 0.5), "cells.tif", metadata)
    result = pipeline.restore(image, method, kernel, error=True)
    restored = result.image.pixels
    assert (restored.dtype, restored.shape) == (counts.dtype, counts.shape)
    assert (result.error.pixels.dtype, result.error.pixels.shape) == (np.float32, counts.shape)
    assert result.error.pixels.min() >= 0
    for name in ("axes", "channels", "pixel_size", "name", "metadata"):
        assert getattr(result.image, name) == getattr(image, name)
    assert restored.min() >= 0
    light = counts.sum(axis=(2, 3), dtype=np.float64)
    np.testing.assert_allclose(restored.sum(axis=(2, 3), dtype=np.float64), light, rtol=5e-3)
    assert (restored != counts).any()


@pytest.mark.parametrize("axes", ["TYX", "ZYX", "TZCYX"])
def test_stacks_go_plane_by_plane(axes, kernel, smeared):
    shape = (*(2, 1, 2)[: len(axes) - 2], 40, 52)
    counts = cast(200 * smeared(shape), np.uint8)
    image = Image(counts, axes)
    result = pipeline.restore_image(image, "deep-wiener-fast", kernel)
    assert (result.axes, result.pixels.shape) == (axes, shape)
    both = Image(np.concatenate([counts, counts]), axes)
    twice = pipeline.restore_image(both, "deep-wiener-fast", kernel).pixels.astype(int)
    np.testing.assert_array_equal(twice[: len(counts)], twice[len(counts) :])
    assert np.abs(twice[: len(counts)] - result.pixels).max() <= 1


@pytest.mark.parametrize("method", METHODS)
def test_a_blank_image_and_one_without_movement_come_back(method, kernel, smeared):
    blank = Image(np.full((3, 40, 52), 7, np.uint8), "CYX")
    moved = pipeline.restore(blank, method, kernel)
    np.testing.assert_array_equal(moved.image.pixels, blank.pixels)
    still = Image(cast(200 * smeared((3, 40, 52)), np.uint8), "CYX")
    result = pipeline.restore_image(still, method, np.ones((1, 1)))
    np.testing.assert_array_equal(result.pixels, still.pixels)


@pytest.mark.parametrize("tile", [64, 100])
def test_tiles_change_nothing(tile, kernel, smeared):
    image = Image(smeared((2, 133, 317)), "CYX")
    whole = pipeline.restore(image, "deep-wiener", kernel, error=True)
    tiled = pipeline.restore(image, "deep-wiener", kernel, tile, error=True)
    most = 1e-5 * np.ptp(whole.image.pixels)
    assert np.abs(tiled.image.pixels - whole.image.pixels).max() < most
    assert np.abs(tiled.error.pixels - whole.error.pixels).max() < most


@pytest.mark.parametrize(
    ("dtype", "white"),
    [
        ("uint8", 200),
        ("uint16", 50000),
    ],
)
def test_channels_never_mix(dtype, white, kernel, smeared):
    """Whether the kernel explains the image is one verdict, so what replaces moved alike."""
    pixels = cast(white * smeared((3, 80, 96)), dtype)
    whole = pipeline.restore_image(Image(pixels, "CYX"), "deep-wiener", kernel).pixels
    for replacement in (0, cast(white / 2 * smeared((80, 96), seed=8), dtype)):
        changed = pixels.copy()
        changed[1] = replacement
        result = pipeline.restore_image(Image(changed, "CYX"), "deep-wiener", kernel).pixels
        np.testing.assert_array_equal(result[[0, 2]], whole[[0, 2]])
