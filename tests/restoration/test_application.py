"""A method with a known kernel: what an image keeps, and its error messages."""

import cv2
import numpy as np
import pytest

from unsmear.blur import Motion, convolve
from unsmear.errors import ImageError, OptionError
from unsmear.images import Image
from unsmear.images.scaling import cast
from unsmear.metrics import psnr
from unsmear.restoration.application import apply_method
from unsmear.restoration.classical import METHODS

KERNEL = Motion(6, 25).kernel()


def cells(shape, white=255):
    noise = np.random.default_rng(7).random((int(np.prod(shape[:-2])), *shape[-2:]))
    blobs = np.stack([cv2.GaussianBlur(plane, (0, 0), 1.5) for plane in noise])
    return (white * (blobs - blobs.min()) / np.ptp(blobs)).reshape(shape)


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("dtype", "white"), [("uint8", 255), ("uint16", 4095), ("float32", 3.0)])
def test_everything_but_the_blur_is_kept(method, dtype, white):
    sharp = cast(cells((2, 3, 72, 80), white), dtype)
    counts = cast(convolve(sharp, KERNEL), dtype)
    image = Image(counts, "ZCYX", ("a", "b", "c"), (0.5, 0.5), "cells.tif", {"tiff": {"x": 1}})
    restored = apply_method(image, method, KERNEL if METHODS[method].needs_kernel else None).image
    assert (restored.pixels.dtype, restored.pixels.shape) == (image.pixels.dtype, counts.shape)
    for name in ("axes", "channels", "pixel_size", "name", "metadata"):
        assert getattr(restored, name) == getattr(image, name)
    before = psnr(sharp, counts, data_range=white)
    if METHODS[method].needs_kernel:  # the others cannot know what the movement was
        assert psnr(sharp, restored.pixels, data_range=white) > before
    np.testing.assert_array_equal(counts, image.pixels)


def test_tiles_change_nothing():
    image = Image(cast(convolve(cells((300, 310)), KERNEL), np.uint8), "YX")
    whole = apply_method(image, "wiener", KERNEL).image
    tiled = apply_method(image, "wiener", KERNEL, tile=96).image
    difference = np.abs(whole.pixels.astype(int) - tiled.pixels)
    assert difference.max() <= 1


@pytest.mark.parametrize(("height", "width"), [(1, 1), (2, 40), (40, 2)])
def test_what_is_too_small_is_refused(height, width):
    image = Image(np.ones((height, width), np.uint8), "YX", name="dot.png")
    sentence = f"^dot.png: an image must be at least 3x3 pixels to restore, got {height}x{width}.$"
    with pytest.raises(ImageError, match=sentence):
        apply_method(image, "wiener", KERNEL)


def test_methods_kernels_and_options_are_checked():
    image = Image(np.ones((9, 9), np.uint8), "YX")
    with pytest.raises(OptionError, match=r"a method must be one of deep-wiener.*, got 'magic'\."):
        apply_method(image, "magic", KERNEL)
    with pytest.raises(OptionError, match=r"wiener must have a kernel, got none\."):
        apply_method(image, "wiener")
    with pytest.raises(OptionError, match=r"an option of wiener must be .*, got 'sharpness'\."):
        apply_method(image, "wiener", KERNEL, options={"sharpness": 3})
