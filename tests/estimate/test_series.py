"""Time points that lend each other their movement where light is too little to tell alone."""

import numpy as np
import pytest

from tests.estimate.test_little_light import MOTION, in_little_light
from unsmear.blur import Motion
from unsmear.estimate import exposures, series
from unsmear.estimate.result import Estimate
from unsmear.images import Image
from unsmear.images.nodata import Gaps


def frames(photons, motions):
    """Return dim frames, each of cells of its own that moved so."""
    stack = [in_little_light(photons, motion, seed)[0, 0] for seed, motion in enumerate(motions)]
    return series.split(Image(np.stack(stack), "TYX"), None)


@pytest.mark.slow
def test_a_dim_frame_takes_the_movement_of_the_others():
    dim = frames(25, [MOTION, MOTION, MOTION, None])
    assert not exposures.find_in(dim[0].image, None)[0].estimate.sure
    together = [own[0].estimate for own in series.find(dim)]
    assert [one.sure for one in together] == [True, True, True, False]
    assert together[0].length == pytest.approx(MOTION.length, abs=1)
    assert together[0].angle == pytest.approx(MOTION.angle, abs=3)
    assert not together[3].found


@pytest.mark.slow
def test_a_frame_that_moved_otherwise_takes_nothing():
    other = Motion(MOTION.length, MOTION.angle + 90)
    _, found = series.find(frames(40, [MOTION, other]))
    assert not found[0].estimate.sure or found[0].estimate.angle == pytest.approx(125, abs=15)


def test_what_is_asked_apart_is_estimated_apart(monkeypatch):
    unsure = [exposures.Exposure(np.array([(0, 0)]), Estimate(0.0, confidence=0.2))]
    monkeypatch.setattr(exposures, "find_in", lambda *_, **__: unsure)
    monkeypatch.setattr(series, "estimate_alone", None)  # nothing is asked again
    dark = series.split(Image(np.zeros((2, 32, 32), np.uint8), "TYX"), None)
    assert series.find(dark, "frame") == [unsure, unsure]
    assert series.find(dark[:1]) == [unsure]


def test_frames_without_data_and_known_planes_are_not_estimated():
    pixels = np.random.default_rng(0).integers(1, 99, (3, 64, 64)).astype(np.float32)
    pixels[1] = np.nan
    image = Image(pixels, "TYX")
    split = series.split(image, Gaps.of(image))
    assert [frame.empty for frame in split] == [False, True, False]
    assert [frame.name for frame in split] == ["t=0", "t=1", "t=2"]
    known = np.ones((1, 1), bool)
    told = []
    empty, given = split[1], series.Frame("", split[0].image, known=known)
    assert series.find([empty, given], progress=lambda *done: told.append(done)) == [[], []]
    assert told == [(1, 2), (2, 2)]


def test_only_movements_that_differ_are_offered():
    def own(length, angle, confidence):
        even = Estimate(length, angle, confidence, 0.5, 2.0, kind="straight")
        return [exposures.Exposure(np.array([(0, 0)]), even)]

    found = [own(10, 30, 0.9), own(10.4, 31, 0.95), own(10, 50, 0.8), own(20, 30, 0.4)]
    assert [one.confidence for one in series._sure(found)] == [0.95, 0.8]
