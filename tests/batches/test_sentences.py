"""How far a batch is, in sentences."""

import pytest

from unsmear.batches import layout, sentences, status, writer
from unsmear.batches.entry import Entry, counted
from unsmear.batches.record import Session
from unsmear.batches.sentences import duration


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.4, "0 s"),
        (99, "99 s"),
        (720, "12 min"),
        (12_000, "3 h 20 min"),
        (190_800, "2 d 5 h"),
    ],
)
def test_durations_are_read_at_a_glance(seconds, words):
    assert duration(seconds) == words


def test_failures_name_their_image_once_and_are_not_listed_for_ever(tmp_path):
    with writer.holding(tmp_path):
        run = writer.begin(tmp_path, None, Session("restore", {}, files=20))
        run.add([Entry("d/a", "failed", "d/a.tif: broken."), Entry("b", "failed", "no memory.")])
        run.add([Entry(f"{n:02}", "failed", f"{n:02}.tif: broken.") for n in range(10)])
        lines = sentences.of(status.read(tmp_path))
    assert lines[0].startswith(f"{tmp_path}: restore, running since ")
    assert lines[1] == "12 of 20 files done: 12 failed."
    assert lines[3:6] == ["failed:", "  d/a.tif: broken.", "  b: no memory."]
    assert "  and 2 more (--json lists all)" in lines
    layout.lease(tmp_path).unlink(missing_ok=True)
    assert "stopped: not running" in sentences.of(status.read(tmp_path))[0]


def test_counts_have_one_order_whatever_came_first():
    counts = {"failed": 1, "unsure": 2, "left unchanged": 3, "already there": 4, "restored": 0}
    assert counted(counts) == ("0 restored, 3 left unchanged, 2 unsure, 4 already there, 1 failed")
