"""The shipped restorers in the pipeline: properties that hold for any weights."""

import numpy as np
import pytest

from unsmear.blur import Motion, convolve
from unsmear.images import Image
from unsmear.images.scaling import cast
from unsmear.restoration import pipeline
from unsmear.restoration.learned import METHODS


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("gain", "offset"), [(1e-3, 0.0), (0.6, 0.9), (257.0, 60.0)])
@pytest.mark.slow
def test_gain_and_offset_of_a_float_image_pass_through(method, gain, offset, kernel, smeared):
    pixels = smeared((2, 97, 123))
    plain = pipeline.apply_method(Image(pixels, "CYX"), method, kernel, uncertainty=True)
    scaled = Image((gain * pixels + offset).astype(np.float32), "CYX")
    result = pipeline.apply_method(scaled, method, kernel, uncertainty=True)
    tolerance = 1e-4 * gain * np.ptp(plain.image.pixels)
    for image, expected in (
        (result.image, gain * plain.image.pixels + offset),
        (result.uncertainty, gain * plain.uncertainty.pixels),
    ):
        np.testing.assert_allclose(image.pixels, expected, atol=tolerance, rtol=0)
    np.testing.assert_array_equal(result.verdicts, plain.verdicts)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("dtype", "white"), [("uint8", 200), ("uint16", 4095), ("float32", 3.0)])
@pytest.mark.slow
def test_everything_but_the_blur_is_kept(method, dtype, white, kernel, smeared):
    counts = cast(white * smeared((2, 3, 72, 80)), dtype)
    metadata = {"tiff": {"x": 1}}
    image = Image(counts, "ZCYX", ("a", "b", "c"), (0.5, 0.5), "cells.tif", metadata)
    result = pipeline.apply_method(image, method, kernel, uncertainty=True)
    restored = result.image.pixels
    assert (restored.dtype, restored.shape) == (counts.dtype, counts.shape)
    assert (result.uncertainty.pixels.dtype, result.uncertainty.pixels.shape) == (
        np.float32,
        counts.shape,
    )
    assert result.uncertainty.pixels.min() >= 0
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
    result = pipeline.apply_method(image, "deep-wiener-fast", kernel).image
    assert (result.axes, result.pixels.shape) == (axes, shape)
    both = Image(np.concatenate([counts, counts]), axes)
    twice = pipeline.apply_method(both, "deep-wiener-fast", kernel).image.pixels.astype(int)
    np.testing.assert_array_equal(twice[: len(counts)], twice[len(counts) :])
    assert np.abs(twice[: len(counts)] - result.pixels).max() <= 1


@pytest.mark.parametrize("method", METHODS)
def test_a_blank_image_and_one_without_movement_come_back(method, kernel, smeared):
    blank = Image(np.full((3, 40, 52), 7, np.uint8), "CYX")
    moved = pipeline.apply_method(blank, method, kernel)
    np.testing.assert_array_equal(moved.image.pixels, blank.pixels)
    still = Image(cast(200 * smeared((3, 40, 52)), np.uint8), "CYX")
    result = pipeline.apply_method(still, method, np.ones((1, 1))).image
    np.testing.assert_array_equal(result.pixels, still.pixels)


@pytest.mark.slow
@pytest.mark.parametrize("tile", [64, 100])
def test_tiles_change_nothing(tile, kernel, smeared):
    image = Image(smeared((2, 133, 317)), "CYX")
    whole = pipeline.apply_method(image, "deep-wiener", kernel, uncertainty=True)
    tiled = pipeline.apply_method(image, "deep-wiener", kernel, tile, uncertainty=True)
    most = 1e-5 * np.ptp(whole.image.pixels)
    assert np.abs(tiled.image.pixels - whole.image.pixels).max() < most
    assert np.abs(tiled.uncertainty.pixels - whole.uncertainty.pixels).max() < most


@pytest.mark.slow
@pytest.mark.parametrize(
    ("dtype", "white"),
    [
        ("uint8", 200),
        ("uint16", 50000),
    ],
)
def test_channels_never_mix(dtype, white, kernel, smeared):
    """Nothing of a channel depends on another, its verdicts included: they are black, or brighter
    and of other cells. For one that another kernel blurred see the next test.
    """
    pixels = cast(white * smeared((3, 80, 96)), dtype)
    whole = pipeline.apply_method(Image(pixels, "CYX"), "deep-wiener", kernel).image.pixels
    for replacement in (0, cast(white / 2 * smeared((80, 96), seed=8), dtype)):
        changed = pixels.copy()
        changed[1] = replacement
        result = pipeline.apply_method(Image(changed, "CYX"), "deep-wiener", kernel).image.pixels
        np.testing.assert_array_equal(result[[0, 2]], whole[[0, 2]])


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_channel_of_another_kernel_decides_over_itself_alone(seed, smeared):
    """Of the first channel the network explains all and the plain deconvolution little, which is
    looked at only where some channel needs it.
    """
    long = Motion(24, 10).kernel()
    first = smeared((80, 96), seed, by=long)
    results = []
    for second in (np.zeros_like(first), smeared((80, 96), seed + 50, by=Motion(13, 120).kernel())):
        image = Image(cast(200 * np.stack([first, second]), np.uint8), "CYX")
        results.append(pipeline.apply_method(image, "deep-wiener", long))
    black, mixed = results
    assert not mixed.consistency.explained[0, 1].all()
    assert not mixed.verdicts[0, 0].any()
    np.testing.assert_array_equal(mixed.verdicts[0, 0], black.verdicts[0, 0])
    np.testing.assert_array_equal(mixed.image.pixels[0], black.image.pixels[0])


def a_bead():
    """Return black with one bead, which no fourth pixel of a block sees."""
    pixels = np.zeros((1536, 1536), np.float32)
    pixels[1101, 1202] = 0.8
    return pixels, Motion(2, 0).kernel()


def a_faint_image_on_a_high_level():
    """Return cells of a contrast of 0.005 on 10 000: a few steps of float32."""
    kernel = Motion(7, 30).kernel()
    bright = np.maximum(np.random.default_rng(0).standard_normal((160, 170)), 0) / 4
    return (1e4 + 0.005 * convolve(bright.astype(np.float32), kernel)).astype(np.float32), kernel


@pytest.mark.slow
@pytest.mark.parametrize("make", [a_bead, a_faint_image_on_a_high_level])
def test_a_gain_passes_through_where_there_is_next_to_nothing(make):
    sharp, kernel = make()
    blurred = convolve(sharp, kernel) if make is a_bead else sharp
    plain, louder = (
        pipeline.apply_method(Image(pixels, "YX"), "deep-wiener-fast", kernel, uncertainty=True)
        for pixels in (blurred, np.float32(1.7) * blurred)
    )
    assert np.isfinite(plain.image.pixels).all()
    tolerance = 1e-4 * plain.image.pixels.max()
    for quiet, loud in ((plain.image, louder.image), (plain.uncertainty, louder.uncertainty)):
        np.testing.assert_allclose(loud.pixels, 1.7 * quiet.pixels, atol=tolerance, rtol=0)
    assert plain.uncertainty.pixels.max() <= np.ptp(plain.image.pixels)
