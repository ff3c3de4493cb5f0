"""Agreement between classifiers, and the order of restorers by each, on made-up predictions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from unsmear.errors import DataError
from unsmear.recovery.analysis.classifiers import agree, rank, tau

ANSWERS = {
    # Decisions of three classifiers on five images of one label, by restorer.
    "sharp": ([1, 1, 0, 0, 1], [1, 1, 0, 0, 1], [1, 1, 0, 0, 1]),
    "blurred": ([1, 1, 0, 0, 1], [1, 0, 0, 0, 1], [1, 0, 1, 0, 0]),
}
TRUTH = np.array([[1], [1], [0], [0], [1]], bool)


@pytest.fixture
def three(side_by_side):
    return {
        name: side_by_side(
            TRUTH,
            {
                restorer: np.array(answers[at], float)[:, None]
                for restorer, answers in ANSWERS.items()
            },
        )
        for at, name in enumerate(("a", "b", "c"))
    }


def found(kappas, classifiers, restorer, label="all"):
    key = (classifiers, restorer, label)
    (kappa,) = [k for k in kappas if (k.classifiers, k.restorer, k.label) == key]
    return kappa


def test_cohen_by_hand(three):
    kappas = agree(three)
    assert [k.classifiers for k in kappas[::4]] == [
        ("a", "b", "c"),
        ("a", "b"),
        ("a", "c"),
        ("b", "c"),
    ]
    kappa = found(kappas, ("a", "b"), "blurred")
    assert kappa.alike.value == 0.8
    chance = 0.6 * 0.4 + 0.4 * 0.6
    assert kappa.kappa.value == pytest.approx((0.8 - chance) / (1 - chance))
    assert found(kappas, ("a", "b"), "blurred", "A").kappa == kappa.kappa
    assert found(kappas, ("a", "b"), "sharp").kappa.value == 1


def test_fleiss_by_hand(three):
    """Votes of 3, 1, 1, 0 and 2 of three: shares of equal pairs of 1, 1/3, 1/3, 1 and 1/3."""
    kappa = found(agree(three), ("a", "b", "c"), "blurred")
    alike, positive = 3 / 5, 7 / 15
    assert kappa.alike.value == pytest.approx(alike)
    chance = positive**2 + (1 - positive) ** 2
    assert kappa.kappa.value == pytest.approx((alike - chance) / (1 - chance))


def test_classifiers_that_always_say_the_same_have_no_kappa(side_by_side):
    none = {"sharp": np.zeros((4, 1)), "blurred": np.zeros((4, 1))}
    two = {name: side_by_side(np.ones((4, 1)), none) for name in "ab"}
    kappa = found(agree(two), ("a", "b"), "sharp")
    assert kappa.kappa is None
    assert kappa.alike.value == 1


def test_independent_classifiers_agree_by_chance(side_by_side):
    """Alike in most decisions, because labels are rare; kappa is not fooled."""
    generator = np.random.default_rng(0)
    names = ("a", "b", "c")
    random = {
        name: side_by_side(
            np.ones((600, 3)),
            {restorer: generator.random((600, 3)) < 0.1 for restorer in ("sharp", "blurred")},
        )
        for name in names
    }
    kappas = agree(random)
    for classifiers in (names, ("a", "b")):
        kappa = found(kappas, classifiers, "sharp")
        assert kappa.alike.value > 0.75
        assert kappa.kappa.low < 0 < kappa.kappa.high
        assert abs(kappa.kappa.value) < 0.08


def test_intervals_are_over_groups(three, side_by_side):
    one_group = {
        name: side_by_side(TRUTH, aligned.probabilities, groups=[0] * 5)
        for name, aligned in three.items()
    }
    kappa = found(agree(one_group), ("a", "b"), "blurred")
    assert kappa.kappa.low is None
    assert kappa.kappa.value == found(agree(three), ("a", "b"), "blurred").kappa.value


@given(st.integers(0, 9999))
def test_tau_is_scipys(seed):
    first, second = np.random.default_rng(seed).integers(0, 4, (2, 6)).astype(float)
    wanted = stats.kendalltau(first, second).statistic
    np.testing.assert_allclose(tau(first, second), wanted, atol=1e-12)


def noisy(truth, shares, seed):
    """Return decisions by restorer, each wrong in this share of the images."""
    generator = np.random.default_rng(seed)
    return {
        name: np.where(generator.random(truth.shape) < share, 1 - truth, truth)
        for name, share in shares.items()
    }


@pytest.fixture
def ordered(side_by_side):
    """Return three classifiers, of which the last puts "good" below "poor"."""
    truth = (np.random.default_rng(5).random((300, 4)) < 0.4).astype(float)
    shares = {"sharp": 0.02, "blurred": 0.4, "good": 0.05, "poor": 0.25}
    turned = {**shares, "good": 0.25, "poor": 0.05}
    return {
        name: side_by_side(truth, noisy(truth, wrong, seed))
        for seed, (name, wrong) in enumerate([("a", shares), ("b", shares), ("c", turned)])
    }


def test_the_order_of_the_restorers(ordered):
    by_pair = {(r.one, r.other): r for r in rank(ordered) if r.average == "macro_f1"}
    same, other = by_pair["a", "b"], by_pair["a", "c"]
    assert same.tau.value == 1
    assert same.tau.low == 1  # the differences are large
    assert (same.same_best, same.reversed_pairs) == (1, ())
    assert other.tau.value == pytest.approx(1 / 3)  # of three pairs, one is the other way round
    assert other.same_best == 0
    assert other.reversed_pairs == (("good", "poor"),)
    assert {r.average for r in rank(ordered)} == {"micro_f1", "macro_f1", "harmonic_f1"}


def test_draws_without_an_order_widen_the_interval_to_its_bounds(side_by_side):
    """One image differs between the restorers: a third of the draws miss it."""
    truth = np.ones((6, 1))
    worse = np.ones((6, 1))
    worse[0] = 0
    answers = {"sharp": truth, "blurred": worse, "r": truth}
    two = {name: side_by_side(truth, answers) for name in "ab"}
    ranking = rank(two)[0]
    assert (ranking.tau.value, ranking.tau.low, ranking.tau.high) == (1, -1, 1)


def test_equal_scores_have_no_order(side_by_side):
    truth = np.array([[1.0], [0.0], [1.0]])
    two = {n: side_by_side(truth, {"sharp": truth, "blurred": truth, "r": truth}) for n in "ab"}
    assert {ranking.tau for ranking in rank(two)} == {None}


def test_classifiers_must_have_seen_the_same(three, side_by_side):
    with pytest.raises(DataError, match="must be two or more, got 1"):
        agree({"a": three["a"]})
    fewer = side_by_side(TRUTH[:4], {n: p[:4] for n, p in three["a"].probabilities.items()})
    with pytest.raises(DataError, match="predicted the same cases, got others of a and b"):
        rank({"a": three["a"], "b": fewer})
    more = side_by_side(TRUTH, {**three["a"].probabilities, "more": TRUTH})
    with pytest.raises(DataError, match="predicted the same restorers"):
        agree({"a": three["a"], "b": more})
