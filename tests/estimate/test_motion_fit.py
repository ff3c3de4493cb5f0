"""The search for a linear motion."""

import numpy as np
import pytest

from tests.estimate.test_exposures import cells
from unsmear.blur import Motion, convolve
from unsmear.estimate import motion_fit, spectrum

TRUE = 48.0


@pytest.mark.parametrize("guess", [44.0, 24.0, 32.0])
def test_a_long_motion_is_found_from_a_neighbouring_trough_and_from_aliases(guess, monkeypatch):
    monkeypatch.setattr(motion_fit, "find_candidates", lambda spectrum: [])
    blurred = np.rint(convolve(20 * cells(4, 256).astype(np.float32), Motion(TRUE, 30).kernel()))
    measured = spectrum.measure(blurred[None, None])
    found = motion_fit.search(measured, [(guess, 30.0)], widely=True).best
    assert found.values[0] == pytest.approx(TRUE, rel=0.02)
