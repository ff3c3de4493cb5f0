"""Linear motion at uneven speed."""

import numpy as np
import pytest

from tests.estimate.test_exposures import cells, recorded
from unsmear.blur import Motion, Profile
from unsmear.estimate import estimate_planes, profile_fit

RAMP = Profile(12, 30, (1, 2, 3, 4, 5))


@pytest.mark.slow
@pytest.mark.parametrize("true", [RAMP, RAMP.turned(), Profile(12, 75, (5, 1, 1, 1, 5))])
def test_uneven_speed_and_its_direction_are_found(true):
    estimate = estimate_planes(recorded(20 * cells(4, 256), true)[None, None])
    assert estimate.sure
    assert estimate.profile is not None
    kernel, wanted = estimate.kernel(), true.kernel()
    reach = max(len(kernel), len(wanted))
    padded = [np.pad(k, (reach - len(k)) // 2) for k in (kernel, wanted)]
    half = padded[0][::-1, ::-1]

    def alike(one):
        return float((one * padded[1]).sum() / np.sqrt((one**2).sum() * (padded[1] ** 2).sum()))

    assert alike(padded[0]) > 0.85
    assert alike(padded[0]) >= alike(half)
    assert "at uneven speed" in estimate.describe()


@pytest.mark.slow
@pytest.mark.parametrize("length", [5, 9, 15, 24])
def test_constant_speed_is_not_called_uneven(length):
    estimate = estimate_planes(recorded(20 * cells(5, 256), Motion(length, 40))[None, None])
    assert estimate.sure
    assert estimate.profile is None
    assert estimate.length == pytest.approx(length, abs=0.3)


def test_a_path_that_cannot_be_told_from_its_reverse_is_not_chosen():
    nothing = np.random.default_rng(0).poisson(100, (1, 1, 128, 128)).astype(np.uint16)
    assert profile_fit.resolve(nothing, RAMP) is None
    even = Profile(12, 30, (1, 1, 1))
    assert profile_fit.resolve(nothing, even) in (even, even.turned())
