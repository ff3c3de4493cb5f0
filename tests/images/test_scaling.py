"""Scaling of counts to normalised intensity and back is lossless."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as stn

from unsmear.errors import OptionError
from unsmear.images.scaling import Scaling, cast, data_range


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


@pytest.mark.parametrize("peak", [np.finfo("f4").max, np.finfo("f4").smallest_subnormal])
def test_the_furthest_floats_come_back_too(peak):
    counts = np.array([0, peak], "f4")
    scaling = Scaling.of(counts)
    assert scaling.to_counts(scaling.to_units(counts), "f4").tolist() == counts.tolist()


@pytest.mark.parametrize("peak", [1e-300, 2e-50, 3e200])
def test_doubles_fill_the_range_whatever_their_unit(peak):
    counts = np.array([0, peak / 3, peak])
    units = Scaling.of(counts).to_units(counts)
    assert 0.5 < units.max() <= 1
    assert Scaling.of(counts).to_counts(units, "f8") == pytest.approx(counts, rel=1e-7)


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


@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8"])
@pytest.mark.parametrize("source", ["f2", "f4", "f8"])
def test_clipping_works_where_a_float_cannot_hold_the_bound(source, dtype):
    limits, furthest = np.iinfo(dtype), np.finfo(source).max
    lowest, highest = cast(np.array([-furthest, furthest], source), dtype).tolist()
    near = 1 if limits.bits < 64 else 2048  # float64 skips that many next to 2 ** 64
    assert lowest == max(limits.min, int(-furthest))
    assert min(limits.max, int(furthest)) - near < highest <= limits.max


def test_integers_of_any_width_are_cast():
    counts = np.array([0, 255, 65535, 2**40])
    assert cast(counts, "u1").tolist() == [0, 255, 255, 255]
    assert cast(counts, "u4").tolist() == [0, 255, 65535, 2**32 - 1]
    assert cast(counts[:2].astype("u1"), "u2").tolist() == [0, 255]


def test_a_black_image_has_a_scaling():
    assert Scaling.of(np.zeros((3, 3))) == Scaling()


@pytest.mark.parametrize("options", [(0, 0), (0, -1), (np.nan, 1), (0, np.inf)])
def test_scalings_that_cannot_be_undone_are_refused(options):
    with pytest.raises(OptionError, match="factor above 0"):
        Scaling(*options)


def test_the_data_range_of_a_dtype():
    assert [data_range(d) for d in (np.uint8, np.uint16, np.float32)] == [255, 65535, 1]
