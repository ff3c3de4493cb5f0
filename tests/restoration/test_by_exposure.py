"""Exposures are restored each by its own movement, and what did not move is left alone."""

import numpy as np
import pytest

import unsmear
from tests.estimate.test_exposures import cells, recorded
from tests.estimate.test_fields import SIDE, drifting
from tests.found import find_everywhere
from unsmear.blur import Defocus, Motion
from unsmear.errors import OptionError
from unsmear.estimate import Estimate, exposures
from unsmear.estimate.drift import Drift
from unsmear.estimate.processed import COMPRESSED
from unsmear.images import Image
from unsmear.restoration import consistency
from unsmear.restoration.exposures import summary
from unsmear.restoration.restored import left_phrase


def estimate(length, angle=30.0):
    return Estimate(length, angle, 0.95, 0.1, 0.5, kind="straight" if length else "none")


@pytest.fixture
def found(monkeypatch):
    """Return a function that sets the exposures of every image."""

    def let(*parts):
        known = [exposures.Exposure(np.array(planes), *rest) for planes, *rest in parts]
        monkeypatch.setattr(exposures, "find_in", lambda *_: known)

    return let


@pytest.fixture(scope="module")
def channels():
    motions = (None, Motion(8, 30), Motion(14, 30))
    return np.stack([recorded(cells(i), m, i) for i, m in enumerate(motions)])


def error(a, b):
    return float(np.sqrt(np.mean((a.astype(float) - b)[8:-8, 8:-8] ** 2)))


@pytest.mark.parametrize("method", ["deep-wiener", "wiener"])
def test_each_channel_gets_its_own_kernel(channels, found, method):
    parts = [([(0, 0)], estimate(0)), ([(0, 1)], estimate(8)), ([(0, 2)], estimate(14))]
    found(*parts)
    image = Image(channels, "CYX", ("DAPI", "GFP", "RFP"))
    done = unsmear.restore(image, method=method)
    pixels = done.image.pixels
    np.testing.assert_array_equal(pixels[0], channels[0])
    for index, length in ((1, 8), (2, 14)):
        alone = unsmear.restore(channels[index], Motion(length, 30), method=method).image
        np.testing.assert_array_equal(pixels[index], alone)
        assert error(pixels[index], cells(index) + 100) < error(channels[index], cells(index) + 100)
    assert [one.blur is not None for one in done.exposures] == [False, True, True]
    assert "DAPI: no motion found" in done.movement
    assert "GFP: linear motion of 8.0 px" in done.movement
    if method == "deep-wiener":
        assert (done.verdicts[0, 0] == consistency.LEFT).all()
        assert (done.verdicts[0, 1] == consistency.RESTORED).all()


def test_parts_of_a_field_are_images_of_their_own(channels, found):
    plane = channels[1]
    boxes = (slice(0, 96), slice(0, 192)), (slice(96, 192), slice(0, 192))
    found(([(0, 0)], estimate(8), boxes[0]), ([(0, 0)], estimate(0), boxes[1]))
    done = unsmear.restore(plane, uncertainty=True)
    np.testing.assert_array_equal(done.image[96:], plane[96:])
    alone = unsmear.restore(plane[:96], Motion(8, 30)).image
    np.testing.assert_array_equal(done.image[:96], alone)
    assert np.isfinite(done.uncertainty[:96]).all()
    assert np.isnan(done.uncertainty[96:]).all()
    assert "rows 0 to 95: " in done.movement


def test_no_data_stay_as_they_were(channels, found):
    stack = channels.copy()
    stack[:, :40] = 0
    found(([(0, 0)], estimate(0)), ([(0, 1), (0, 2)], estimate(8)))
    done = unsmear.restore(stack, axes="CYX", no_data=0)
    np.testing.assert_array_equal(done.image[:, :40], 0)
    np.testing.assert_array_equal(done.image[0], stack[0])
    assert (done.image[1, 40:] != stack[1, 40:]).any()


def test_floats_and_a_checked_dtype(channels, found):
    found(([(0, 0)], estimate(0)), ([(0, 1), (0, 2)], estimate(8)))
    done = unsmear.restore(channels, axes="CYX", dtype="float32")
    assert done.image.dtype == np.float32
    np.testing.assert_array_equal(done.image[0], channels[0])


@pytest.mark.slow
def test_a_drift_is_restored_by_the_kernel_of_each_place(monkeypatch):
    drift = Drift(False, Motion(12, 20), Motion(5, 20))
    sharp = cells(2, SIDE)
    blurred = recorded(20 * drifting(sharp, drift))
    told = Estimate(8.5, 20.0, 0.9, 0.1, 0.5, kind="straight", drift=drift)
    find_everywhere(monkeypatch, told)
    done = unsmear.restore(blurred)
    uniform = unsmear.restore(blurred, Motion(8.5, 20), method="wiener").image
    truth = 20 * sharp + 100
    assert done.touched
    assert error(done.image, truth) < 0.6 * error(blurred, truth)
    assert error(done.image, truth) < 0.8 * error(uniform, truth)


def test_what_is_said_of_the_file_is_said_once(channels, found):
    compressed = (Estimate(0.0, confidence=n / 10, processed=COMPRESSED) for n in range(3))
    found(*(([(n, 0)], one) for n, one in enumerate(compressed)))
    done = unsmear.restore(Image(channels, "ZYX"))
    assert done.movement.count(COMPRESSED.sentence) == 1
    assert done.movement.endswith(f"(confidence 0.20), left as it was; {COMPRESSED.sentence}")
    assert left_phrase(done.movement).endswith(f"; {COMPRESSED.sentence}; all left unchanged")


def test_what_shares_a_movement_is_one_of_four_or_the_data(channels):
    with pytest.raises(OptionError, match="per must be one of auto, file"):
        unsmear.restore(channels, axes="CYX", per="pixel")


def test_many_exposures_are_counted(found):
    stack = Image(np.stack([recorded(cells(0), Motion(8, 30), n) for n in range(9)]), "ZYX")
    found(*(([(n, 0)], estimate(5 + n if n < 3 else 0)) for n in range(9)))
    done = unsmear.restore(stack, method="wiener")
    assert done.movement == "motions of 5.0 to 7.0 px in 3 of 9 exposures, each by itself"
    assert len(done.exposures) == 9
    compressed = Estimate(0.0, confidence=0.2, processed=COMPRESSED)
    found(*(([(n, 0)], compressed if n else estimate(0)) for n in range(9)))
    said = unsmear.restore(stack, method="wiener").movement
    assert said == f"nothing to act on in any of 9 exposures; {COMPRESSED.sentence}"


def test_of_many_exposures_those_are_named_whose_images_speak_against_their_blurs():
    stack = np.stack([recorded(cells(0), Motion(8, 30), n) for n in range(9)])
    given = {str(n): Motion(8, 30) if n < 5 else Motion(15, 120) for n in range(9)}
    said = unsmear.restore(stack, given, axes="CYX", method="wiener").movement
    assert said.startswith(
        "motions of 8.0 to 8.0 px in 5 of 9 exposures, each by itself; channel 5"
    )
    assert said.count("which is not consistent with the image, left as it was") == 3
    assert said.endswith("; the image of 1 more speaks against its blur too")


def test_other_blurs_are_no_motions():
    taken = [(Motion(5), None), *[(Defocus(3), None)] * 8, (None, None)]
    said = summary(10, "frames", 9, taken)
    assert said == "motions of 5.0 to 5.0 px and other blurs in 9 of 10 frames, each by itself"
