"""One movement in the whole field, a drift across it, and seams."""

import numpy as np
import pytest

from tests.estimate.test_exposures import cells, recorded
from unsmear.blur import Motion, convolve
from unsmear.estimate import estimate_planes, fields
from unsmear.estimate.drift import Drift

SIDE = 256


def parts(image):
    planes = image[None, None]
    return fields.parts(planes, None, estimate_planes(planes))


def drifting(sharp, drift):
    nodes = drift.nodes()
    blurred = [convolve(sharp.astype(np.float32), motion.kernel()) for _, motion in nodes]
    place = np.linspace(0, len(nodes) - 1, SIDE)
    weights = [np.clip(1 - np.abs(place - number), 0, 1) for number in range(len(nodes))]
    return sum(w * b for w, b in zip(weights, blurred, strict=True))


@pytest.mark.slow
def test_one_movement_is_one_part():
    ((box, estimate),) = parts(recorded(cells(1, SIDE), Motion(10, 30)))
    assert box is None
    assert estimate.sure
    assert estimate.drift is None


@pytest.mark.slow
def test_a_drift_is_found():
    true = Drift(False, Motion(11, 20), Motion(5, 20))
    blurred = drifting(cells(2, SIDE), true)
    ((box, estimate),) = parts(recorded(blurred))
    assert box is None
    assert estimate.sure
    assert not estimate.drift.down
    assert estimate.drift.first.length == pytest.approx(11, abs=0.6)
    assert estimate.drift.last.length == pytest.approx(5, abs=0.6)
    assert "left to right" in estimate.describe()


@pytest.mark.slow
def test_a_field_is_cut_at_its_seam():
    sharp = cells(3, SIDE).astype(np.float32)
    tiles = [convolve(sharp, Motion(10, angle).kernel()) for angle in (20, 95)]
    blurred = np.concatenate([tiles[0][:120], tiles[1][120:]])
    found = parts(np.rint(blurred + 100).astype(np.uint16))
    assert [box for box, _ in found] == [
        (slice(0, 120), slice(0, SIDE)), (slice(120, SIDE), slice(0, SIDE)),
    ]  # fmt: skip
    for (_, estimate), angle in zip(found, (20, 95), strict=True):
        assert estimate.sure
        assert estimate.angle == pytest.approx(angle, abs=1)


@pytest.mark.parametrize("seed", range(3))
def test_a_field_of_one_exposure_has_no_seam(seed):
    for image in (cells(seed), recorded(cells(seed)), recorded(cells(seed), Motion(9, 50))):
        assert fields.seam(image[None, None]) is None


@pytest.mark.parametrize("side", range(190, 200))
def test_no_size_is_too_small_to_look_for_a_seam(side):
    assert fields.seam(np.full((1, 1, side, side), 3, np.uint8)) is None
    fields.seam(cells(0)[None, None, :side, :side])


def test_a_drift_has_a_kernel_for_each_half_pixel():
    nodes = Drift(True, Motion(10, 0), Motion(4, 0)).nodes()
    assert nodes[0] == (0.0, Motion(10, 0))
    assert nodes[-1] == (1.0, Motion(4, 0))
    assert np.abs(np.diff([motion.length for _, motion in nodes])).max() <= 0.5
