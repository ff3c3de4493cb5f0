"""Checks of the motion: what frames show of the stage's speed and direction."""

import numpy as np
import pytest

from unsmear.blur import Coded, Motion, convolve
from unsmear.images import Image
from unsmear.streaming import checking
from unsmear.streaming.checking import Check, Checker, check
from unsmear.streaming.figures import Figures


@pytest.fixture(scope="module")
def frame():
    """Return a frame that moved by 10 px at 20 degrees."""
    generator = np.random.default_rng(0)
    sharp = generator.random((192, 192)).cumsum(0).cumsum(1) % 40
    moved = convolve(sharp, Motion(10, 20).kernel()) * 20 + 100
    return Image(generator.poisson(moved).astype(np.uint16), "YX")


def found(at, error):
    return Check("f", at, 10.0, 0.0, "linear motion", error, 0.0, 0.02)


def test_a_frame_shows_by_how_much_the_stage_is_too_fast(frame):
    one = check(frame, "a.tif", 3.0, Motion(8, 195))
    assert one.sure
    assert one.warns
    assert one.speed_error == pytest.approx(0.25, abs=0.03)
    assert one.angle_error == pytest.approx(5, abs=1)
    assert one.sentence().startswith("a.tif: the stage should move 8.0 px at 15 degrees; the frame")
    assert "+2" in one.sentence()
    assert not check(frame, "a.tif", 3.0, Motion(10, 20)).warns


def test_a_frame_that_shows_nothing_is_unsure():
    empty = Image(np.random.default_rng(0).poisson(100, (96, 96)).astype(np.uint16), "YX")
    one = check(empty, "a.tif", 0, Motion(8))
    assert (one.sure, one.warns) == (False, False)
    assert "does not surely show it" in one.sentence()


def test_the_error_of_speed_is_the_median_and_its_growth_the_drift():
    checks = [found(60.0 * n, 0.02 + 0.01 * n) for n in range(5)]
    assert checking.speed_error(checks) == pytest.approx(0.04)
    assert checking.drift(checks) == pytest.approx(0.01)
    assert checking.drift(checks[:3]) is None
    assert checking.speed_error([]) is None
    summary = Figures().summary(1, checks)
    assert summary.sentences()[-1] == (
        "5 of 5 checks showed the motion: +4.0 % in speed, +0.0 degrees, drift +1.0 % a minute."
    )


def test_a_check_delays_no_frame(frame, monkeypatch):
    import threading

    go = threading.Event()

    def slow(*asked):
        go.wait(5)
        return found(0, 0.1)

    monkeypatch.setattr(checking, "check", slow)
    checker = Checker()
    assert checker.offer(frame, "a", 0, Motion(8))
    assert not checker.offer(frame, "b", 1, Motion(8))
    assert checker.new() == []
    go.set()
    assert len(checker.finish()) == 1
    assert checker.new() == []


def test_a_coded_exposure_is_not_checked(frame):
    checker = Checker()
    assert checker.offer(frame, "a", 0, Coded(8))
    assert checker.finish() == []
