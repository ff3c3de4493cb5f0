from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from numpy.testing import assert_allclose

from unsmear.metrics import classification as metric
from unsmear.recovery.analysis import summary
from unsmear.recovery.analysis.summary import ALL, BLUR, F1S, LENGTH, recover, summarise


def _of(lines, restorer, subset=ALL):
    return next(line for line in lines if (line.restorer, line.subset) == (restorer, subset))


def test_recovery_is_the_share_of_the_gap(side_by_side, drawn_labels):
    lines = summarise(side_by_side(*drawn_labels))
    sharp, blurred, half = (_of(lines, name) for name in ("sharp", "blurred", "half"))
    for name in F1S:
        low, high, got = (line.averages[name].value for line in (blurred, sharp, half))
        share = half.recovery[name].share
        assert share.value == pytest.approx((got - low) / (high - low))
        assert 0 < share.low < share.value < share.high < 1
        assert half.gain[name].value == pytest.approx(got - low)
        assert half.loss[name].value == pytest.approx(high - got)
    assert sharp.recovery == blurred.recovery == {}


def test_lines_hold_the_scores_of_the_metric(side_by_side, drawn_labels):
    truth, probabilities = drawn_labels
    line = _of(summarise(side_by_side(truth, probabilities)), "half")
    wanted = metric.score(truth, probabilities["half"], np.full(5, 0.5))
    assert_allclose(line.scores.f1, wanted.f1)
    for name in metric.AVERAGES:
        assert line.averages[name].value == pytest.approx(getattr(wanted, name))


@pytest.mark.slow
def test_intervals_are_of_images_drawn_one_by_one(side_by_side, drawn_labels):
    truth, probabilities = drawn_labels
    groups = np.arange(150) // 3
    line = _of(summarise(side_by_side(truth, probabilities, groups), 5, 200), "half")
    generator = np.random.default_rng(5)
    # "10" comes before "2": the groups are numbered by name.
    names = sorted(set(map(str, groups)))
    f1, shares = [], []
    for times in generator.multinomial(50, np.full(50, 1 / 50), 200):
        images = np.repeat(np.arange(150), [times[names.index(str(group))] for group in groups])
        drawn = {
            name: metric.score(truth[images], probabilities[name][images], np.full(5, 0.5)).macro_f1
            for name in ("sharp", "blurred", "half")
        }
        f1.append(drawn["half"])
        gap = drawn["sharp"] - drawn["blurred"]
        shares.append((drawn["half"] - drawn["blurred"]) / gap)
    for interval, drawn in (
        (line.averages["macro_f1"], f1),
        (line.recovery["macro_f1"].share, shares),
    ):
        assert_allclose([interval.low, interval.high], np.sort(drawn)[[5, 194]])


@pytest.mark.slow
def test_blurs_of_one_image_are_no_further_evidence(side_by_side, drawn_labels):
    truth, probabilities = drawn_labels
    once = _of(summarise(side_by_side(truth, probabilities, np.arange(150))), "half")
    truth = np.tile(truth, (4, 1))
    probabilities = {name: np.tile(values, (4, 1)) for name, values in probabilities.items()}
    grouped = side_by_side(truth, probabilities, np.tile(np.arange(150), 4))
    apart = side_by_side(truth, probabilities)
    for name in F1S:
        wanted, single, repeated = (
            line.recovery[name].share
            for line in (once, _of(summarise(grouped), "half"), _of(summarise(apart), "half"))
        )
        assert_allclose([single.low, single.high], [wanted.low, wanted.high])
        assert repeated.high - repeated.low < 0.7 * (wanted.high - wanted.low)


def test_without_a_gap_there_is_no_recovery_but_harm_still_shows(side_by_side, drawn_labels):
    truth, probabilities = drawn_labels
    nothing = np.zeros(truth.shape)
    seen_as_sharp = {"sharp": probabilities["sharp"], "blurred": probabilities["sharp"]}
    aligned = side_by_side(truth, {**seen_as_sharp, "harm": nothing})
    line = _of(summarise(aligned), "harm")
    for name in F1S:
        assert line.recovery[name].share is None
        assert line.recovery[name].reason == summary.NO_GAP
        assert line.gain[name].below


def test_a_gap_within_chance_is_none():
    generator = np.random.default_rng(0)
    drawn = generator.normal([[0.71], [0.70], [0.72]], 0.02, (3, 1000))
    recovery = recover(np.array([0.71, 0.70, 0.72]), drawn)
    assert recovery.share is None
    assert recovery.gap.value == pytest.approx(0.02)
    assert recovery.gap.low < 0


def test_a_single_group_gives_no_recovery(side_by_side, drawn_labels):
    line = _of(summarise(side_by_side(*drawn_labels, groups=np.zeros(150))), "half")
    assert line.recovery["macro_f1"].share is None
    assert line.recovery["macro_f1"].reason == summary.ONE_GROUP
    assert line.averages["macro_f1"].low is None


def test_draws_without_a_gap_widen_the_recovery():
    drawn = np.array([[0.5] * 1000, [0.4] * 1000, np.linspace(0.45, 0.55, 1000)])
    plain = recover(np.array([0.5, 0.4, 0.5]), drawn).share
    drawn[2, 500:510] = 0.39  # the gap is there in 99 % of all draws
    wide = recover(np.array([0.5, 0.4, 0.5]), drawn).share
    assert wide.low < plain.low
    assert wide.high > plain.high
    assert np.isfinite([wide.low, wide.high]).all()


def test_a_further_restorer_changes_no_interval(side_by_side, drawn_labels):
    truth, probabilities = drawn_labels
    alone = _of(summarise(side_by_side(truth, probabilities)), "half")
    more = {**probabilities, "other": np.zeros(truth.shape)}
    assert _of(summarise(side_by_side(truth, more)), "half").averages == alone.averages


def test_every_case_keeps_the_thresholds_of_its_own_classifier(side_by_side, drawn_labels):
    aligned = side_by_side(*drawn_labels, blurs=["motion 10 px", "motion 6 px"] * 75)
    folds = np.random.default_rng(0).uniform(0.2, 0.8, (150, 5))
    for line in summarise(replace(aligned, thresholds=folds), resamples=20):
        for name in metric.AVERAGES:
            assert line.averages[name].value == pytest.approx(getattr(line.scores, name))


def test_subsets_by_blur_and_by_length(side_by_side, drawn_labels):
    blurs = ["motion 10 px", "motion 6 px", "defocus 3 px"] * 50
    lengths = [10.0, 6.0, np.nan] * 50
    lines = summarise(side_by_side(*drawn_labels, blurs=blurs, lengths=lengths), resamples=20)
    by_subset = {
        kind: list(dict.fromkeys(line.subset for line in lines if line.kind == kind))
        for kind in (ALL, BLUR, LENGTH)
    }
    assert by_subset[ALL] == ["all"]
    assert by_subset[BLUR] == ["defocus 3 px", "motion 6 px", "motion 10 px"]
    assert by_subset[LENGTH] == ["6 px", "10 px"]
    for line in lines:
        assert line.images == (150 if line.kind == ALL else 50)
    assert _of(lines, "half", "6 px").length == 6
    assert _of(lines, "half").length is None
    assert [line.restorer for line in lines[:3]] == ["sharp", "blurred", "half"]


def test_many_lengths_become_ranges_that_hold_every_image_once(side_by_side, drawn_labels):
    lengths = np.random.default_rng(0).uniform(3, 40, 150)
    lines = summarise(side_by_side(*drawn_labels, lengths=lengths), resamples=20)
    ranges = [line for line in lines if line.kind == LENGTH and line.restorer == "half"]
    assert len(ranges) == summary.BINS
    assert sum(line.images for line in ranges) == 150
    ends = [list(map(int, line.subset.removesuffix(" px").split(" to "))) for line in ranges]
    assert sorted(ends) == ends
    assert all(lower[1] < upper[0] for lower, upper in pairwise(ends))
    assert [line.length for line in ranges] == sorted(line.length for line in ranges)
