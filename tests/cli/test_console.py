"""Results are printed as lines, as JSON objects, or not at all."""

import io
import json
import os
import subprocess
import sys

import numpy as np
import pytest

from tests.found import find_everywhere
from unsmear import images
from unsmear.batches import layout
from unsmear.cli import console
from unsmear.cli.jobs import progress
from unsmear.estimate import Estimate
from unsmear.images import Image

UNSURE = Estimate(0.0, confidence=0.42)


@pytest.fixture
def source(tmp_path):
    """Return a folder with two images and a broken one."""
    random = np.random.default_rng(0)
    for number in range(2):
        counts = random.integers(0, 250, (48, 64), np.uint8)
        images.write(tmp_path / "in" / f"{number:02}.png", Image(counts, "YX"))
    (tmp_path / "in" / "broken.png").write_bytes(b"broken")
    return tmp_path / "in"


def objects(text):
    return [json.loads(line) for line in text.splitlines()]


def test_json_is_what_the_record_says_and_a_summary(source, tmp_path, unsmear):
    words = ("--method", "wiener", "--length", 5, "--angle", 20, "--json")
    done = unsmear("restore", source, "-o", tmp_path / "out", *words)
    assert done.code == 1
    *entries, summary, place = objects(done.out)
    recorded = objects(layout.results(tmp_path / "out").read_text())
    for entry, line in zip(entries, recorded, strict=False):
        assert entry == {**line, "session": 0}
    assert [entry["action"] for entry in entries] == ["restored", "restored", "failed"]
    assert summary["counts"] == {"restored": 2, "failed": 1}
    assert place["table"] == str(layout.table(tmp_path / "out"))
    assert "broken.png: " in done.err


def test_a_single_image_without_a_record_has_the_same_object(source, tmp_path, unsmear):
    words = ("--method", "wiener", "--length", 5, "--angle", 20, "--json")
    (found,) = objects(unsmear("restore", source / "00.png", "-o", tmp_path / "out", *words).out)
    assert (found["image"], found["action"]) == ("00", "restored")
    assert found["outputs"] == [str(tmp_path / "out" / "00.png")]


def test_an_image_of_which_it_is_unsure_is_one_object_too(source, unsmear, monkeypatch):
    find_everywhere(monkeypatch, UNSURE)
    (found,) = objects(unsmear("estimate", source / "00.png", "--json").out)
    assert (found["kind"], found["unsure"], found["confidence"]) == ("none", True, 0.42)


def test_quiet_leaves_errors_alone(source, tmp_path, unsmear):
    done = unsmear("estimate", source, "--quiet")
    assert (done.code, done.out) == (1, "")
    assert "broken.png: " in done.err
    assert unsmear("cite", "--quiet").out == ""


def test_an_error_of_a_command_is_an_object_too(tmp_path, unsmear):
    done = unsmear("status", tmp_path, "--json")
    (found,) = objects(done.out)
    assert (done.code, found["code"]) == (1, 1)
    assert done.err == f"unsmear: {found['error']}\n"


@pytest.mark.slow
def test_an_error_that_no_program_reads_is_still_a_sentence(tmp_path):
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "unsmear", "status", tmp_path, "--json"]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writing)
    assert done.returncode == 1
    assert done.stderr.startswith("unsmear: ")
    assert len(done.stderr.splitlines()) == 1


def test_the_next_command_prints_lines_again(tmp_path, unsmear):
    unsmear("status", tmp_path, "--json")
    assert unsmear("cite").out.startswith("The Unsmear developers.")


def test_a_table_is_an_object_a_row(capsys):
    with console.printing("json"):
        console.show_table("Scores", [["method", "dB"], ["wiener", "33.1"]])
        console.show_table("Scores", [["dB"], ["inf"]], [{"psnr": float("inf"), "n": np.int64(2)}])
    assert objects(capsys.readouterr().out) == [
        {"table": "Scores", "method": "wiener", "dB": "33.1"},
        {"table": "Scores", "psnr": None, "n": 2},
    ]


def test_unsure_is_an_outcome_of_its_own(source, tmp_path, unsmear, monkeypatch):
    find_everywhere(monkeypatch, UNSURE)
    (source / "broken.png").unlink()
    done = unsmear("restore", source, "-o", tmp_path / "out", "--method", "wiener")
    sentence = "unsure whether anything moved (confidence 0.42 that nothing did), left unchanged"
    assert done.out.count(sentence) == 2
    *_, summary, what_to_do, place = done.out.splitlines()
    assert summary == "0 restored, 2 unsure, 0 failed."
    assert "Look at it; where you know the movement, give it" in what_to_do
    assert str(layout.page(tmp_path / "out")) in place
    told = unsmear("status", tmp_path / "out").out
    assert "2 of 2 files done: 2 unsure." in told
    assert "unsure:\n  00: unsure whether" in told
    rows = layout.table(tmp_path / "out").read_text().splitlines()
    assert [row.split(",")[2] for row in rows] == ["action", "unsure", "unsure"]
    assert "Look at it; where you know" in layout.page(tmp_path / "out").read_text()
    estimated = unsmear("estimate", source)
    assert estimated.out.splitlines()[-2] == "0 estimated, 2 unsure, 0 failed."


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    """Return the clock by which progress is told."""
    clock = Clock()
    monkeypatch.setattr(progress.time, "monotonic", clock)
    monkeypatch.setattr(progress, "FIRST", 10.0)
    return clock


def test_where_no_terminal_is_lines_say_how_far_it_is(capsys, clock):
    with progress.bar() as bar:
        bar.get_time = clock
        task = bar.add_task("restored", total=100)
        for clock.now in range(0, 100, 5):
            bar.advance(task)
    assert capsys.readouterr().err.splitlines() == [
        "restored 3 of 100, about 8 min left.",
        "restored 9 of 100, about 8 min left.",
        "restored 15 of 100, about 7 min left.",
    ]


def test_what_is_done_of_one_large_image_is_said(capsys, clock, monkeypatch):
    monkeypatch.setattr(progress, "PAUSE", 10.0)

    def work(_):
        for plane in range(60):
            clock.now = 1.0 * plane
            progress.within(plane + 1, 60)

    assert list(progress.map_with_progress(work, ["a.nd2"], description="restored")) == [None]
    said = capsys.readouterr().err.splitlines()
    assert said[0].startswith("restored 0 of 1 and 18% of the next")
    assert len(said) == 5
    progress.within(1, 2)  # nobody is told any more
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("form", ["quiet", "json"])
def test_nobody_who_reads_no_lines_of_progress(form, capsys, clock):
    with console.printing(form), progress.bar() as bar:
        task = bar.add_task("restored", total=2)
        clock.now = 100.0
        bar.advance(task)
    assert capsys.readouterr().err == ""


def test_a_full_disk_loses_the_line_and_says_so(capsys, monkeypatch):
    class Full(io.StringIO):
        def write(self, _):
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(sys, "stdout", Full())
    assert not console.say("a line")
    assert "stdout cannot be written (No space left on device)." in capsys.readouterr().err
