from dataclasses import replace

import numpy as np
import pytest

from unsmear.errors import DataError
from unsmear.recovery.analysis.aligned import align
from unsmear.recovery.collect.answers import Predictions


def test_answers_come_back_side_by_side(side_by_side, drawn_labels, as_answers):
    wanted = side_by_side(*drawn_labels)
    answers = as_answers(wanted)
    mixed = np.random.default_rng(0).permutation(len(answers.rows))
    got, problems = align(replace(answers, rows=tuple(answers.rows[at] for at in mixed)))
    order = [wanted.cases.index(case) for case in got.cases]
    assert sorted(order) == list(range(len(wanted.cases)))
    assert got.restorers[:2] == ("sharp", "blurred")
    np.testing.assert_array_equal(got.truth, wanted.truth[order])
    for name in wanted.restorers:
        np.testing.assert_array_equal(got.probabilities[name], wanted.probabilities[name][order])
    assert problems == []


def test_an_image_without_an_answer_is_left_out_for_all(side_by_side, drawn_labels, as_answers):
    answers = as_answers(side_by_side(*drawn_labels))
    rows = [row for row in answers.rows if (row.case, row.restorer) != ("image 3", "half")]
    aligned, problems = align(replace(answers, rows=tuple(rows)))
    assert len(aligned.cases) == 149
    assert "image 3" not in aligned.cases
    assert problems == [
        "half has no prediction for 1 of 150 images, which are left out for all; "
        "the first is image 3."
    ]


def test_thresholds_are_those_of_the_classifier_that_answered(
    side_by_side, drawn_labels, as_answers
):
    answers = as_answers(side_by_side(*drawn_labels))
    rows = [
        replace(row, thresholds=(0.9,) * 5) if row.case == "image 0" else row
        for row in answers.rows
    ]
    aligned, _ = align(replace(answers, rows=tuple(rows)))
    own = [case == "image 0" for case in aligned.cases]
    assert (aligned.thresholds[own] == 0.9).all()
    assert (aligned.thresholds[np.logical_not(own)] == 0.5).all()
    np.testing.assert_array_equal(
        aligned.predicted["sharp"], aligned.probabilities["sharp"] >= aligned.thresholds
    )


def test_one_sharp_image_in_several_groups_is_said(side_by_side, drawn_labels, as_answers):
    truth, probabilities = drawn_labels
    probabilities["sharp"][1] = probabilities["sharp"][0]
    apart = align(as_answers(side_by_side(truth, probabilities)))[1]
    assert len(apart) == 1
    assert "2 groups hold a sharp image" in apart[0]
    together = side_by_side(truth, probabilities, groups=[0, 0, *range(2, 150)])
    assert align(as_answers(together))[1] == []


@pytest.mark.parametrize("missing", ["sharp", "blurred"])
def test_sharp_and_blurred_must_be_there(side_by_side, drawn_labels, as_answers, missing):
    answers = as_answers(side_by_side(*drawn_labels))
    rows = tuple(row for row in answers.rows if row.restorer != missing)
    with pytest.raises(DataError, match=f"those of the {missing} images, got none"):
        align(replace(answers, rows=rows))


def test_wrong_answers_are_one_sentence(side_by_side, drawn_labels, as_answers):
    answers = as_answers(side_by_side(*drawn_labels))
    first, *others = answers.rows
    with pytest.raises(DataError, match=r"image 0: labels must be .* 0 to 4, got 5"):
        align(replace(answers, rows=(replace(first, labels=(5,)), *others)))
    with pytest.raises(DataError, match="got 4 in one and 5 in another"):
        align(
            replace(answers, rows=(replace(first, probabilities=first.probabilities[:4]), *others))
        )
    with pytest.raises(DataError, match="No classifier was used"):
        align(Predictions(rows=(replace(first, probabilities=()),)))
