"""`unsmear stream` as a user calls it: whatever happens, a sentence, a marked frame or a resume."""

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from tests.streaming.scanned import SPEED, plan, write
from unsmear import atomic, images
from unsmear.batches import layout, record
from unsmear.cli.jobs.stream.results import Gap
from unsmear.images import Image, note
from unsmear.streaming import checking
from unsmear.streaming.checking import Check
from unsmear.streaming.ring import FrameRing

COUNT = 5
COMMON = ("--speed", SPEED, "--method", "wiener", "--check-every", 0)
NOW = ("--idle", 0, "--patience", 0.2)


@pytest.fixture(scope="module")
def strip(tmp_path_factory):
    """Return the folder of the blurred frames, and that of the sharp ones."""
    scan = plan(tmp_path_factory.mktemp("strip"), COUNT, 48)
    write(scan)
    return scan.folder / "blur", scan.folder / "sharp"


@pytest.fixture
def frames(strip, tmp_path):
    """Return a copy of the folder of the blurred frames."""
    shutil.copytree(strip[0], tmp_path / "in")
    return tmp_path / "in"


def name(number):
    return f"frame-{number:06d}.ome.tif"


def actions(output):
    return {image: entry.action for image, entry in record.read(output).entries.items()}


def content(folder):
    return {path.name: path.read_bytes() for path in folder.glob("*.tif")}


@pytest.fixture(scope="module")
def whole(strip, tmp_path_factory):
    """Return the results of a run that nothing happened to."""
    output = tmp_path_factory.mktemp("whole") / "out"
    words = ["stream", str(strip[0]), "-o", str(output), *map(str, (*COMMON, *NOW))]
    done = subprocess.run([sys.executable, "-m", "unsmear", *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return output


def test_frames_are_restored_and_keep_what_they_say(whole, strip):
    for number in range(COUNT):
        restored, blurred, sharp = (
            images.read(folder / name(number)) for folder in (whole, *strip)
        )
        assert restored.timing == blurred.timing
        assert restored.pixel_size == blurred.pixel_size
        truth = sharp.pixels.astype(float)
        assert np.std(restored.pixels - truth) < 0.8 * np.std(blurred.pixels - truth)
        assert note.commands(whole / name(number)) == {"synth", "stream"}


def test_the_record_and_the_figures_are_written(whole, unsmear):
    assert actions(whole) == {name(n): "restored" for n in range(COUNT)}
    summary = json.loads((layout.record(whole) / "stream.json").read_text())
    assert summary["frames"] == COUNT
    assert 0 < summary["p50"] <= summary["p99"] <= summary["longest"]
    entry = record.read(whole).entries[name(2)]
    assert entry.found[0]["borders"] == 2
    assert entry.found[0]["latency"] > 0
    assert layout.page(whole).exists()
    done = unsmear("status", whole)
    assert f"{COUNT} files done: {COUNT} restored." in done.out


@pytest.mark.slow
def test_a_folder_that_is_written_out_of_order_by_a_slow_camera(unsmear, strip, whole, tmp_path):
    there = tmp_path / "in"
    there.mkdir()

    def camera():
        for number in (0, 2, 1, 4, 3):
            time.sleep(0.1)
            aside = there / ".new.tif"
            shutil.copy(strip[0] / name(number), aside)
            aside.rename(there / name(number))

    thread = threading.Thread(target=camera)
    thread.start()
    done = unsmear("--json", "stream", there, "-o", tmp_path / "out", *COMMON, "--count", COUNT)
    thread.join()
    assert done.code == 0, done.err
    lines = [json.loads(line) for line in done.out.splitlines()]
    assert [line["image"] for line in lines if "image" in line] == [name(n) for n in range(COUNT)]
    assert any(line.get("frames") == COUNT for line in lines)
    assert content(tmp_path / "out") == content(whole)


def test_a_damaged_frame_and_one_that_is_missing_are_marked(unsmear, frames, tmp_path):
    (frames / name(1)).write_bytes((frames / name(1)).read_bytes()[:300])
    (frames / name(3)).unlink()
    done = unsmear("stream", frames, "-o", tmp_path / "out", *COMMON, *NOW)
    assert done.code == 1
    found = actions(tmp_path / "out")
    assert found == {
        name(0): "restored", name(1): "failed", name(2): "restored",
        "frame 3": "failed", name(4): "restored",
    }  # fmt: skip
    assert f"{name(1)}: " in done.err
    assert "frame 3 did not come within 0.2 s of a later one" in done.err
    assert "4 frames: 3 restored, 1 failed." in done.out
    assert "1 frames did not come." in done.out


def test_frames_that_come_later_are_no_failure_any_more(unsmear, frames, whole, tmp_path):
    (frames / name(2)).rename(tmp_path / name(2))
    words = ("stream", frames, "-o", tmp_path / "out", *COMMON, *NOW)
    assert unsmear(*words).code == 1
    (tmp_path / name(2)).rename(frames / name(2))
    done = unsmear(*words, "--resume")
    assert (done.code, done.err) == (0, "")
    found = actions(tmp_path / "out")
    assert found.pop("frame 2") == "came later"
    assert found == {name(n): "restored" for n in range(COUNT)}
    assert content(tmp_path / "out").keys() == content(whole).keys()


def test_a_stage_that_stops_ends_in_a_sentence_and_goes_on(unsmear, frames, whole, tmp_path):
    kept = tmp_path / "later"
    kept.mkdir()
    for number in (3, 4):
        (frames / name(number)).rename(kept / name(number))
    words = ("stream", frames, "-o", tmp_path / "out", *COMMON, "--count", COUNT)
    done = unsmear(*words, "--idle", 0.2)
    assert done.code == 1
    assert "no frame came for 0.2 s, after 3 of 5: the stage may have stopped" in done.err
    for number in (3, 4):
        (kept / name(number)).rename(frames / name(number))
    done = unsmear(*words, "--idle", 0.2, "--resume")
    assert (done.code, done.err) == (0, "")
    assert "2 frames: 2 restored." in done.out
    assert len(actions(tmp_path / "out")) == COUNT
    # Only the border between the two calls has no neighbour.
    again, before = content(tmp_path / "out"), content(whole)
    assert all(again[name(n)] == before[name(n)] for n in (0, 1, 4))


def test_a_run_that_has_ended_has_nothing_left_to_resume(unsmear, frames, tmp_path):
    words = ("stream", frames, "-o", tmp_path / "out", *COMMON, *NOW)
    assert unsmear(*words).code == 0
    before = content(tmp_path / "out")
    done = unsmear(*words, "--resume")
    assert (done.code, done.err) == (0, "")
    assert "0 frames: 0 restored." in done.out
    assert content(tmp_path / "out") == before


def test_a_stage_that_stands_still_leaves_its_frames(unsmear, frames, tmp_path):
    shutil.copy(frames / name(4), frames / name(5))
    done = unsmear("stream", frames, "-o", tmp_path / "out", *COMMON, *NOW)
    assert done.code == 0, done.err
    assert "the stage has not moved since the frame before, left unchanged" in done.out
    assert (tmp_path / "out" / name(5)).read_bytes() == (frames / name(5)).read_bytes()


def test_a_full_disk_ends_in_a_sentence_and_goes_on(unsmear, frames, whole, tmp_path, monkeypatch):
    replace = atomic.Path.replace
    full = {name(2)}

    def fails(self, target):
        if str(target).endswith(tuple(full)):
            raise OSError(errno.ENOSPC, "No space left on device")
        return replace(self, target)

    monkeypatch.setattr(atomic.Path, "replace", fails)
    words = ("stream", frames, "-o", tmp_path / "out", *COMMON, *NOW)
    done = unsmear(*words)
    assert done.code == 1
    assert f"the disk is full; the frames before {name(2)} are written. Make room" in done.err
    assert sorted(content(tmp_path / "out")) == [name(0), name(1)]
    assert not list((tmp_path / "out").glob(".*.part"))
    full.clear()
    done = unsmear(*words, "--resume")
    assert done.code == 0, done.err
    assert "3 frames: 3 restored." in done.out
    assert sorted(content(tmp_path / "out")) == sorted(content(whole))


@pytest.mark.slow
def test_a_run_that_is_killed_goes_on(unsmear, frames, whole, tmp_path):
    output = tmp_path / "out"
    words = ["stream", str(frames), "-o", str(output), *map(str, COMMON), "--idle", "60"]
    nowhere = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    run = subprocess.Popen([sys.executable, "-m", "unsmear", *words], **nowhere)
    until = time.monotonic() + 60
    while not (output / name(2)).exists() and time.monotonic() < until:
        time.sleep(0.01)
    run.send_signal(signal.SIGKILL)
    run.wait()
    done = unsmear("stream", frames, "-o", output, *COMMON, *NOW, "--resume")
    assert done.code == 0, done.err
    assert sorted(content(output)) == sorted(content(whole))
    assert set(actions(output).values()) == {"restored"}


@pytest.mark.slow
def test_what_is_late_is_passed_through_and_marked(unsmear, frames, tmp_path):
    output = tmp_path / "out"
    late = ("--budget", 0.001, "--when-late", "pass", "--rate", 1000)
    done = unsmear("stream", frames, "-o", output, *COMMON, *NOW, *late)
    assert done.code == 0, done.err
    found = actions(output)
    assert list(found) == [name(n) for n in range(COUNT)]
    passed = [image for image, action in found.items() if action == "passed through"]
    assert len(passed) >= 3
    for image in passed:
        result = images.read(output / image)
        assert np.array_equal(result.pixels, images.read(frames / image).pixels)
        assert "passed_through" in result.metadata["tiff"]["ome"]["Description"]
    assert f"{COUNT} over the budget" in done.out


def test_a_wrong_speed_is_said_and_recorded(unsmear, frames, tmp_path, monkeypatch):
    def found(image, name, at, motion):
        return Check(name, at, motion.length, 0.0, "linear motion of 9.0 px", 0.5, 1.0, 0.02)

    monkeypatch.setattr(checking, "check", found)
    words = ("--speed", SPEED, "--method", "wiener", "--check-every", 1, *NOW)
    done = unsmear("stream", frames, "-o", tmp_path / "out", *words)
    assert done.code == 0, done.err
    sentence = "the stage should move 6.0 px at 0 degrees; the frame shows linear motion of 9.0 px"
    assert f"{name(0)}: {sentence}: +50.0 % in speed." in done.err
    assert "checks showed the motion: +50.0 % in speed, +1.0 degrees" in done.out
    summary = json.loads((layout.record(tmp_path / "out") / "stream.json").read_text())
    assert summary["speed_error"] == 0.5
    assert summary["checks"][0]["frame"] == name(0)
    entries = record.read(tmp_path / "out").entries.values()
    assert [check for entry in entries for check in entry.found[0]["checks"]]


def test_frames_through_shared_memory(unsmear, strip, tmp_path):
    with FrameRing.create((48, 48), np.uint16, pixel_size=0.2, exposure=0.01) as ring:
        for number in range(3):
            image = images.read(strip[0] / name(number))
            ring.put(image.pixels, place=image.timing.place)
        ring.end()
        done = unsmear("stream", f"shm:{ring.name}", "-o", tmp_path / "out", *COMMON)
        assert (done.code, done.err) == (0, "")
    first = images.read(tmp_path / "out/frame-000000.ome.tif")
    assert first.pixel_size == pytest.approx((0.2, 0.2))
    assert len(content(tmp_path / "out")) == 3


def test_nobody_s_file_is_replaced(unsmear, frames, tmp_path):
    theirs = tmp_path / "out" / name(1)
    theirs.parent.mkdir()
    images.write(theirs, Image(np.ones((5, 5), np.uint8), "YX"))
    before = theirs.read_bytes()
    done = unsmear("stream", frames, "-o", tmp_path / "out", *COMMON, *NOW)
    assert done.code == 1
    assert "must have no other file of this name" in done.err
    assert theirs.read_bytes() == before
    assert unsmear("stream", frames, "-o", tmp_path / "out", *COMMON, *NOW, "--overwrite").code == 0


def test_a_run_is_resumed_with_the_options_that_it_was_begun_with(unsmear, frames, whole, tmp_path):
    out = tmp_path / "out"
    shutil.copytree(whole, out)
    shutil.copytree(layout.record(whole), layout.record(out))
    words = ("stream", frames, "-o", tmp_path / "out", "--resume", *NOW, "--method", "wiener")
    done = unsmear(*words, "--speed", 99)
    assert done.code == 1
    assert "--speed 120.0 (now 99.0)" in done.err


def test_a_dry_run_writes_nothing(unsmear, frames, tmp_path):
    done = unsmear("stream", frames, "-o", tmp_path / "out", *COMMON, "--dry-run")
    assert done.code == 0, done.err
    assert "unsmear-run/stream.json" in done.out
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["in", "--budget", "0"], "--budget must be above 0, got 0.0."),
        (["in", "--when-late", "pass"], "--when-late pass must come with --budget."),
        (["in", "--threads", "0"], "--threads must be 1 or more, got 0."),
        (["in", "--rate", "0"], "--rate must be above 0 frames a second, got 0.0."),
        (["in", "--count", "0"], "--count must be 1 or more frames, got 0."),
        (["in", "--idle", "-1"], "--idle must be 0 or more seconds, got -1.0."),
        (["in", "--flutter", "012"], "a code of an exposure must be"),
        (["in", "--method", "maxim-s3-reds"], "maxim-s3-reds"),
        (["none/there"], "frames must come from a folder, or from shm:NAME."),
        (["in/a.png"], "frames must come from a folder, or from shm:NAME."),
        (["out"], "the output must be another folder than that of the frames, out."),
        (["shm:none"], "none: there is no ring of this name in shared memory."),
        (["shm:none", "--resume"], "--resume is not available for shared memory"),
    ],
)
def test_bad_options_give_one_sentence(unsmear, tmp_path, monkeypatch, words, sentence):
    monkeypatch.chdir(tmp_path)
    images.write(tmp_path / "in/a.png", Image(np.zeros((20, 20), np.uint8), "YX"))
    (tmp_path / "out").mkdir()
    done = unsmear("stream", *words, "-o", "out", "--speed", 9)
    assert done.code == 1
    assert sentence in done.err
    assert done.err.count("\n") == 1
    assert not os.path.exists("out") or not os.listdir("out")


def test_a_gap_costs_no_memory_for_its_frames():
    """The number in a file's name may say that a trillion are missing."""
    wide, narrow = Gap(1, 10**12), Gap(3, 2)
    assert not wide.is_closed_by(5)
    assert [narrow.is_closed_by(number) for number in (None, 2, 3, 3, 5, 4)] == [False] * 5 + [True]
