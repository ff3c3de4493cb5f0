"""The spectrum of an image: its scale does not matter, and all of a large image is read."""

import numpy as np
import pytest

from unsmear import speed
from unsmear.estimate import spectrum


@pytest.mark.parametrize("scale", [1e-30, 1e-6, 7.0, 1e15, 1e30])
def test_a_gain_changes_nothing(scale):
    field = speed.field(128, 1).astype(np.float32)[None]
    wanted, found = spectrum.measure(field), spectrum.measure(field * np.float32(scale))
    np.testing.assert_allclose(found.power, wanted.power, rtol=1e-3, atol=1e-9)
    wide = spectrum.measure(field.astype(np.float64) * scale)
    np.testing.assert_allclose(wide.power, wanted.power, rtol=1e-3, atol=1e-9)


def test_windows_leave_nothing_out_up_to_four_thousand_pixels():
    for side in (256, 700, 2048, 4096):
        starts = spectrum._starts(side, spectrum.LARGEST_WINDOW)
        assert starts[0] == 0
        assert starts[-1] + spectrum.LARGEST_WINDOW == side
        assert np.diff(starts).max(initial=0) <= spectrum.LARGEST_WINDOW + 1


def test_channels_together_are_those_of_one_image():
    field = speed.field(128, 3)[None]
    alone = [spectrum.measure(field[:, [channel]]) for channel in range(3)]
    together, whole = spectrum.together(alone), spectrum.measure(field)
    np.testing.assert_allclose(together.power, whole.power, rtol=1e-6)
    assert together.averages == pytest.approx(whole.averages)
    assert together.noise == whole.noise
