"""The mean of areas equals OpenCV's INTER_AREA, for whole factors and for others."""

import cv2
import numpy as np
import pytest

from unsmear.images.area_mean import area_mean, reduce


@pytest.mark.parametrize(
    ("size", "sides"),
    [
        ((64, 96), (32, 24)),
        ((63, 100), (21, 10)),
        ((1728, 40), (512, 13)),
        ((300, 97), (299, 1)),
        ((50, 60), (50, 60)),
        ((1000, 31), (7, 30)),
    ],
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_areas_are_opencv_s(size, sides, dtype):
    planes = np.random.default_rng(0).random((2, *size)).astype(dtype)
    reduced = reduce(planes, sides)
    assert reduced.dtype == dtype
    expected = [cv2.resize(p, sides[::-1], interpolation=cv2.INTER_AREA) for p in planes]
    np.testing.assert_allclose(reduced, expected, atol=1e-5)
    np.testing.assert_allclose(reduced.mean(), planes.mean(), atol=1e-6)


def test_what_is_no_number_stays_in_its_areas():
    plane = np.ones((30, 45))
    plane[7, 11] = np.nan
    for sides in ((10, 15), (20, 20)):
        known = reduce(plane, sides)
        assert np.isnan(known).sum() <= 4
        np.testing.assert_allclose(known[~np.isnan(known)], 1)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.float32, bool])
def test_axes_may_stand_anywhere_and_the_dtype_stays(dtype):
    pixels = np.random.default_rng(0).integers(0, 200, (20, 3, 30)).astype(dtype)
    reduced = area_mean(pixels, 0, 2, (10, 15))
    assert reduced.dtype == dtype
    assert reduced.shape == (10, 3, 15)
    exact = pixels.reshape(10, 2, 3, 15, 2).mean(axis=(1, 4))
    if dtype is not bool:
        np.testing.assert_allclose(reduced, exact, atol=0.501 if dtype != np.float32 else 1e-4)
