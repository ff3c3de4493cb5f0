from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from unsmear.errors import DataError
from unsmear.metrics import classification

# Four images, three labels; the third is in no image.
TRUTH = np.array([[1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 0, 0]], bool)
PROBABILITIES = np.array([[0.9, 0.6, 0.1], [0.4, 0.8, 0.7], [0.6, 0.3, 0.2], [0.1, 0.2, 0.3]])
HALF = np.full(3, 0.5)


@st.composite
def answers(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    images, count = draw(st.integers(1, 12)), draw(st.integers(1, 4))
    bits = st.lists(st.booleans(), min_size=images * count, max_size=images * count)
    # Few levels: many are equal. Coarse and full ones, and both ends.
    levels = st.one_of(st.integers(0, 4).map(lambda step: step / 4), st.floats(0, 1))
    values = st.lists(levels, min_size=images * count, max_size=images * count)
    shape = (images, count)
    return np.array(draw(bits)).reshape(shape), np.array(draw(values)).reshape(shape)


def _slow_f1(truth: np.ndarray, predicted: np.ndarray) -> float:
    pairs = list(zip(truth.tolist(), predicted.tolist(), strict=True))
    right = pairs.count((True, True))
    wrong = pairs.count((False, True)) + pairs.count((True, False))
    return 2 * right / (2 * right + wrong) if right else 0.0


def test_scores_by_hand() -> None:
    scores = classification.score(TRUTH, PROBABILITIES, HALF)
    # Label 0: found in images 0 and 2, is in 0 and 1. Label 1: found in 0 and 1, is in 1 and 2.
    assert_allclose(scores.precision, [1 / 2, 1 / 2, 0])
    assert_allclose(scores.recall, [1 / 2, 1 / 2, 0])
    assert_allclose(scores.f1, [1 / 2, 1 / 2, 0])
    assert scores.support.tolist() == [2, 2, 0]
    # The third label is wrongly found once: in micro alone.
    assert scores.micro_precision == pytest.approx(2 / 5)
    assert scores.micro_recall == pytest.approx(2 / 4)
    assert scores.micro_f1 == pytest.approx(4 / 9)
    assert scores.macro_precision == scores.macro_recall == scores.macro_f1 == pytest.approx(1 / 2)
    assert scores.best_precision == 0.5
    # Label 0, falling: right, wrong, right, so (1 + 2/3) / 2; label 1: right, wrong, right.
    assert scores.mean_average_precision == pytest.approx(5 / 6)


def test_harmonic_mean_is_of_the_macro_means_and_not_macro_f1() -> None:
    # Label 0: precision 1, recall 1/4. Label 1: precision 1/4, recall 1.
    truth = np.array([[1, 1], [1, 0], [1, 0], [1, 0]], bool)
    values = np.array([[1, 1], [0, 1], [0, 1], [0, 1]], float)
    scores = classification.score(truth, values, [0.5, 0.5])
    assert scores.macro_f1 == pytest.approx(0.4)
    assert scores.harmonic_f1 == pytest.approx(0.625)
    assert scores.best_precision == 1


@given(answers())
@settings(deadline=None)
@pytest.mark.slow
def test_scores_are_those_counted_one_by_one(given_: tuple[np.ndarray, np.ndarray]) -> None:
    truth, values = given_
    predicted = values >= 0.5
    got = classification.score(truth, values, np.full(truth.shape[1], 0.5))
    columns = list(zip(truth.T, predicted.T, strict=True))
    assert_allclose(got.f1, [_slow_f1(*column) for column in columns])
    assert got.micro_f1 == pytest.approx(_slow_f1(truth.ravel(), predicted.ravel()))
    present = [_slow_f1(*column) for column in columns if column[0].any()]
    assert got.macro_f1 == pytest.approx(np.mean(present) if present else 0.0)


@given(answers())
@settings(deadline=None)
@pytest.mark.slow
def test_no_threshold_is_better_than_the_best(given_: tuple[np.ndarray, np.ndarray]) -> None:
    truth, values = given_
    thresholds = classification.best_thresholds(truth, values)
    for label, threshold in enumerate(thresholds):
        every = [_slow_f1(truth[:, label], values[:, label] >= level) for level in values[:, label]]
        got = _slow_f1(truth[:, label], values[:, label] >= threshold)
        assert got == (max(every) if truth[:, label].any() else got)
        assert 0 <= threshold <= 1


def test_thresholds_are_midway_and_a_half_without_images() -> None:
    truth = np.array([[1, 0], [1, 0], [0, 0]], bool)
    values = np.array([[0.9, 0.9], [0.3, 0.1], [0.2, 0.2]])
    assert_allclose(classification.best_thresholds(truth, values), [0.25, 0.5])


def test_threshold_between_neighbouring_floats_parts_them() -> None:
    low = 0.25
    high = np.nextafter(low, 1)
    values = np.array([[low], [high]])
    threshold = classification.best_thresholds([[False], [True]], values)
    assert (values >= threshold).ravel().tolist() == [False, True]


def test_average_precision_golden_values() -> None:
    # The example of scikit-learn's documentation: 0.83.
    truth = np.array([[0], [0], [1], [1]], bool)
    values = np.array([[0.1], [0.4], [0.35], [0.8]])
    assert_allclose(classification.average_precision(truth, values), [0.5 * 1 + 0.5 * 2 / 3])
    # Equal probabilities stand together: no order among them is a merit.
    assert_allclose(classification.average_precision(truth, np.full((4, 1), 0.5)), [0.5])
    assert np.isnan(classification.average_precision(np.zeros((4, 1), bool), values)).all()


@given(answers())
@settings(deadline=None)
@pytest.mark.slow
def test_average_precision_is_the_sum_over_levels(given_: tuple[np.ndarray, np.ndarray]) -> None:
    truth, values = given_
    got = classification.average_precision(truth, values)
    for label in range(truth.shape[1]):
        wanted, before = 0.0, 0.0
        positives = truth[:, label].sum()
        for level in sorted(set(values[:, label]), reverse=True):
            predicted = values[:, label] >= level
            recall = truth[predicted, label].sum() / positives if positives else np.nan
            wanted += (recall - before) * truth[predicted, label].mean()
            before = recall
        assert_allclose(got[label], wanted)


@given(answers(), st.integers(0, 2**31))
@settings(deadline=None)
@pytest.mark.slow
def test_order_of_images_does_not_matter(given_: tuple[np.ndarray, np.ndarray], seed: int) -> None:
    truth, values = given_
    order = np.random.default_rng(seed).permutation(len(truth))
    for function in (classification.best_thresholds, classification.average_precision):
        assert_allclose(function(truth, values), function(truth[order], values[order]))


def test_float32_probabilities_keep_their_side() -> None:
    values = np.random.default_rng(0).random((200, 1)).astype(np.float32)
    truth = values > np.median(values)
    scores = classification.score(truth, values, classification.best_thresholds(truth, values))
    assert scores.micro_f1 == 1


def test_counts_add_up_over_images() -> None:
    predicted = classification.decide(PROBABILITIES, HALF)
    halves = [
        classification.count(TRUTH[part], predicted[part]) for part in (slice(2), slice(2, 4))
    ]
    assert_allclose(sum(halves), classification.count(TRUTH, predicted))
    stacked = classification.average(np.stack(halves))
    assert_allclose(stacked[:, 0], classification.average(halves[0]))


@pytest.mark.parametrize(
    ("truth", "values", "thresholds", "sentence"),
    [
        (TRUTH, PROBABILITIES[:3], HALF, "got 4x3 and 3x3"),
        (TRUTH[:0], PROBABILITIES[:0], HALF, "not empty"),
        (TRUTH, np.where(TRUTH, np.nan, 0.5), HALF, "from 0 to 1, got nan"),
        (TRUTH, PROBABILITIES + 1, HALF, "from 0 to 1, got 1.9"),
        (TRUTH, PROBABILITIES, HALF[:2], "each of the 3 labels, got 2"),
    ],
)
def test_wrong_inputs_are_one_sentence(
    truth: np.ndarray, values: np.ndarray, thresholds: np.ndarray, sentence: str
) -> None:
    with pytest.raises(DataError, match=sentence):
        classification.score(truth, values, thresholds)
