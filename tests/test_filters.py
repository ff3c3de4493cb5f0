"""Filters equal OpenCV's, whose border rules and samples of a Gaussian they share."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unsmear import filters

BORDERS = {"reflect": cv2.BORDER_REFLECT_101, "edge": cv2.BORDER_REPLICATE}
sizes = st.tuples(*[st.integers(1, 150)] * 2)
sides = st.integers(0, 20).map(lambda half: 2 * half + 1)


def plane_of(size, dtype=np.float32):
    return np.random.default_rng(0).random(size).astype(dtype)


@given(sizes, st.tuples(sides, sides), st.sampled_from(["reflect", "edge"]), st.sampled_from("fd"))
@pytest.mark.slow
def test_box_means_are_opencv_s(size, window, border, dtype):
    plane = plane_of(size, dtype)
    mean = filters.box_mean(plane, window, border)
    expected = cv2.blur(plane, window[::-1], borderType=BORDERS[border])
    assert mean.dtype == plane.dtype
    np.testing.assert_allclose(mean, expected, atol=1e-6)


@given(sizes, sides, st.sampled_from([np.uint8, np.float32]))
@pytest.mark.slow
def test_maxima_are_opencv_s(size, side, dtype):
    plane = plane_of(size, np.float32) * 200
    plane = plane.astype(dtype)
    expected = cv2.dilate(plane, np.ones((side, side), np.uint8))
    np.testing.assert_array_equal(filters.window_maxima(plane, side), expected)


@given(sizes, st.floats(0.5, 12))
@pytest.mark.slow
def test_gaussians_are_opencv_s(size, sigma):
    plane = plane_of(size)
    expected = cv2.GaussianBlur(plane, (0, 0), sigma)
    np.testing.assert_allclose(filters.gaussian(plane, sigma), expected, atol=2e-6)


@given(st.data())
def test_window_sums_are_of_every_window_inside(data):
    height, width = data.draw(st.tuples(*[st.integers(1, 40)] * 2))
    window = data.draw(st.tuples(st.integers(1, height), st.integers(1, width)))
    values = np.random.default_rng(0).integers(0, 100, (height, width)).astype(np.float64)
    windows = np.lib.stride_tricks.sliding_window_view(values, window)
    np.testing.assert_array_equal(filters.window_sums(values, window), windows.sum(axis=(2, 3)))


def test_dark_stays_dark_beside_light():
    plane = np.zeros((60, 60), np.float32)
    plane[:, :20] = 1e4 / 3
    assert not filters.box_mean(plane, (9, 9))[:, 24:].any()
    assert not filters.gaussian(plane, 1.0)[:, 24:].any()
