"""Axes: round trips, and errors instead of guesses."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unsmear.errors import AxesError
from unsmear.images import axes


@st.composite
def arrays(draw):
    letters = draw(st.permutations("STCZYX"))
    dropped = draw(st.sets(st.sampled_from("STCZ")))
    wanted = "".join(letter for letter in letters if letter not in dropped)
    shape = draw(st.tuples(*[st.integers(1, 4)] * len(wanted)))
    return np.arange(np.prod(shape)).reshape(shape), wanted


@given(arrays())
@pytest.mark.slow
def test_planes_come_back(case):
    array, wanted = case
    planes = axes.to_planes(array, wanted)
    assert planes.ndim == 4
    np.testing.assert_array_equal(axes.from_planes(planes, wanted, array.shape), array)


def test_planes_are_batch_channel_y_x():
    array = np.arange(2 * 3 * 4 * 5).reshape(4, 5, 3, 2)  # Y X C T
    planes = axes.to_planes(array, "YXCT")
    assert planes.shape == (2, 3, 4, 5)
    np.testing.assert_array_equal(planes[1, 2], array[:, :, 2, 1])


def test_y_and_x_may_change():
    planes = np.zeros((2, 3, 8, 9))
    assert axes.from_planes(planes, "YXCT", (4, 5, 3, 2)).shape == (8, 9, 3, 2)


@pytest.mark.parametrize("letters", ["", "Y", "CY", "YXX", "QYX", "yx"])
def test_letters_that_are_no_axes_are_refused(letters):
    with pytest.raises(AxesError, match=r"x\.tif: axes must be"):
        axes.check(letters, (2,) * len(letters), "x.tif")


def test_axes_of_another_number_of_dimensions_are_refused():
    with pytest.raises(AxesError, match="each of the 3 dimensions \\(2x3x4\\), got 'YX'"):
        axes.check("YX", (2, 3, 4))


@pytest.mark.parametrize(("letters", "shape"), [("CYX", (4097, 1, 1)), ("CYXS", (2**40, 4, 5, 3))])
def test_more_channels_than_any_microscope_has_are_refused(letters, shape):
    count = shape[0] * (3 if "S" in letters else 1)
    with pytest.raises(AxesError, match=f"x.tif: an image must have at most 4096 .* got {count};"):
        axes.check(letters, shape, "x.tif")
    assert axes.check("TYX", (4097, 1, 1)) == "TYX"
