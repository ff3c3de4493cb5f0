"""Journals: what is whole is read, what a kill cut short is dropped, and nothing else changes."""

import pytest

from unsmear import journal
from unsmear.errors import DataError


def test_lines_are_added_to_the_byte(tmp_path):
    path = tmp_path / "journal.jsonl"
    journal.write(path, [{"a": 1, "b": [0.5, None]}])
    journal.append(path, [{"name": "é"}])
    assert path.read_bytes() == b'{"a": 1, "b": [0.5, null]}\n[{"name": "\\u00e9"}]\n'
    assert journal.read(path) == [b'{"a": 1, "b": [0.5, null]}', b'[{"name": "\\u00e9"}]']


@pytest.mark.parametrize("cut", [b'{"a"', b'{"a": 2}'])
def test_a_line_that_a_kill_cut_short_is_dropped(tmp_path, cut):
    path = tmp_path / "journal.jsonl"
    path.write_bytes(b'{"a": 1}\n' + cut)
    assert journal.read(path) == [b'{"a": 1}']
    assert path.read_bytes() == b'{"a": 1}\n'
    journal.append(path, {"a": 3})
    assert path.read_bytes() == b'{"a": 1}\n{"a": 3}\n'


def test_what_cannot_be_read_or_written_is_named(tmp_path):
    with pytest.raises(DataError, match=r"none\.jsonl: the journal cannot be read \(No such file"):
        journal.read(tmp_path / "none.jsonl")
    with pytest.raises(DataError, match=r": the journal cannot be written \(Is a directory\)\.$"):
        journal.append(tmp_path, {})
    with pytest.raises(ValueError, match="JSON"):
        journal.append(tmp_path / "journal.jsonl", float("nan"))
    assert not (tmp_path / "journal.jsonl").exists() or not journal.read(tmp_path / "journal.jsonl")
    error = journal.damaged(tmp_path / "a.jsonl", 7, KeyError("name"))
    assert str(error).endswith("a.jsonl line 7: the line is damaged ('name').")


def test_reading_beside_a_writer_changes_nothing(tmp_path):
    path = tmp_path / "journal.jsonl"
    journal.append_all(path, [{"a": 1}, {"a": 2}])
    with path.open("ab") as file:
        file.write(b'{"a"')
    before = path.read_bytes()
    assert journal.complete(path) == [b'{"a": 1}', b'{"a": 2}']
    assert path.read_bytes() == before
