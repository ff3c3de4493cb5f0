from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from unsmear.errors import DataError
from unsmear.recovery.analysis.measures import Values, align_values, compare_values
from unsmear.recovery.collect.answers import Prediction, Predictions


def _values(sharp, blurred, restored, groups=None):
    by_restorer = {"sharp": sharp, "blurred": blurred, "restored": restored}
    groups = range(len(sharp)) if groups is None else groups
    return Values(
        "area",
        {name: np.asarray(values, float) for name, values in by_restorer.items()},
        tuple(map(str, groups)),
        ("motion 6 px", "motion 10 px") * (len(sharp) // 2) + ("motion 6 px",) * (len(sharp) % 2),
    )


def _compare(*given_, **options):
    return {agreeing.restorer: agreeing for agreeing in compare_values(_values(*given_), **options)}


def test_by_hand():
    compared = _compare([1, 2, 3, 4], [2, 1, 4, 3], [1, 2, 3, 5])
    restored = compared["restored"]
    assert restored.error.value == pytest.approx(0.25)
    assert restored.bias.value == pytest.approx(0.25)
    assert restored.relative_bias == pytest.approx(0.1)
    assert restored.relative_error == 0
    assert restored.recovered.value == pytest.approx(1 - 0.25 / 1)
    assert compared["blurred"].relative_error == pytest.approx((1 / 2 + 1 / 3) / 2)
    assert compared["blurred"].recovered is None
    assert compared["sharp"].correlation.value == pytest.approx(1)
    assert compared["sharp"].error.value == 0


@pytest.mark.slow
@given(st.integers(0, 9999), st.integers(3, 40), st.floats(-1e6, 1e6), st.floats(1e-3, 1e3))
def test_correlation_is_scipys_on_any_scale(seed, count, offset, scale):
    x, y = np.random.default_rng(seed).normal(size=(2, count))
    restored = _compare(offset + scale * x, x, offset + scale * (x + y))["restored"]
    wanted = stats.pearsonr(x, x + y).statistic
    assert restored.correlation.value == pytest.approx(wanted, abs=1e-5)
    assert -1 <= restored.correlation.low <= restored.correlation.high <= 1


def test_interval_of_the_correlation_is_near_scipys():
    x, y = np.random.default_rng(0).normal(size=(2, 100))
    restored = _compare(x, x, x + y, None)["restored"].correlation
    wanted = stats.pearsonr(x, x + y).confidence_interval()
    assert [restored.low, restored.high] == pytest.approx([wanted.low, wanted.high], abs=0.04)


def test_cells_of_one_image_are_no_further_evidence():
    x, y, z = np.random.default_rng(0).normal(size=(3, 30))
    once = _compare(x, x + y, x + z / 2)["restored"]
    cells = [np.tile(values, 4) for values in (x, x + y, x + z / 2)]
    many = _compare(*cells, np.tile(np.arange(30), 4))["restored"]
    for name in ("correlation", "bias", "error", "recovered"):
        wanted, got = getattr(once, name), getattr(many, name)
        assert [got.low, got.high] == pytest.approx([wanted.low, wanted.high])


def test_an_erased_channel_shows():
    x, y = np.random.default_rng(0).uniform(1, 2, size=(2, 50))
    restored = _compare(x, x + 0.1 * y, 0 * x)["restored"]
    assert restored.correlation is None
    assert restored.relative_bias == pytest.approx(-1)
    assert restored.relative_error == pytest.approx(1)
    assert restored.recovered.high < 0


def test_what_is_constant_but_for_rounding_has_no_correlation():
    x = np.arange(50.0)
    restored = _compare(x, x + 1, 5 + np.spacing(5.0) * (x > 25))["restored"]
    assert restored.correlation is None


def test_what_cannot_be_measured_is_counted_and_not_forgiven():
    nan = float("nan")
    compared = _compare([1, 2, 3, nan, 5], [2, 3, 4, 5, nan], [1, nan, nan, 4, 5])
    restored = compared["restored"]
    assert (restored.count, restored.missing) == (2, 2)
    assert (compared["blurred"].count, compared["blurred"].missing) == (3, 1)
    none = _compare([1, 2, 3], [1, 2, 4], [nan, nan, np.inf])["restored"]
    assert (none.count, none.missing, none.error) == (0, 3, None)


def test_structure_painted_where_sharp_has_none():
    compared = _compare([0, 0, 0, 1], [0, 0, 0, 1], [2, 2, 2, 1])
    assert compared["restored"].relative_error == np.inf
    assert compared["restored"].recovered is None
    assert compared["restored"].error.value == 1.5
    assert compared["blurred"].relative_error == 0


def _answers(*by_case):
    rows = [
        Prediction(case, case, name, measures=measures)
        for case, by_name in enumerate(by_case)
        for name, measures in by_name.items()
    ]
    return Predictions(rows=tuple(replace(row, case=f"c{row.case}", group="g") for row in rows))


def test_values_of_images_and_cells_are_joined_case_by_case():
    answers = _answers(
        {"sharp": {"n": 2.0, "i": [1.0, 2.0]}, "blurred": {"n": 1.0, "i": [1.5, 2.5]}},
        {"sharp": {"n": 3.0, "i": [4.0]}, "blurred": {"i": [4.5]}},
        {"sharp": {"n": 9.0, "i": []}, "blurred": {"n": 8.0, "i": []}},
    )
    (count, intensity), problems = align_values(answers)
    assert problems == []
    assert count.by_restorer["sharp"].tolist() == [2, 3, 9]
    np.testing.assert_array_equal(count.by_restorer["blurred"], [1, np.nan, 8])
    assert intensity.by_restorer["blurred"].tolist() == [1.5, 2.5, 4.5]
    assert intensity.groups == ("g",) * 3


def test_each_blur_has_its_own_numbers():
    x, y, z = np.random.default_rng(0).normal(size=(3, 40))
    y[1::2] *= 4
    mild, strong = _values(x, x + y, x + z).by_blur()
    assert (mild.subset, strong.subset) == ("motion 6 px", "motion 10 px")
    compared = {agreeing.restorer: agreeing for agreeing in compare_values(strong)}
    alone = {
        agreeing.restorer: agreeing
        for agreeing in compare_values(_values(x[1::2], (x + y)[1::2], x[1::2]))
    }
    assert compared["blurred"].count == 20
    assert compared["blurred"].subset == "motion 10 px"
    assert compared["blurred"].error.value == pytest.approx(alone["blurred"].error.value)
    assert compared["blurred"].correlation.value == pytest.approx(
        alone["blurred"].correlation.value
    )
    assert _values(x[:1], x[:1], x[:1]).by_blur() == []


def test_a_failed_restorer_is_left_out_with_a_sentence():
    both = {"sharp": {"n": 2.0}, "blurred": {"n": 1.0}}
    values, problems = align_values(_answers({**both, "r": {"n": 2.0}}, both))
    assert values[0].by_restorer["sharp"].tolist() == [2]
    assert problems[0].startswith("r has no prediction for 1 of 2 images")


def test_wrong_values_are_one_sentence():
    with pytest.raises(DataError, match="c0: i must be 2 numbers as of the sharp image, got 1 of"):
        align_values(_answers({"sharp": {"i": [1.0, 2.0]}, "blurred": {"i": [1.0]}}))
    with pytest.raises(DataError, match="an image of sharp, blurred and every restorer"):
        align_values(_answers({"blurred": {"i": [1.0]}}))
