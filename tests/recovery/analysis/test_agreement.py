import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from unsmear.recovery.analysis.agreement import agree, agree_by_blur, swapped

# Three images, three labels. Found on sharp: A, AB, C.
TRUTH = np.array([[1, 0, 0], [1, 0, 0], [0, 1, 1]], bool)
SHARP = np.array([[1, 0, 0], [1, 1, 0], [0, 0, 1]], float)
# Image 0: A is lost for B. Image 1: B is lost, which was wrong. Image 2: B is gained, rightly.
RESTORED = np.array([[0, 1, 0], [1, 0, 0], [0, 1, 1]], float)


@pytest.fixture
def agreements(side_by_side):
    aligned = side_by_side(TRUTH, {"sharp": SHARP, "blurred": 0 * SHARP, "restored": RESTORED})
    return {agreement.restorer: agreement for agreement in agree(aligned)}


def test_changes_by_hand(agreements):
    restored = agreements["restored"]
    assert_array_equal(restored.gained_right, [0, 1, 0])
    assert_array_equal(restored.gained_wrong, [0, 1, 0])
    assert_array_equal(restored.lost_right, [1, 0, 0])
    assert_array_equal(restored.lost_wrong, [0, 1, 0])
    assert_array_equal(restored.gained, [0, 2, 0])
    assert_array_equal(restored.lost, [1, 1, 0])
    assert_array_equal(restored.swaps, [[0, 1, 0, 0], [0, 0, 0, 1], [0, 0, 0, 0], [0, 1, 0, 0]])


def test_shares_by_hand(agreements):
    restored = agreements["restored"]
    assert restored.decisions.value == pytest.approx(5 / 9)
    assert restored.images.value == 0
    assert restored.f1.value == pytest.approx(2 * 2 / (2 * 2 + 2 + 2))
    assert restored.decisions.low < 5 / 9 < restored.decisions.high


def test_sharp_agrees_with_itself_and_nothing_agrees_in_most_decisions(agreements):
    sharp, nothing = agreements["sharp"], agreements["blurred"]
    assert (sharp.decisions.value, sharp.images.value, sharp.f1.value) == (1, 1, 1)
    assert sharp.swaps.sum() == 0
    # Finding nothing is right in most decisions, and F1 says what that is worth.
    assert nothing.decisions.value == pytest.approx(5 / 9)
    assert nothing.f1.value == 0
    assert_array_equal(nothing.lost, SHARP.sum(axis=0))


def test_finding_nothing_on_both_is_agreement(side_by_side):
    none = np.zeros((4, 3))
    aligned = side_by_side(np.ones((4, 3)), {"sharp": none, "blurred": none})
    assert [agreement.f1.value for agreement in agree(aligned)] == [1, 1]


def test_each_blur_has_its_own_agreement(side_by_side, drawn_labels):
    truth, probabilities = drawn_labels
    probabilities["half"][1::2] = probabilities["sharp"][1::2]
    aligned = side_by_side(truth, probabilities, blurs=["motion 10 px", "motion 6 px"] * 75)
    by_subset = {
        (agreement.subset, agreement.restorer): agreement for agreement in agree_by_blur(aligned)
    }
    assert list(by_subset)[::3] == [("motion 6 px", "sharp"), ("motion 10 px", "sharp")]
    assert by_subset["motion 6 px", "half"].decisions.value == 1
    assert by_subset["motion 6 px", "half"].swaps.sum() == 0
    assert by_subset["motion 10 px", "half"].decisions.value < 1
    whole = next(agreement for agreement in agree(aligned) if agreement.restorer == "half")
    halves = [by_subset[blur, "half"].lost for blur in ("motion 6 px", "motion 10 px")]
    assert_array_equal(sum(halves), whole.lost)
    assert agree_by_blur(side_by_side(truth, probabilities)) == []


@given(st.integers(1, 8), st.integers(1, 4), st.integers(0, 999))
def test_swaps_are_counted_image_by_image(images, labels, seed):
    sharp, restored = np.random.default_rng(seed).random((2, images, labels)) < 0.5
    wanted = np.zeros((labels + 1, labels + 1), int)
    for truth_row, restored_row in zip(sharp, restored, strict=True):
        lost = np.flatnonzero(truth_row & ~restored_row).tolist()
        gained = np.flatnonzero(restored_row & ~truth_row).tolist()
        if lost or gained:
            for row in lost or [labels]:
                for column in gained or [labels]:
                    wanted[row, column] += 1
    assert_array_equal(swapped(sharp, restored), wanted)
