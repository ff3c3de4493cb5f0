"""Counts survive the way to units and back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as stn

from unsmear.errors import OptionError
from unsmear.intensity import Scaling, cast, data_range


@given(stn.arrays(st.sampled_from([np.uint8, np.uint16]), (5, 7)))
def test_integer_counts_come_back_exactly(counts):
    scaling = Scaling.of(counts)
    np.testing.assert_array_equal(scaling.to_counts(scaling.to_units(counts), counts.dtype), counts)


@given(stn.arrays(np.float32, 9, elements=st.floats(-1e6, 1e6, width=32)))
def test_floats_come_back_exactly_since_the_factor_is_a_power_of_two(counts):
    scaling = Scaling.of(counts)
    assert np.log2(scaling.factor) % 1 == 0
    restored = scaling.to_counts(scaling.to_units(counts), np.float32)
    np.testing.assert_allclose(restored, counts, rtol=0, atol=1e-36)  # what float32 can still hold


def test_the_brightest_pixel_fills_the_range_whatever_the_dtype():
    twelve_bit = np.array([[0, 4095]], np.uint16)
    assert 0.5 < Scaling.of(twelve_bit).to_units(twelve_bit).max() <= 1


def test_an_offset_comes_back():
    scaling = Scaling(100, 400)
    counts = np.array([100, 300, 500], np.uint16)
    assert scaling.to_units(counts).tolist() == [0, 0.5, 1]
    assert scaling.to_counts(scaling.to_units(counts), np.uint16).tolist() == [100, 300, 500]


def test_counts_beyond_the_dtype_are_clipped_not_wrapped():
    values = np.array([-3.0, 0.4, 254.6, 300.0])
    assert cast(values, np.uint8).tolist() == [0, 0, 255, 255]
    assert cast(values, np.float32).tolist() == pytest.approx(values.tolist())


def test_a_black_image_has_a_scaling():
    assert Scaling.of(np.zeros((3, 3))) == Scaling()


@pytest.mark.parametrize("options", [(0, 0), (0, -1), (np.nan, 1), (0, np.inf)])
def test_scalings_that_cannot_be_undone_are_refused(options):
    with pytest.raises(OptionError, match="factor above 0"):
        Scaling(*options)


def test_the_data_range_of_a_dtype():
    assert [data_range(d) for d in (np.uint8, np.uint16, np.float32)] == [255, 65535, 1]
