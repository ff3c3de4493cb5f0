"""Restorers that do harm, as a classifier would see them, must show in every table."""

import numpy as np
import pytest

from unsmear.recovery.analysis.contrasts import find_above, find_below
from unsmear.recovery.analysis.results import conclude
from unsmear.recovery.output.csv_files import write_all


def _with(probabilities, label, value):
    changed = probabilities["sharp"].copy()
    changed[:, label] = value
    return changed


@pytest.fixture(scope="module")
def results(side_by_side, draw_labels, as_answers):
    """Return the results of an eraser and a painter of label B, of both in all, and of a copy."""
    truth, probabilities = draw_labels()
    harmful = {
        "eraser": _with(probabilities, 1, 0.0),
        "painter": _with(probabilities, 1, 1.0),
        "erases all": np.zeros(truth.shape),
        "paints all": np.ones(truth.shape),
        "copy": probabilities["sharp"],
    }
    blurs = ["motion 6 px", "motion 10 px"] * 75
    lengths = [6.0, 10.0] * 75
    aligned = side_by_side(truth, {**probabilities, **harmful}, np.arange(150) // 2, blurs, lengths)
    return conclude(as_answers(aligned), resamples=500)


def _line(results, name):
    return next(line for line in results.overall if line.restorer == name)


def test_a_restorer_that_erases_every_label_is_below_blurred(results):
    for share in (candidate.share for candidate in _line(results, "erases all").recovery.values()):
        assert share.value < 0
        assert share.high < 0
    below = next(candidate for candidate in results.below if candidate.restorer == "erases all")
    assert set(below.averages) == {"micro_f1", "macro_f1", "harmonic_f1"}
    assert all(candidate.below for candidate in below.averages.values())


def test_a_restorer_that_paints_every_label_is_above_sharp_in_recall_and_below_blurred(results):
    above = next(candidate for candidate in results.above if candidate.restorer == "paints all")
    assert set(above.averages) >= {"micro_recall", "macro_recall"}
    assert above.sure
    line = _line(results, "paints all")
    assert line.averages["micro_recall"].value == 1
    assert line.recovery["micro_f1"].share.high < 0
    assert line.recovery["macro_f1"].share.high < 0


def test_an_erased_label_is_named_though_the_means_hide_it(results):
    # Four labels of five are those of the sharp images.
    assert _line(results, "eraser").recovery["micro_f1"].share.value > 0
    below = next(candidate for candidate in results.below if candidate.restorer == "eraser")
    assert set(below.labels) == {"B"}
    agreement = next(
        candidate for candidate in results.agreements if candidate.restorer == "eraser"
    )
    found_on_sharp = (results.aligned.probabilities["sharp"][:, 1] >= 0.5).sum()
    assert agreement.lost.tolist() == [0, found_on_sharp, 0, 0, 0]
    assert agreement.gained.sum() == 0
    assert agreement.f1.high < 1


def test_a_painted_label_is_named_with_its_images(results):
    above = next(candidate for candidate in results.above if candidate.restorer == "painter")
    assert above.sure
    label = next(candidate for candidate in above.labels if candidate.label == "B")
    sharp = results.aligned.predicted["sharp"][:, 1]
    wrong = ~sharp & ~results.aligned.truth[:, 1]
    assert set(label.wrong) == {results.aligned.cases[at] for at in np.flatnonzero(wrong)}
    assert (
        "B"
        in next(candidate for candidate in results.below if candidate.restorer == "painter").labels
    )
    agreement = next(
        candidate for candidate in results.agreements if candidate.restorer == "painter"
    )
    assert agreement.gained.tolist() == [0, (~sharp).sum(), 0, 0, 0]
    assert agreement.lost.sum() == 0


def test_harm_is_significant_and_a_copy_of_sharp_is_not(results):
    pairs = {(comparison.one, comparison.other): comparison for comparison in results.comparisons}
    for name in ("eraser", "painter"):
        both = pairs[name, "copy"]
        assert both.difference["macro_f1"].below
        assert both.p_adjusted["macro_f1"] < 0.05
        assert both.p_decisions < 0.05
    assert pairs["sharp", "copy"].p_exchange["micro_f1"] == 1


def test_a_copy_of_sharp_recovers_all_and_raises_no_warning(results):
    for recovery in _line(results, "copy").recovery.values():
        assert (recovery.share.value, recovery.share.low, recovery.share.high) == pytest.approx(
            (1, 1, 1)
        )
    named = {recovery.restorer for recovery in (*results.above, *results.below)}
    assert {"copy", "half"}.isdisjoint(named)


def test_the_page_says_it_in_words(results, tmp_path):
    write_all(tmp_path, results)
    text = (tmp_path / "recovery.md").read_text()
    for sentence in (
        "- Warning: paints all is above the sharp images in micro recall +",
        "- Warning: painter is below the blurred images in F1 of B -",
        "- Warning: eraser is below the blurred images in F1 of B -",
        "- Warning: erases all is below the blurred images in micro F1".replace(" F1", " f1"),
    ):
        assert sentence in text
    assert "copy is" not in text


def test_a_rise_within_chance_is_said_to_be_one(side_by_side, drawn_labels):
    truth, probabilities = drawn_labels
    lucky = probabilities["sharp"].copy()
    missed = np.argwhere(truth & (lucky < 0.5))[0]
    lucky[*missed] = 0.9
    aligned = side_by_side(truth, {**probabilities, "lucky": lucky})
    above = next(candidate for candidate in find_above(aligned) if candidate.restorer == "lucky")
    assert not above.sure
    assert above.labels[0].right == (f"image {missed[0]}",)
    assert "lucky" not in {candidate.restorer for candidate in find_below(aligned)}


def test_single_labels_are_named_beyond_chance_alone(side_by_side, drawn_labels):
    truth, probabilities = drawn_labels
    changed = np.zeros(truth.shape)
    changed[:, 1] = truth[:, 1]  # all of B, and nothing else
    slightly = probabilities["blurred"].copy()
    right = np.argwhere(truth & (slightly >= 0.5))[0]
    slightly[*right] = 0.0
    aligned = side_by_side(truth, {**probabilities, "changed": changed, "slightly": slightly})
    above = next(candidate for candidate in find_above(aligned) if candidate.restorer == "changed")
    assert above.averages == {}
    assert [label.label for label in above.labels] == ["B"]
    below = {candidate.restorer: candidate for candidate in find_below(aligned)}
    assert set(below["slightly"].averages) == {"micro_f1", "macro_f1", "harmonic_f1"}
    assert below["slightly"].labels == {}
    assert not below["slightly"].sure
