"""Where the record of a batch lies."""

import os
from pathlib import Path

import pytest

from unsmear.batches import layout


def test_the_record_lies_beside_the_output_folder(tmp_path):
    for output in (tmp_path / "out", tmp_path / "new" / "out"):
        assert layout.record(output) == output.with_name("out.unsmear-run")
    assert layout.is_record("out.unsmear-run")


def test_a_record_that_lies_in_the_output_folder_stays_there(tmp_path):
    inside = tmp_path / "out" / "unsmear-run"
    inside.mkdir(parents=True)
    assert layout.record(tmp_path / "out") == inside
    assert layout.is_record("unsmear-run")


@pytest.mark.parametrize("output", [".", "..", "/"])
def test_a_folder_without_a_name_holds_its_record(output):
    assert layout.record(Path(output)) == Path(output, "unsmear-run")


def test_where_nothing_can_be_written_beside_it_the_record_lies_in_it(tmp_path, monkeypatch):
    output = tmp_path / "out"
    output.mkdir()
    monkeypatch.setattr(os, "access", lambda path, _: path != tmp_path)
    assert layout.record(output) == output / "unsmear-run"


def test_a_folder_that_begins_a_disk_holds_its_record():
    disks = [path for path in map(Path, ("/proc", "/dev/shm", "/sys")) if path.is_mount()]
    if not disks:
        pytest.skip("nothing is mounted here")
    for disk in disks:
        assert layout.record(disk) == disk / "unsmear-run"
