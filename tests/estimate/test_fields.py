"""One movement in the whole field, a drift across it, and seams."""

from types import SimpleNamespace

import numpy as np
import pytest

from tests.estimate.test_exposures import cells, recorded
from unsmear.blur import Motion, Profile, convolve
from unsmear.estimate import Estimate, estimate_planes, exposures, fields, stage_fit
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
def test_a_motion_longer_than_a_third_of_a_half_field_is_no_drift():
    ((_, estimate),) = parts(recorded(cells(4, SIDE), Motion(48, 30)))
    assert estimate.sure
    assert estimate.drift is None
    assert estimate.length == pytest.approx(48, abs=0.5)


@pytest.mark.parametrize(
    ("other", "near"), [((10.1, 178.5), True), ((10.4, 179.5), False), ((10, 5), False)]
)
def test_motions_are_near_where_their_ends_are(other, near):
    assert fields._are_near((10, 179.5), other) is near


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


@pytest.mark.parametrize(("turn", "is_found"), [(8, True), (40, False)])
def test_a_drift_that_turns_further_than_it_is_long_is_none(turn, is_found):
    windows = [
        SimpleNamespace(
            down=True,
            place=place,
            values=lambda angle, place=place: (6.0, 2 * turn * (place - 0.5)),
            fit=SimpleNamespace(errors=(0.1, 0.5)),
        )
        for place in (0.25, 0.5, 0.75)
    ]
    estimate = Estimate(6.0, 30.0, 0.9, 0.1, 0.5, kind="straight")
    assert (fields._along(windows, estimate, down=True) is not None) == is_found


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


def test_a_drift_has_a_kernel_for_each_half_pixel():
    nodes = Drift(True, Motion(10, 0), Motion(4, 0)).nodes()
    assert nodes[0] == (0.0, Motion(10, 0))
    assert nodes[-1] == (1.0, Motion(4, 0))
    assert np.abs(np.diff([motion.length for _, motion in nodes])).max() <= 0.5


@pytest.mark.slow
def test_a_part_that_moves_before_one_that_rests_is_no_stage_that_rested():
    sharp, rested = 20 * cells(3, SIDE), stage_fit.paused((10.0, 0.4, 0.0, 40.0))
    estimate = Estimate(10.0, 40.0, 0.85, 0.3, 1.0, kind="straight", profile=rested)
    y, x = np.mgrid[:SIDE, :SIDE]
    inside = np.hypot(y - SIDE / 2, x - SIDE / 2) < 70
    moved = convolve(sharp.astype(np.float32), Motion(10, 40).kernel())
    part = recorded(np.where(inside, moved, sharp))
    assert not fields.agree(part[None, None], None, estimate)[0]
    whole = recorded(sharp, rested)
    assert fields.agree(whole[None, None], None, estimate)[0]
    whole[:, SIDE // 2 :] = 100  # quarters without texture tell nothing
    assert fields.agree(whole[None, None], None, estimate)[0]


@pytest.mark.parametrize("confidence", [0.72, 0.9])
@pytest.mark.parametrize("uneven", [True, False])
def test_a_part_is_hardly_sure_of_uneven_speed(monkeypatch, confidence, uneven):
    profile = Profile(10.0, 30.0, (0.2, 0.5, 0.8)) if uneven else None
    alone = Estimate(10.0, 30.0, confidence, profile=profile)
    monkeypatch.setattr(fields.estimation, "estimate_planes", lambda *_: alone)
    monkeypatch.setattr(fields, "parts", lambda _planes, _gaps, estimate, _depth: estimate)
    box = slice(0, 100), slice(0, 100)
    estimate = fields._part(np.zeros((1, 1, 200, 200)), None, box, 1)
    assert estimate.sure == (confidence > 0.8 or not uneven)


@pytest.mark.slow
@pytest.mark.parametrize(("seed", "peak"), [(1, 40), (3, 40), (5, 80)])
def test_a_dim_half_that_holds_little_does_not_deny_the_motion(seed, peak):
    """Without a motion its texture fits some of the noise, and its loss is lower; a motion of its
    own that is hardly likelier is noise too.
    """
    sharp = cells(seed, 224)
    sharp[:, 112:] *= 0.03
    light = convolve((sharp / sharp.max() * peak).astype(np.float32), Motion(10, 30).kernel())
    counts = np.random.default_rng(seed).poisson(np.maximum(light, 0) + 2).astype(np.uint16)
    (found,) = exposures.find(counts[None, None])
    assert (found.estimate.sure, found.estimate.doubt) == (True, "")
    assert found.estimate.length == pytest.approx(10, abs=0.8)
    assert found.estimate.angle == pytest.approx(30, abs=5)


@pytest.mark.parametrize(("other", "number"), [((10.1, 30.4), 1), ((10.1, 60.0), 2)])
def test_parts_that_moved_alike_are_one(monkeypatch, other, number):
    """A seam that was seen where a field is saturated may be none."""
    half = slice(0, SIDE), slice(0, SIDE // 2), slice(SIDE // 2, SIDE)
    boxes = (half[0], half[1]), (half[0], half[2])
    found = iter(
        Estimate(length, angle, 0.8, 0.2, 1.0, kind="straight")
        for length, angle in ((10.0, 30.0), other)
    )
    monkeypatch.setattr(fields, "seam", lambda *_: boxes)
    monkeypatch.setattr(fields, "agree", lambda *_: (True, None))
    monkeypatch.setattr(fields.estimation, "estimate_planes", lambda *_: next(found))
    unsure = Estimate(10.0, 30.0, 0.4, 0.2, 1.0, kind="straight", doubt=fields.DIFFERS)
    parts = fields.parts(np.zeros((1, 1, SIDE, SIDE), np.uint16), None, unsure)
    assert len(parts) == number
    assert [box for box, _ in parts] == ([None] if number == 1 else list(boxes))
