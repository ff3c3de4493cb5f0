import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy import stats

from unsmear.metrics import bootstrap
from unsmear.metrics.bootstrap import Interval


@given(st.lists(st.sampled_from("abcdef"), min_size=2, max_size=20), st.integers(0, 99))
@pytest.mark.slow
def test_draws_of_sums_are_those_of_images(groups, seed):
    index, count = bootstrap.index_groups(groups)
    values = np.random.default_rng(seed).normal(size=(len(groups), 2, 3))
    draws = bootstrap.draw(count, seed, 5)
    got = bootstrap.total(draws, bootstrap.sum_by_group(values, index, count))
    assert got.shape == (len(draws), 2, 3)
    for times, total in zip(draws, got, strict=True):
        assert times.sum() == count
        images = np.repeat(np.arange(len(groups)), times[index].astype(int))
        assert_allclose(total, values[images].sum(axis=0), atol=1e-9)


def test_interval_of_a_mean_is_scipys():
    values = np.random.default_rng(0).exponential(size=60)
    draws = bootstrap.draw(60, 0, 20_000)
    got = bootstrap.interval(values.mean(), bootstrap.total(draws, values[:, None])[:, 0] / 60)
    wanted = stats.bootstrap(
        (values,), np.mean, n_resamples=20_000, method="percentile", rng=1
    ).confidence_interval
    assert_allclose([got.low, got.high], wanted, atol=0.02)


@pytest.mark.slow
def test_interval_holds_the_truth_about_as_often_as_it_says():
    generator = np.random.default_rng(3)
    held = 0
    for seed in range(200):
        values = generator.normal(size=(50, 1))
        drawn = bootstrap.total(bootstrap.draw(50, seed, 400), values)[:, 0] / 50
        interval = bootstrap.interval(values.mean(), drawn)
        held += interval.low <= 0 <= interval.high
    assert 180 <= held <= 199


def test_a_single_group_has_no_interval():
    interval = bootstrap.interval(0.3, bootstrap.draw(1, 0)[:, 0])
    assert interval == Interval(0.3)
    assert not interval.above
    assert not interval.below
    assert np.isnan(bootstrap.p_value(np.zeros(0)))


def test_draws_that_are_no_number_only_widen():
    drawn = np.linspace(0, 1, 1000)
    whole = bootstrap.interval(0.5, drawn)
    some = bootstrap.interval(0.5, np.where(np.arange(1000) % 100 == 50, np.nan, drawn))
    many = bootstrap.interval(0.5, np.where(np.arange(1000) % 10 == 5, np.nan, drawn))
    assert some.low < whole.low < whole.high < some.high
    assert (many.low, many.high) == (-np.inf, np.inf)


@pytest.mark.parametrize(
    ("drawn", "p"),
    [(np.ones(999), 2 / 1000), (np.zeros(999), 1.0), ([-1.0] * 9 + [1.0] * 190, 20 / 200)],
)
def test_p_value(drawn, p):
    assert bootstrap.p_value(np.array(drawn)) == pytest.approx(p)
    assert bootstrap.p_value(-np.array(drawn)) == pytest.approx(p)


def test_the_ends_of_means_are_those_that_were_published():
    generator = np.random.default_rng(3)
    values = generator.normal(30, 4, (120, 2))
    groups = [f"g{number % 11}" for number in range(120)]
    got = bootstrap.mean_ends(values, groups, 4, 1000)
    wanted = [[29.25322233642525, 29.65636259505591], [30.4636375398432, 30.697286943702913]]
    np.testing.assert_allclose(got, wanted, rtol=1e-14)
    means = bootstrap.mean_intervals(values, groups, 4, 1000)
    assert [(mean.low, mean.high) for mean in means] == list(map(tuple, got.T.tolist()))
    values[3, 0] = np.inf
    assert bootstrap.mean_intervals(values, groups, 4, 1000)[0].value == np.inf
    assert bootstrap.mean_intervals(values, ["a"] * 120, 4, 1000)[1].low is None
