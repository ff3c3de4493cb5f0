from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy import stats

from unsmear.metrics import classification as metric
from unsmear.recovery.analysis import paired_tests as tests
from unsmear.recovery.analysis.paired_tests import compare, holm, mcnemar, sign_flip
from unsmear.recovery.analysis.summary import F1S


def test_difference_and_decisions_are_counted(side_by_side, drawn_labels):
    truth, probabilities = drawn_labels
    both = compare(side_by_side(truth, probabilities), [("half", "blurred")])[0]
    right = {name: (values >= 0.5) == truth for name, values in probabilities.items()}
    assert both.only_one == (right["half"] & ~right["blurred"]).sum()
    assert both.only_other == (right["blurred"] & ~right["half"]).sum()
    f1 = [
        metric.score(truth, probabilities[name], np.full(5, 0.5)).macro_f1
        for name in ("half", "blurred")
    ]
    assert both.difference["macro_f1"].value == pytest.approx(f1[0] - f1[1])
    assert both.difference["macro_f1"].above
    for name in F1S:
        assert both.p_exchange[name] < 0.01
        assert both.p_bootstrap[name] < 0.01
    assert both.p_decisions < 0.01


def test_all_pairs_in_both_directions_mirror(side_by_side, drawn_labels):
    aligned = side_by_side(*drawn_labels)
    pairs = [(first.one, first.other) for first in compare(aligned, resamples=50)]
    assert pairs == [("sharp", "blurred"), ("sharp", "half"), ("blurred", "half")]
    first, second = compare(aligned, [("sharp", "half"), ("half", "sharp")], resamples=200)
    for name in F1S:
        assert first.difference[name].value == pytest.approx(-second.difference[name].value)
        assert first.p_exchange[name] == second.p_exchange[name]
    assert first.p_decisions == pytest.approx(second.p_decisions)


def test_a_restorer_does_not_differ_from_itself(side_by_side, drawn_labels):
    truth, probabilities = drawn_labels
    aligned = side_by_side(truth, {**probabilities, "again": probabilities["half"]})
    both = compare(aligned, [("half", "again")])[0]
    assert both.p_mcnemar == both.p_decisions == 1
    assert set(both.p_exchange.values()) == set(both.p_bootstrap.values()) == {1.0}


def test_few_groups_are_exchanged_in_every_way(side_by_side, drawn_labels):
    truth, probabilities = drawn_labels
    groups = np.arange(150) % 6
    first, second = (values >= 0.5 for values in (probabilities["half"], probabilities["sharp"]))
    differences = []
    for exchanged in product([False, True], repeat=6):
        swap = np.array(exchanged)[groups][:, None]
        both = (np.where(swap, second, first), np.where(swap, first, second))
        f1 = [metric.average(metric.count(truth, predicted))[5] for predicted in both]
        differences.append(abs(f1[0] - f1[1]))
    wanted = np.mean(np.array(differences) >= differences[0] - 1e-12)
    both = compare(side_by_side(truth, probabilities, groups), [("half", "sharp")])[0]
    assert both.p_exchange["macro_f1"] == wanted
    assert len(tests.draw_exchanges(6, 0)) == 64


@pytest.mark.slow
def test_exchanges_find_nothing_about_as_often_as_they_say(side_by_side):
    generator = np.random.default_rng(1)
    rejected = 0
    for seed in range(120):
        truth = generator.random((40, 3)) < 0.4
        values = {
            name: 0.6 * truth + 0.6 * generator.random((40, 3)) for name in ("sharp", "blurred")
        }
        values = {name: np.minimum(probability, 1) for name, probability in values.items()}
        both = compare(side_by_side(truth, values), seed=seed, resamples=200)[0]
        rejected += both.p_exchange["macro_f1"] <= 0.05
    assert 0 < rejected <= 14


def test_blurs_of_one_image_fool_mcnemar_and_not_the_groups(side_by_side, drawn_labels):
    truth, probabilities = drawn_labels
    truth = truth[:30]
    probabilities = {name: values[:30] for name, values in probabilities.items()}
    once = compare(side_by_side(truth, probabilities), [("half", "blurred")])[0]
    truth = np.tile(truth, (5, 1))
    probabilities = {name: np.tile(values, (5, 1)) for name, values in probabilities.items()}
    groups = np.tile(np.arange(30), 5)
    five = compare(side_by_side(truth, probabilities, groups), [("half", "blurred")])[0]
    assert five.p_decisions == pytest.approx(once.p_decisions)
    assert five.p_mcnemar < once.p_mcnemar**2
    for name in F1S:
        assert five.p_exchange[name] == pytest.approx(once.p_exchange[name], abs=0.01)


def test_the_smallest_p_is_that_of_the_real_answers_among_all(side_by_side, drawn_labels):
    truth, probabilities = drawn_labels
    aligned = side_by_side(truth, {**probabilities, "perfect": truth, "wrong": ~truth})
    both = compare(aligned, [("perfect", "wrong")], exchanges=99)[0]
    assert both.p_exchange["micro_f1"] == pytest.approx(1 / 100)


def test_a_single_group_is_not_tested(side_by_side, drawn_labels):
    both = compare(side_by_side(*drawn_labels, groups=np.zeros(150)), [("half", "sharp")])[0]
    numbers = [both.p_decisions, *both.p_exchange.values(), *both.p_bootstrap.values()]
    assert np.isnan([*numbers, *both.p_adjusted.values()]).all()
    assert both.difference["macro_f1"].low is None


@given(st.lists(st.integers(-4, 4), min_size=2, max_size=8))
def test_sign_flips_are_those_of_scipy(differences):
    wanted = stats.permutation_test(
        (np.array(differences),), np.sum, permutation_type="samples", n_resamples=np.inf
    ).pvalue
    assert sign_flip(np.array(differences)) == pytest.approx(wanted)


@given(st.integers(0, 40), st.integers(0, 40))
def test_single_decisions_flip_as_in_mcnemar(one, other):
    signs = np.array([1] * one + [-1] * other, int)
    assert sign_flip(signs) == pytest.approx(mcnemar(one, other))


def test_mcnemar_by_hand():
    assert mcnemar(0, 5) == pytest.approx(2 / 32)
    assert mcnemar(1, 5) == pytest.approx(2 * 7 / 64)


def test_holm_by_hand():
    # Two of three known at 0.01 and 0.03: 0.03 is 3 x 0.01, 0.06 is 2 x 0.03, and none falls below.
    got = holm([0.03, float("nan"), 0.01, 0.04])
    assert_allclose(got, [0.06, np.nan, 0.03, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
