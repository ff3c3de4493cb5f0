import csv

import numpy as np
import pytest

from unsmear.errors import DataError
from unsmear.metrics.bootstrap import Interval
from unsmear.recovery.analysis.results import conclude
from unsmear.recovery.collect.answers import Predictions
from unsmear.recovery.output import tables
from unsmear.recovery.output.csv_files import sections, write_all


@pytest.fixture(scope="module")
def results(side_by_side, draw_labels, as_answers):
    blurs, lengths = ["motion 10 px", "motion 6 px", "defocus 6 px"] * 50, [10.0, 6.0, 6.0] * 50
    aligned = side_by_side(*draw_labels(), np.arange(150) // 2, blurs, lengths)
    generator = np.random.default_rng(0)
    numbers = {name: generator.uniform(1, 2, 150) for name in aligned.restorers}
    return conclude(as_answers(aligned, lambda at, name: {"area": float(numbers[name][at])}))


def _read(path):
    with path.open() as file:
        return list(csv.DictReader(file))


def test_sharp_and_blurred_are_the_first_rows_of_every_table(results):
    lines = results.lines
    for table in (
        tables.main_table(lines),
        tables.recovery_table(lines),
        tables.change_table(lines),
        tables.agreement_table(results.agreements),
        tables.calibration_table(results.calibrations),
    ):
        assert [row[0] for row in table[1:]] == ["sharp", "blurred", "half"]
    assert tables.labels_table(lines, results.aligned.labels)[0][2:4] == ["sharp", "blurred"]
    assert [row[1] for row in tables.measures_table(results.measures)[1:3]] == ["sharp", "blurred"]


def test_the_first_table_is_what_was_measured_in_its_unit(results):
    (title, table), *_ = sections(results)
    assert title.startswith("Means in the unit of each measure")
    assert table[0] == ["measure", "unit", "sharp", "blurred", "half"]
    sharp, _, half = (row for row in results.measures if row.measure == "area")
    assert table[1][:3] == ["area", "-", f"{sharp.mean:.4g}"]
    assert table[1][4] == f"{half.mean:.4g} ({half.bias.value:+.3g})"
    assert half.mean - sharp.mean == pytest.approx(half.bias.value)


def test_every_table_is_a_rectangle_of_text(results):
    tables = sections(results)
    assert len({title for title, _ in tables}) == len(tables)
    for _, table in tables:
        assert len({len(row) for row in table}) == 1
        assert all(isinstance(cell, str) and cell for row in table for cell in row)


def test_recovery_in_the_table_is_that_of_the_scores_in_it(results):
    rows = {row[0]: row for row in tables.recovery_table(results.lines)[1:]}
    micro = {name: float(row[1].split(" ")[0]) for name, row in rows.items()}
    wanted = 100 * (micro["half"] - micro["blurred"]) / (micro["sharp"] - micro["blurred"])
    assert float(rows["half"][4].split(" ")[0]) == pytest.approx(wanted, abs=1)
    assert rows["sharp"][4:] == rows["blurred"][4:] == ["-"] * 3


def test_csv_files_hold_the_numbers(results, tmp_path):
    written = write_all(tmp_path, results)
    assert {path.name for path in written} == {path.name for path in tmp_path.iterdir()}
    rows = _read(tmp_path / "recovery.csv")
    key = {"kind": "all", "restorer": "half", "number": "macro_f1_recovery"}
    (row,) = [row for row in rows if key.items() <= row.items()]
    line = next(line for line in results.overall if line.restorer == "half")
    share = line.recovery["macro_f1"].share
    got = [float(row[name]) for name in ("value", "value_low", "value_high")]
    assert got == pytest.approx([share.value, share.low, share.high], rel=1e-5)
    labels = _read(tmp_path / "labels.csv")
    assert len(labels) == 3 * 5
    assert labels[0]["label"] == "A"
    assert int(labels[0]["support"]) == results.aligned.truth[:, 0].sum()
    compared = _read(tmp_path / "comparisons.csv")
    assert len(compared) == 3 * 3
    for name in ("p_bootstrap", "p_exchange", "p_adjusted"):
        wanted = getattr(results.comparisons[1], name)["micro_f1"]
        assert float(compared[3][name]) == pytest.approx(wanted, rel=1e-5)
    assert len(_read(tmp_path / "calibration.csv")) == 3 * 10
    assert {row["measure"] for row in _read(tmp_path / "measures.csv")} == {"area"}


def test_the_same_answers_make_the_same_files(results, tmp_path):
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        write_all(tmp_path / name, results)
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "other" / path.name).read_bytes()


def test_lengths_are_shown_where_they_are_no_blurs_names(
    results, side_by_side, drawn_labels, as_answers
):
    titles = [title for title, _ in sections(results)]
    assert "micro F1 by length, in %" in titles
    blurs, lengths = ["motion 10 px", "motion 6 px"] * 75, [10.0, 6.0] * 75
    same = conclude(
        as_answers(side_by_side(*drawn_labels, blurs=blurs, lengths=lengths)), resamples=20
    )
    titles = [title for title, _ in sections(same)]
    assert "micro F1 by blur, in %" in titles
    assert "micro F1 by length, in %" not in titles


def test_without_a_classifier_only_measures_are_written(results, as_answers, tmp_path):
    answers = as_answers(results.aligned, lambda at, name: {"n": float(at)})
    bare = Predictions(
        rows=tuple(
            row.__class__(**{**vars(row), "probabilities": (), "labels": ()})
            for row in answers.rows
        )
    )
    only = conclude(bare)
    assert only.aligned is None
    assert {path.name for path in write_all(tmp_path, only)} == {"measures.csv", "recovery.md"}


def test_without_a_restorer_sharp_and_blurred_still_have_their_tables(
    side_by_side, drawn_labels, as_answers, tmp_path
):
    truth, probabilities = drawn_labels
    del probabilities["half"]
    two = conclude(as_answers(side_by_side(truth, probabilities)))
    assert two.best == ""
    write_all(tmp_path, two)
    assert len(tables.main_table(two.lines)) == 3


def test_notes_say_what_the_numbers_do_not(side_by_side, drawn_labels, as_answers):
    truth, probabilities = drawn_labels
    truth[:, 2] = False
    notes = conclude(as_answers(side_by_side(truth, probabilities, np.arange(150) % 8))).notes
    assert notes == (
        "There are 8 groups of images: the intervals are too narrow.",
        "No image has C: macro means are without.",
    )
    truth[:] = False
    results = conclude(as_answers(side_by_side(truth, probabilities, np.zeros(150))))
    assert results.notes == (
        "There is 1 group of images: no interval.",
        "No image has a true label: only agreement with sharp says something.",
    )
    cells = [cell for row in tables.recovery_table(results.lines) for cell in row[4:]]
    assert set(cells[3:]) == {"-"}


def test_no_answers_are_one_sentence():
    with pytest.raises(DataError, match="must hold labels or measures"):
        conclude(Predictions())


@pytest.mark.parametrize(
    ("interval", "text"),
    [
        (Interval(0.8321, 0.81, 0.851), "83.2 [81.0, 85.1]"),
        (Interval(-0.0001, -1.0, float("inf")), "0.0 [-100.0, ∞]"),
        (Interval(0.5), "50.0"),
        (Interval(float("nan")), "-"),
    ],
)
def test_intervals_in_words(interval, text):
    assert tables.span(interval) == text


def test_chances_in_words():
    assert [tables.chance(p) for p in (0.0312, 1.0, 1e-9, float("nan"))] == [
        "0.031",
        "1",
        "< 0.0001",
        "-",
    ]
