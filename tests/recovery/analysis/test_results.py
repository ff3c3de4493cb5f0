"""What the results say in sentences of measures, and of labels in few groups."""

import numpy as np

from unsmear.metrics.bootstrap import Interval
from unsmear.recovery.analysis.measures import Agreeing
from unsmear.recovery.analysis.results import RARE, conclude, name_farther


def agreeing(high, error):
    recovered = Interval(high - 0.2, high - 0.4, high)
    return Agreeing("mean green", "ours", 9, 0, relative_error=error, recovered=recovered)


def test_a_restorer_that_is_surely_farther_from_sharp_is_named():
    (sentence,) = name_farther([agreeing(-0.1, 0.05)])
    assert sentence == "ours is farther from sharp than the blurred images in mean green."


def test_chance_and_what_nobody_would_notice_are_no_warning():
    assert not name_farther([agreeing(0.1, 0.05), agreeing(-0.1, 0.001)])


def test_labels_in_few_groups_are_told(side_by_side, as_answers):
    generator = np.random.default_rng(0)
    truth = np.zeros((60, 2), bool)
    truth[:, 0] = generator.random(60) < 0.5
    truth[: RARE - 1, 1] = True
    shares = {name: np.where(truth, 0.9, 0.1) for name in ("sharp", "blurred", "ours")}
    notes = conclude(as_answers(side_by_side(truth, shares)), resamples=50).notes
    assert any(f"fewer than {RARE} groups of images: B ({RARE - 1})." in note for note in notes)
