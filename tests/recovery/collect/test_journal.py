"""Answers on disk: a run that was stopped goes on, one of other arguments is refused."""

import json
import math

import pytest

from unsmear.errors import DataError, OptionError
from unsmear.recovery.collect import journal
from unsmear.recovery.collect.answers import Prediction, Predictions, join

EMPTY = Predictions(("Nucleoli", "Cytosol"), (0.5, 0.25))
ASKED = {"manifest": "12ab", "classifier": "34cd", "methods": ["wiener"], "options": {"seed": 0}}


def answers_of(case, thresholds=()):
    return [
        Prediction(
            case,
            "g1",
            restorer,
            "motion 6 px",
            6.0,
            (1,),
            (0.125, number / 10),
            {"count": 12.0, "mean": [1.5, float("nan")]},
            thresholds,
        )
        for number, restorer in enumerate(("sharp", "blurred", "wiener"))
    ]


def without_nan(rows):
    text = [str(row) for row in rows]
    assert all("nan" in line for line in text)
    return text


def test_what_is_recorded_is_read_again(tmp_path):
    path = tmp_path / "answers.jsonl"
    assert journal.begin(path, EMPTY, ASKED) == EMPTY
    journal.record(path, answers_of("b"))
    journal.record(path, answers_of("a"))
    for loaded in (journal.load(path), journal.begin(path, EMPTY, ASKED)):
        assert (loaded.labels, loaded.thresholds) == (EMPTY.labels, EMPTY.thresholds)
        assert without_nan(loaded.rows) == without_nan([*answers_of("b"), *answers_of("a")])
        assert math.isnan(loaded.rows[0].measures["mean"][1])
        assert loaded.cases == ["a", "b"]
        assert loaded.restorers == ["sharp", "blurred", "wiener"]
        assert loaded.measures == ["count", "mean"]
    assert [row.case for row in journal.load(path).sorted().rows] == ["a"] * 3 + ["b"] * 3


def test_every_line_is_strict_json(tmp_path):
    path = tmp_path / "answers.jsonl"
    journal.begin(path, EMPTY, ASKED)
    journal.record(path, answers_of("a"))

    def refuse(constant):
        raise AssertionError(constant)

    lines = [json.loads(line, parse_constant=refuse) for line in path.read_text().splitlines()]
    assert len(lines) == 2


def test_a_line_that_a_kill_cut_short_is_dropped(tmp_path):
    path = tmp_path / "answers.jsonl"
    journal.begin(path, EMPTY, ASKED)
    journal.record(path, answers_of("a"))
    whole = path.read_bytes()
    path.write_bytes(whole + whole.splitlines()[1][:50])
    assert journal.begin(path, EMPTY, ASKED).cases == ["a"]
    assert path.read_bytes() == whole


def test_a_pair_that_was_recorded_twice_counts_once(tmp_path):
    path = tmp_path / "answers.jsonl"
    journal.begin(path, EMPTY, ASKED)
    for case in "abab":
        journal.record(path, answers_of(case))
    wanted = without_nan([*answers_of("a"), *answers_of("b")])
    assert without_nan(journal.load(path).rows) == wanted


def test_two_runs_do_not_record_at_once(tmp_path):
    path = tmp_path / "new" / "answers.jsonl"
    with journal.holding(path):
        refused = pytest.raises(OptionError, match="another run writes its results here")
        with refused, journal.holding(path):
            pass
        journal.begin(path, EMPTY, ASKED)
    with journal.holding(path):
        pass
    assert [one.name for one in path.parent.iterdir()] == [path.name]


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    refused = pytest.raises(DataError, match="file: no folder can be made")
    with refused, journal.holding(tmp_path / "file" / "answers.jsonl"):
        pass


def test_a_file_that_is_only_read_or_refused_stays_as_it_is(tmp_path):
    path = tmp_path / "answers.jsonl"
    journal.begin(path, EMPTY, ASKED)
    journal.record(path, answers_of("a"))
    cut = path.read_bytes() + b'{"case": "b"'
    path.write_bytes(cut)
    assert journal.load(path).cases == ["a"]
    with pytest.raises(DataError, match="same arguments"):
        journal.begin(path, EMPTY, ASKED | {"seed": "other"})
    assert path.read_bytes() == cut


@pytest.mark.parametrize("name", ASKED)
def test_other_arguments_are_refused_and_named(tmp_path, name):
    path = tmp_path / "answers.jsonl"
    journal.begin(path, EMPTY, ASKED)
    with pytest.raises(
        DataError, match=f"same arguments, got different {name}; choose another output"
    ):
        journal.begin(path, EMPTY, ASKED | {name: "other"})


def test_other_thresholds_are_refused(tmp_path):
    path = tmp_path / "answers.jsonl"
    journal.begin(path, EMPTY, ASKED)
    with pytest.raises(DataError, match="got different thresholds;"):
        journal.begin(path, Predictions(EMPTY.labels, (0.5, 0.5)), ASKED)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "the first line must hold the request"),
        ('{"case": 1}\n', "the first line must hold the request"),
        ("case,group\n", "line 1: the line is damaged"),
        ('{"asked": {}, "labels": [], "thresholds": []}\n{"case": 1}\n', "line 2: the line is da"),
        ('{"asked": 3, "labels": [], "thresholds": []}\n', "the first line must hold the request"),
        ('{"asked": {}, "labels": 3, "thresholds": []}\n', "line 1: the line is damaged"),
        ('{"asked": {}, "labels": [], "thresholds": ["x"]}\n', "line 1: the line is damaged"),
    ],
)
def test_other_files_are_refused(tmp_path, text, sentence):
    path = tmp_path / "answers.jsonl"
    path.write_text(text)
    with pytest.raises(DataError, match=sentence):
        journal.load(path)


@pytest.mark.parametrize(
    "more",
    [
        {"case": 3},
        {"length": "long"},
        {"length": float("nan")},
        {"labels": [2]},
        {"labels": ["a"]},
        {"thresholds": [0.5]},
        {"answers": {"sharp": {"probabilities": [0.5], "measures": {}}}},
        {"answers": {"sharp": {"probabilities": [0.5, "x"], "measures": {}}}},
        {"answers": {"sharp": {"probabilities": [], "measures": {"cells": [[1]]}}}},
    ],
)
def test_values_of_another_kind_are_damage(tmp_path, more):
    head = {"asked": {}, "labels": ["a", "b"], "thresholds": [0.5, 0.5]}
    line = {"case": "x", "group": "x", "blur": "x", "length": None, "labels": [1], "thresholds": []}
    line |= {"answers": {"sharp": {"probabilities": [0.25, 0.5], "measures": {"cells": 3}}}}
    path = tmp_path / "answers.jsonl"
    path.write_text(json.dumps(head) + "\n" + json.dumps(line) + "\n")
    assert journal.load(path).rows[0].probabilities == (0.25, 0.5)
    path.write_text(json.dumps(head) + "\n" + json.dumps(line | more) + "\n")
    with pytest.raises(DataError, match="line 2: the line is damaged"):
        journal.load(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"none\.jsonl: the journal cannot be read"):
        journal.load(tmp_path / "none.jsonl")


def test_all_answers_are_saved_by_case(tmp_path):
    answers = Predictions(("a", "b"), (0.5, 0.5), (*answers_of("b"), *answers_of("a")))
    journal.save(tmp_path / "all.jsonl", answers, ASKED)
    assert without_nan(journal.load(tmp_path / "all.jsonl").rows) == without_nan(
        answers.sorted().rows
    )


def test_folds_are_joined_and_keep_their_thresholds(tmp_path):
    first = Predictions(("a", "b"), (0.5, 0.5), tuple(answers_of("one")))
    second = Predictions(("a", "b"), (0.1, 0.2), tuple(answers_of("other")))
    both = join([first, second])
    assert {row.case: both.thresholds_of(row) for row in both.rows} == {
        "one": (0.5, 0.5),
        "other": (0.1, 0.2),
    }
    journal.save(tmp_path / "all.jsonl", both)
    assert journal.load(tmp_path / "all.jsonl").rows[-1].thresholds == (0.1, 0.2)
    assert join([]) == Predictions()


def test_folds_that_do_not_belong_together_are_refused():
    first = Predictions(("a", "b"), (0.5, 0.5), tuple(answers_of("one")))
    with pytest.raises(DataError, match=r"the same labels, a, b, got b, a\."):
        join([first, Predictions(("b", "a"), (0.5, 0.5))])
    with pytest.raises(DataError, match=r"^one: a pair must be in one part of the predictions"):
        join([first, first])
