"""The record of a batch is read whatever a kill or a disk left of it."""

import json
from datetime import UTC, datetime

import pytest

from unsmear.batches import at_work, layout, record, status, writer
from unsmear.batches.entry import Entry
from unsmear.batches.record import Session
from unsmear.errors import OptionError


def begun(tmp_path, **more):
    with writer.holding(tmp_path):
        return writer.begin(tmp_path, None, Session("restore", {"method": "wiener"}, **more))


def test_the_last_line_of_an_image_counts(tmp_path):
    run = begun(tmp_path, files=2)
    run.add([Entry("a", "failed", "a: broken"), Entry("b", "restored", at=2.0)])
    run.add([Entry("a", "restored", "a: done", at=3.0, found=({"length": 2.0},))])
    read = record.read(tmp_path)
    assert list(read.entries) == ["b", "a"]
    assert read.entries["a"].action == "restored"
    assert read.entries["a"].found == ({"length": 2.0},)
    assert read.ended is None
    run.end(0)
    assert record.read(tmp_path).ended == 0


@pytest.mark.parametrize(
    "line", [b"{", b"[]", b"3", b'{"image": "a"}', b'{"image": "a", "action": "restored"}', b"\xff"]
)
def test_damaged_lines_are_counted_and_their_images_not_done(tmp_path, line):
    run = begun(tmp_path, files=2)
    run.add([Entry("b", "restored")])
    with layout.results(tmp_path).open("ab") as file:
        file.write(line + b"\n")
    read = record.read(tmp_path)
    assert (list(read.entries), read.damaged) == (["b"], 1)


def test_an_incomplete_line_is_passed_over_by_readers_and_removed_by_the_writer(tmp_path):
    run = begun(tmp_path, files=2)
    run.add([Entry("b", "restored")])
    path = layout.results(tmp_path)
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"image": "c", "act')
    assert list(record.read(tmp_path).entries) == ["b"]
    assert path.read_bytes() != whole
    with writer.holding(tmp_path):
        writer.recovered(tmp_path)
    assert path.read_bytes() == whole


def test_a_damaged_file_of_options_is_one_sentence(tmp_path):
    begun(tmp_path)
    for text in (b"[[session", b"a = 1", b"\xff\xfe", b"[[session]]\nfiles = 3"):
        layout.asked(tmp_path).write_bytes(text)
        with pytest.raises(OptionError, match=r"run\.toml: the record is damaged"):
            record.read(tmp_path)


def test_rate_and_time_left_follow_from_the_last_call(tmp_path):
    before = Session("restore", {}, files=9, began=datetime.fromtimestamp(0, UTC))
    now = Session("restore", {}, files=10, there=4, began=datetime.fromtimestamp(100, UTC))
    entries = {
        name: Entry(name, "restored", at=at, session=session)
        for name, at, session in (("a", 50, 1), ("b", 102, 2), ("c", 104, 2))
    }
    found = status.of(record.Record(tmp_path, (before, now), entries), alive=False)
    assert (found.state, found.files, found.files_done) == ("stopped", 10, 6)
    assert found.images_per_second == pytest.approx(0.5)
    assert found.seconds_left is None
    running = status.of(record.Record(tmp_path, (before, now), entries), alive=True)
    assert running.state == "running"
    assert running.seconds_left == pytest.approx(2 / running.images_per_second * 2, rel=1e-3)


@pytest.mark.parametrize(
    "more",
    [
        {"image": 3},
        {"sentence": ["a"]},
        {"outputs": [1]},
        {"outputs": "abc", "warnings": 5},
        {"of": "2"},
        {"session": 1.5},
        {"at": 1e300},
        {"at": float("nan")},
        {"seconds": "long"},
        {"inputs": [["a", float("inf"), 2]]},
        {"found": [3]},
        {"found": [{"planes": 3}]},
        {"found": [{"kind": []}]},
        {"found": [{"confidence": "high"}]},
    ],
)
def test_lines_with_values_of_another_kind_are_damaged(tmp_path, more):
    run = begun(tmp_path, files=2)
    run.add([Entry("b", "restored")])
    line = {"image": "c", "action": "restored", "session": 1, **more}
    with layout.results(tmp_path).open("a") as file:
        file.write(json.dumps(line) + "\n")
    read = record.read(tmp_path)
    assert (list(read.entries), read.damaged) == (["b"], 1)


@pytest.mark.parametrize(
    "changed",
    [
        ("files = 2", "files = inf"),
        ("began = ", "began = 0001-01-01T00:00:00Z\nthen = "),
        ("began = ", "began = 3\nthen = "),
        ("[session.options]", "[session.environment]\ndefaults = 3\n[session.options]"),
    ],
)
def test_calls_with_values_of_another_kind_are_damaged(tmp_path, changed):
    begun(tmp_path, files=2)
    path = layout.asked(tmp_path)
    text = path.read_text()
    assert changed[0] in text
    path.write_text(text.replace(*changed, 1))
    with pytest.raises(OptionError, match=r"run\.toml: the record is damaged"):
        record.read(tmp_path)


def test_work_that_says_no_time_is_left_out(tmp_path):
    begun(tmp_path)
    layout.at_work(tmp_path).mkdir(exist_ok=True)
    for number, text in enumerate(('{"image": "a", "since": NaN}', '{"image": 3, "since": 1}')):
        (layout.at_work(tmp_path) / f"{number}.json").write_text(text)
    assert at_work.read(tmp_path) == []
