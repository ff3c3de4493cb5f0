"""Flux conservation, and the background as lower limit."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as stn
from scipy.optimize import minimize

from unsmear.blur import Gaussian, Motion, convolve
from unsmear.restoration import flux
from unsmear.restoration.flux import background, conserve

planes = stn.arrays(np.float32, (1, 2, 4, 5), elements=st.floats(0, 1, width=16))
ringing = stn.arrays(np.float32, (1, 2, 4, 5), elements=st.floats(-1, 2, width=16))


@given(ringing, planes)
@pytest.mark.slow
def test_the_sum_of_each_plane_is_kept_and_nothing_is_below_its_background(restored, blurred):
    result = conserve(restored, blurred)
    np.testing.assert_allclose(result.mean((2, 3)), blurred.mean((2, 3)), atol=1e-5)
    for plane, original in zip(result[0], blurred[0], strict=True):
        assert plane.min() >= background(original) - 1e-6


def test_a_background_is_seen_where_it_is_and_a_dead_pixel_is_none():
    rng = np.random.default_rng(0)
    cells = np.float32(rng.random((100, 100)) ** 8 * 1000 + 100)
    assert background(cells) == pytest.approx(100, abs=1)
    cells[50, 50] = 0
    assert background(cells) == pytest.approx(100, abs=1)
    assert background(-cells) == -np.inf  # dark spots on a bright field


@given(
    stn.arrays(np.float32, st.integers(1, 300), elements=st.floats(-2, 2, width=16))
    | stn.arrays(np.uint8, st.integers(1, 300), elements=st.integers(0, 3)),
    st.integers(0, 100),
)
def test_a_background_is_an_exact_percentile(values, dark):
    values[: len(values) * dark // 100] = values.min()
    low, high, bright = np.percentile(values, (0.1, 5, 99.9), method="lower").astype(float)
    expected = low if high - low <= flux.FLAT * (bright - low) else -np.inf
    assert background(np.roll(values[::-1], dark)) == expected


@pytest.mark.parametrize("where", [0, 500, -1])
def test_an_image_with_a_nan_has_no_background(where):
    values = np.zeros(1000, np.float32)
    values[where] = np.nan
    assert background(values) == -np.inf


@given(
    stn.arrays(
        np.float32,
        stn.array_shapes(max_dims=2, max_side=60),
        elements=st.floats(width=32, allow_nan=False),
    )
    | stn.arrays(np.uint8, (40, 50))
)
def test_percentiles_are_those_of_numpy(values):
    expected = np.percentile(values, [*flux.DARK, 100 - flux.DARK[0]], method="lower")
    assert flux.percentiles(values) == tuple(expected)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flux, "SAMPLE", 2)
        assert flux.percentiles(values) == tuple(expected)


@pytest.mark.parametrize("seen", ["evenly", "only bright", "only dark", "alike"])
def test_percentiles_of_many_parts_are_those_of_numpy(seen):
    values = np.random.default_rng(0).normal(size=(700, 800)).astype(np.float32)
    assert values.size > 2 * flux.PART
    sampled = values.reshape(-1)[:: values.size // flux.SAMPLE | 1]
    if seen.startswith("only"):
        sampled += 10 if seen == "only bright" else -10
    if seen == "alike":
        sampled[:] = 0.5
    expected = np.percentile(values, [*flux.DARK, 100 - flux.DARK[0]], method="lower")
    assert flux.percentiles(values) == flux.percentiles(values[::-1]) == tuple(expected)


def test_dark_details_on_a_bright_field_stay_dark():
    dots = np.float32(np.random.default_rng(1).random((1, 1, 120, 120)) > 0.996)
    sharp = np.float32(1 - 0.9 * np.minimum(14 * convolve(dots, Gaussian(1.5).kernel()), 1))
    blurred = convolve(sharp, Motion(10, 20).kernel())
    assert sharp.min() < 0.2 < blurred.min() - 0.1
    np.testing.assert_allclose(conserve(sharp, blurred), sharp, atol=1e-3)


def test_what_is_not_finite_is_not_hidden():
    broken = np.full((1, 1, 5, 5), np.nan, np.float32)
    assert np.isnan(conserve(broken, np.ones_like(broken))).all()


@given(ringing, planes, st.floats(0.01, 100), st.floats(-10, 10))
@pytest.mark.slow
def test_gain_and_offset_change_nothing(restored, blurred, gain, offset):
    result = conserve(restored, blurred)
    again = conserve(np.float32(restored * gain + offset), np.float32(blurred * gain + offset))
    np.testing.assert_allclose((again - offset) / gain, result, atol=2e-5 * (1 + 10 / gain))


def test_a_flat_plane_at_the_background_gets_the_light_wherever_the_background_lies():
    blurred = np.ones((1, 1, 4, 5), np.float32)
    blurred[0, 0, 0, 0] = 0
    for offset in (0, 1):
        result = conserve(np.full_like(blurred, offset), blurred + offset)
        np.testing.assert_allclose(result - offset, 0.95, atol=1e-6)


@given(ringing, planes)
@pytest.mark.slow
def test_it_can_be_written_over_what_was_restored(restored, blurred):
    expected = conserve(restored, blurred)
    result = conserve(restored, blurred, out=restored)
    assert result is restored
    np.testing.assert_array_equal(restored, expected)


@given(planes)
@pytest.mark.slow
def test_what_breaks_no_rule_comes_back(blurred):
    np.testing.assert_allclose(conserve(blurred, blurred), blurred, atol=1e-6)


def test_it_is_the_nearest_such_plane(monkeypatch):
    monkeypatch.setattr(flux, "background", lambda blurred: 0.2)
    rng = np.random.default_rng(0)
    restored = rng.normal(0.5, 0.6, (1, 1, 3, 4)).astype(np.float32)
    blurred = 0.3 + rng.random((1, 1, 3, 4)).astype(np.float32)
    nearest = minimize(
        lambda x: ((x - restored.ravel()) ** 2).sum(),
        blurred.ravel(),
        bounds=[(0.2, None)] * 12,
        constraints={"type": "eq", "fun": lambda x: x.sum() - blurred.sum()},
    )
    assert conserve(restored, blurred).ravel() == pytest.approx(nearest.x, abs=1e-4)
