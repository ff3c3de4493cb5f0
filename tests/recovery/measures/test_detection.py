"""Nuclei that should be detected and those that are, matched one to one."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unsmear.errors import OptionError
from unsmear.recovery.measures import detection, find, nuclei, take

BLUE = 2


def squares(*corners, side=4, shape=(12, 20)):
    masks = np.zeros(shape, np.int32)
    for number, (y, x) in enumerate(corners, 1):
        masks[y : y + side, x : x + side] = number
    return masks


def test_by_hand():
    """A nucleus found exactly, one shifted by a pixel (12 of 20 pixels), one lost, one invented."""
    reference = squares((0, 0), (0, 8), (6, 0))
    values = detection.compare(reference, squares((0, 0), (0, 9), (7, 14)))
    assert values["nuclei detected"] == 3
    assert values["nucleus IoU"] == [1, 12 / 20, 0]


def test_sharp_finds_all_of_its_own_nuclei(sharp):
    values = detection.measure(sharp)
    assert values["nuclei detected"] == sharp.count > 4
    assert values["nucleus IoU"] == [1.0] * sharp.count


def test_true_nuclei_are_what_should_be_found(sharp):
    true = np.where(sharp.nuclei == sharp.count, 0, sharp.nuclei)  # the last was never there
    values = detection.measure(replace(sharp, true_nuclei=true))
    assert values["nuclei detected"] == sharp.count
    assert values["nucleus IoU"] == [1.0] * (sharp.count - 1)
    other = find("nuclei")(replace(sharp, true_nuclei=true))
    assert other["nuclei invented"] == 0  # which is beside the sharp image, as before


def test_blur_makes_them_overlap_less(sharp):
    from unsmear.blur import Motion, convolve

    blurred = replace(sharp, planes=convolve(sharp.planes, Motion(16, 20).kernel()))
    values = detection.measure(blurred)
    assert len(values["nucleus IoU"]) == sharp.count
    assert 0.2 < np.mean(values["nucleus IoU"]) < 0.95


def test_two_halves_of_a_nucleus_are_one_match():
    reference = squares((0, 0))
    halves = reference * np.array([1, 1, 2, 2] + [1] * 16, np.int32)
    assert nuclei.overlap(reference, halves).tolist() == [[0.5, 0.5]]
    assert detection.compare(reference, halves) == {"nuclei detected": 2, "nucleus IoU": [0.5]}


def test_a_match_that_counts_is_not_given_up_for_two_that_do_not():
    overlaps = np.array([[0.55, 0.4], [0.4, 0.0]])
    assert detection.match(overlaps).tolist() == [0.55, 0]


@given(st.integers(0, 9999))
def test_matching_is_one_to_one_and_complete(seed):
    """From more than a half on, the matches are all overlaps as large."""
    generator = np.random.default_rng(seed)
    first, second = generator.integers(0, 4, (2, 6, 6)).astype(np.int32)
    second = np.where(generator.random((6, 6)) < 0.7, first, second)
    overlaps = nuclei.overlap(first, second)
    found = detection.match(overlaps)
    assert (np.sort(found[found > 0.5]) == np.sort(overlaps[overlaps > 0.5])).all()
    assert not ((found > 0) & (found < nuclei.MATCH)).any()


def test_nothing_to_detect_and_nothing_detected():
    none = np.zeros((12, 20), np.int32)
    assert detection.compare(none, squares((0, 0))) == {"nuclei detected": 1, "nucleus IoU": []}
    assert detection.compare(squares((0, 0)), none) == {"nuclei detected": 0, "nucleus IoU": [0]}


def test_a_detector_of_ones_own(sharp, tmp_path):
    """Its numbers have the names that the tables look for, one for each true nucleus."""
    file = tmp_path / "threshold.py"
    file.write_text(
        "from scipy import ndimage\n"
        "from unsmear.recovery.measures import detection\n\n"
        "def measure(image):\n"
        "    masks, _ = ndimage.label(image.plane('blue') > 0.3)\n"
        "    return detection.compare(image.reference, masks)\n"
    )
    true = np.where(sharp.nuclei == sharp.count, 0, sharp.nuclei)
    values = take(replace(sharp, true_nuclei=true), [find(file)])
    assert values["nuclei detected"] > 1
    assert len(values["nucleus IoU"]) == sharp.count - 1
    assert max(values["nucleus IoU"]) > 0.5


def test_masks_and_stain_must_be_there(sharp, make_image):
    with pytest.raises(OptionError, match="masks of the same size"):
        replace(sharp, true_nuclei=np.zeros((4, 4), np.int32))
    with pytest.raises(OptionError, match="a channel named blue, got green"):
        detection.measure(make_image(np.ones((4, 4)), green=np.zeros((4, 4))))
