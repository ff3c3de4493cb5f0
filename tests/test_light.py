"""Light is neither made nor lost, and nothing becomes darker than the darkest."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as stn
from scipy.optimize import minimize

from unsmear.light import conserve

planes = stn.arrays(np.float32, (1, 2, 4, 5), elements=st.floats(0, 1, width=16))
ringing = stn.arrays(np.float32, (1, 2, 4, 5), elements=st.floats(-1, 2, width=16))


@given(ringing, planes)
def test_the_sum_and_the_darkest_pixel_of_each_plane_are_kept(restored, blurred):
    kept = conserve(restored, blurred)
    np.testing.assert_allclose(kept.mean((2, 3)), blurred.mean((2, 3)), atol=1e-5)
    assert (kept.min((2, 3)) >= blurred.min((2, 3)) - 1e-6).all()


@given(ringing, planes, st.floats(0.01, 100), st.floats(-10, 10))
def test_gain_and_offset_change_nothing(restored, blurred, gain, offset):
    kept = conserve(restored, blurred)
    again = conserve(np.float32(restored * gain + offset), np.float32(blurred * gain + offset))
    np.testing.assert_allclose((again - offset) / gain, kept, atol=2e-5 * (1 + 10 / gain))


@given(planes)
def test_what_breaks_no_rule_comes_back(blurred):
    np.testing.assert_allclose(conserve(blurred, blurred), blurred, atol=1e-6)


def test_it_is_the_nearest_such_plane():
    rng = np.random.default_rng(0)
    restored = rng.normal(0.5, 0.6, (1, 1, 3, 4)).astype(np.float32)
    blurred = rng.random((1, 1, 3, 4)).astype(np.float32)
    nearest = minimize(
        lambda x: ((x - restored.ravel()) ** 2).sum(),
        blurred.ravel(),
        bounds=[(blurred.min(), None)] * 12,
        constraints={"type": "eq", "fun": lambda x: x.sum() - blurred.sum()},
    )
    assert conserve(restored, blurred).ravel() == pytest.approx(nearest.x, abs=1e-4)
