import numpy as np
import pytest

from unsmear.recovery.analysis.calibration import calibrate, collect


def test_bins_and_error_by_hand(side_by_side):
    truth = np.array([[0], [1], [1], [1]], bool)
    values = np.array([[0.1], [0.2], [0.7], [1.0]])
    calibration = calibrate(side_by_side(truth, {"sharp": values, "blurred": values}), bins=2)[0]
    low, high = calibration.bins
    assert (low.low, low.high, high.low, high.high) == (0, 0.5, 0.5, 1)
    assert (low.count, high.count) == (2, 2)
    assert (low.probability, low.share) == (pytest.approx(0.15), 0.5)
    assert (high.probability, high.share) == (pytest.approx(0.85), 1)
    assert calibration.error == pytest.approx((2 * 0.35 + 2 * 0.15) / 4)
    assert calibration.label_error == pytest.approx(calibration.error)
    assert calibration.brier == pytest.approx((0.01 + 0.64 + 0.09 + 0) / 4)


def test_errors_of_labels_do_not_cancel(side_by_side):
    # One label is too often held probable, the other as much too seldom.
    truth = np.column_stack([np.arange(100) < 10, np.arange(100) < 90])
    values = np.full(truth.shape, 0.5)
    calibration = calibrate(side_by_side(truth, {"sharp": values, "blurred": values}))[0]
    assert calibration.error == pytest.approx(0)
    assert calibration.label_error == pytest.approx(0.4)


def test_probabilities_that_mean_what_they_say_have_a_small_error(side_by_side):
    generator = np.random.default_rng(0)
    values = generator.random((4000, 3))
    truth = generator.random(values.shape) < values
    honest, sure = calibrate(side_by_side(truth, {"sharp": values, "blurred": values.round()}))
    assert honest.error < 0.02
    assert sure.error > 0.2
    assert honest.brier < sure.brier


def test_both_ends_and_every_edge_are_in_a_bin():
    values = np.linspace(0, 1, 11)
    bins = collect(values, values > 0.5)
    assert sum(bin_.count for bin_ in bins) == 11
    assert bins[-1].count == 2
    assert collect(np.array([0.95]), np.array([True]))[0].share is None
