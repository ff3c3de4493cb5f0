"""The kernel of a stage, from what is said and what the metadata say."""

import numpy as np
import pytest

from unsmear.blur import Coded, Motion
from unsmear.errors import OptionError
from unsmear.images import Image
from unsmear.images.timing import Timing
from unsmear.streaming import StageMotion

PIXELS = np.zeros((64, 64), np.uint8)
FRAME = Image(PIXELS, "YX", pixel_size=(0.2, 0.2), name="a.tif", timing=Timing((0.01,)))


def test_what_is_said_counts_before_the_metadata():
    assert StageMotion(100).blur(FRAME) == Motion(5)
    assert StageMotion(100, 0.02, 0.5, 30).blur(FRAME) == Motion(4, 30)


def test_a_code_is_turned_where_the_stage_goes_back():
    motion = StageMotion(100, angle=0, code="1101")
    assert motion.blur(FRAME) == Coded(5, 0, "1101")
    assert motion.blur(FRAME, [(0, 40)]) == Coded(5, 0, "1101")
    assert motion.blur(FRAME, [(0, -40)]) == Coded(5, 180, "1101")
    # At the end of a strip the stage goes down, and the frame after says which way it went on.
    assert motion.blur(FRAME, [(-40, -0.1), (0, 40)]) == Coded(5, 0, "1101")
    assert StageMotion(100).blur(FRAME, [(0, -40)]) == Motion(5)


@pytest.mark.parametrize(
    ("motion", "frame", "sentence"),
    [
        (StageMotion(9), Image(PIXELS, "YX", name="b.tif"), "b.tif: the exposure time"),
        (StageMotion(9, 0.1), Image(PIXELS, "YX", name="b.tif"), "b.tif: the pixel size"),
        (StageMotion(9, 10), FRAME, "For 10 milliseconds give 0.01"),
        (
            StageMotion(9, 0.1),
            Image(PIXELS, "YX", pixel_size=(0.2, 0.3), name="b.tif"),
            "pixels must be square",
        ),
    ],
)
def test_what_is_not_known_is_asked_for(motion, frame, sentence):
    with pytest.raises(OptionError, match=sentence):
        motion.blur(frame)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"speed": -1}, "speed must be 0 or more"),
        ({"speed": 1, "exposure": 0}, "exposure must be above 0, got 0"),
        ({"speed": 1, "pixel_size": -2}, "pixel_size must be above 0, got -2"),
        ({"speed": 1, "angle": float("nan")}, "angle must be finite degrees"),
    ],
)
def test_values_out_of_their_range_are_refused(values, sentence):
    with pytest.raises(OptionError, match=sentence):
        StageMotion(**values)
