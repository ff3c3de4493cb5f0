"""Bright field: a stained section absorbs, so its background is bright and the dark is data."""

import numpy as np
import pytest
from skimage import data

import unsmear
from unsmear.restoration import flux

MARGIN = 32


def section(row, column, motion=None):
    """Return (192, 192, 3) of an immunohistochemical stain, 8 bit, moved during the exposure."""
    side = 192 + 2 * MARGIN
    wide = data.immunohistochemistry()[row : row + side, column : column + side]
    if motion is not None:
        planes = np.moveaxis(wide, 2, 0).astype(np.float32)
        moved = np.stack([unsmear.convolve(plane, motion.kernel()) for plane in planes], axis=-1)
        wide = np.rint(moved).clip(0, 255).astype(np.uint8)
    return np.ascontiguousarray(wide[MARGIN:-MARGIN, MARGIN:-MARGIN])


@pytest.mark.parametrize(("row", "column", "angle"), [(20, 20, 20), (180, 90, 75), (60, 220, 140)])
def test_a_stained_section_is_restored(row, column, angle):
    sharp, blurred = section(row, column), section(row, column, unsmear.Motion(12, angle))
    done = unsmear.restore(blurred, axes="YXC")
    assert done.touched
    assert done.estimate.length == pytest.approx(12, abs=0.2)

    def psnr(image):
        return unsmear.psnr(sharp[8:-8, 8:-8], image[8:-8, 8:-8], data_range=255)

    assert psnr(done.image) > psnr(blurred) + 5
    np.testing.assert_allclose(done.image.mean((0, 1)), blurred.mean((0, 1)), rtol=1e-3)


def test_a_bright_background_sets_no_lower_limit():
    motion = unsmear.Motion(12, 20)
    sharp, blurred = section(20, 20), section(20, 20, motion)
    for channel in range(3):
        assert flux.background(blurred[..., channel]) == -np.inf
    given = unsmear.restore(blurred, motion, axes="YXC").image
    dark, restored, true = (np.percentile(image, 0.5) for image in (blurred, given, sharp))
    assert abs(restored - true) < abs(dark - true)
    assert given.min() < blurred.min()


def test_a_sharp_section_is_left_alone():
    for row, column in ((20, 20), (180, 90)):
        image = section(row, column)
        np.testing.assert_array_equal(unsmear.restore(image, axes="YXC").image, image)
