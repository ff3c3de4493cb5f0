from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import wiener as scipy_wiener

from unsmear.errors import OptionError
from unsmear.restoration.classical import adaptive_wiener


def test_inside_it_is_scipy(sharp):
    plane = sharp[0, 0].astype(np.float64)
    fitted = adaptive_wiener.fit(sharp, None)
    with np.errstate(divide="ignore", invalid="ignore"):
        expected = scipy_wiener(plane, 5, fitted.noises[0])
    restored = fitted.restore(sharp)[0, 0]
    np.testing.assert_allclose(restored[2:-2, 2:-2], expected[2:-2, 2:-2], atol=1e-6)
    # SciPy measures the noise with black beyond the border, we with reflection.
    padded = np.pad(plane, 2, mode="reflect")
    assert fitted.noises[0] == pytest.approx(_mean_variance(padded), rel=1e-4)


def _mean_variance(padded):
    windows = np.lib.stride_tricks.sliding_window_view(padded, (5, 5))
    return windows.var(axis=(2, 3)).mean()


def test_a_black_area_gives_no_nan(sharp):
    image = sharp.copy()
    image[..., :90] = 0
    restored = adaptive_wiener.fit(image).restore(image)
    assert np.isfinite(restored).all()
    np.testing.assert_allclose(restored[..., :85], 0, atol=1e-7)


@pytest.mark.parametrize("side", [0, 1, 4])
def test_a_window_without_a_centre_is_refused(sharp, side):
    with pytest.raises(OptionError, match="side must be an odd number from 3"):
        adaptive_wiener.fit(sharp, side=side)
