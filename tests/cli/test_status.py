"""A batch keeps a record, from which `unsmear status` reads and `--resume` goes on."""

import contextlib
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest

from tests.found import find_everywhere
from unsmear import images
from unsmear.batches import at_work, layout, record, writer
from unsmear.errors import ImageError
from unsmear.estimate import Estimate
from unsmear.images import Image

WIENER = ("--method", "wiener", "--length", 5, "--angle", 20)


@pytest.fixture
def source(tmp_path):
    """Return a folder with three images."""
    return make(tmp_path / "in", 3)


def make(folder, count):
    random_ = np.random.default_rng(0)
    for number in range(count):
        counts = random_.integers(0, 250, (48, 64), np.uint8)
        images.write(folder / f"{number:02}.png", Image(counts, "YX"))
    return folder


def results(out):
    """Return the bytes of the results, without the record."""
    return {path.name: path.read_bytes() for path in out.iterdir() if path.is_file()}


def lines(out):
    return [json.loads(line) for line in layout.results(out).read_text().splitlines()]


def test_the_copy_of_an_image_that_changed_is_replaced(source, tmp_path, unsmear, monkeypatch):
    find_everywhere(monkeypatch, Estimate(0.0, confidence=0.94))
    out = tmp_path / "out"
    given = ("restore", source, "-o", out)
    assert unsmear(*given).code == 0
    assert len(record.read(out).unchanged_copies()) == 3
    make(tmp_path / "other", 5)
    for name, other in {"00.png": "03.png", "01.png": "04.png"}.items():
        (source / name).write_bytes((tmp_path / "other" / other).read_bytes())
    mine = (tmp_path / "other/02.png").read_bytes()
    (out / "01.png").write_bytes(mine)  # is no copy of the program's any more
    assert f"-> {out / '00.png'}\n" in unsmear(*given, "--dry-run").out
    done = unsmear(*given, "--resume")
    assert (done.code, (out / "01.png").read_bytes()) == (1, mine)
    assert f"{out / '01.png'}: the output folder must have no other file" in done.err
    assert (out / "00.png").read_bytes() == (source / "00.png").read_bytes()
    assert f"{out / '00.png'} (in place of the copy of the input as it was)\n" in done.out
    assert "02: already there" in done.out


@pytest.mark.parametrize("inside", [False, True])
def test_the_folder_of_a_record_stands_for_its_batch(source, tmp_path, unsmear, inside):
    out = tmp_path / "out"
    if inside:
        (out / layout.NAME).mkdir(parents=True)
    unsmear("restore", source, "-o", out, *WIENER)
    assert layout.record(out).parent == (out if inside else tmp_path)
    asked = unsmear("status", layout.record(out))
    assert (asked.code, asked.out) == (0, unsmear("status", out).out)
    (tmp_path / "link").symlink_to(layout.record(out))
    assert unsmear("status", tmp_path / "link").code == 0
    for folder in (layout.record(out), out):
        with contextlib.chdir(folder):
            assert unsmear("status", ".").code == 0


@pytest.mark.parametrize("name", [".", "link"])
def test_by_whatever_name_a_folder_has_one_record(source, tmp_path, unsmear, name):
    out = tmp_path / "out"
    unsmear("restore", source, "-o", out, *WIENER)
    (tmp_path / "link").symlink_to(out)
    with contextlib.chdir(out if name == "." else tmp_path):
        other = ("restore", source, "-o", name, "--method", "wiener", "--length", 7, "--angle", 20)
        refused = unsmear(*other, "--resume")
        assert (refused.code, unsmear("status", name).code) == (1, 0)
        assert "--length 5 (now 7)" in refused.err
        assert "--length 5 (now 7)" in unsmear(*other, "--resume", "--dry-run").err
        with writer.holding(out):
            assert "another run writes its results here" in unsmear(*other, "--overwrite").err
    assert not (out / layout.NAME).exists()
    assert {path.name for path in tmp_path.glob("*.unsmear-run")} == {"out.unsmear-run"}


def test_each_image_has_a_line_with_what_was_found(source, tmp_path, unsmear, monkeypatch):
    found = Estimate(6.0, 30.0, 0.9, kind="straight")
    find_everywhere(monkeypatch, found)
    (source / "broken.png").write_bytes(b"broken")
    (source / "notes.xyz").write_bytes(b"x")
    out = tmp_path / "out"
    assert unsmear("restore", source, "-o", out, "--method", "wiener").code == 1
    entries = record.read(out).entries
    assert {name: entry.action for name, entry in entries.items()} == {
        str(source / "notes.xyz"): "passed over",
        "00": "restored",
        "01": "restored",
        "02": "restored",
        "broken": "failed",
    }
    first = entries["00"]
    assert first.outputs == ("00.png",)
    assert [(path, size) for path, size, _ in first.inputs] == [
        (str(source / "00.png"), (source / "00.png").stat().st_size)
    ]
    (exposure,) = first.found
    assert exposure["restored"] is True
    assert (exposure["length"], exposure["angle"], exposure["confidence"]) == (6.0, 30.0, 0.9)
    assert first.seconds > 0
    assert "broken.png: " in entries["broken"].sentence
    asked = record.read(out).sessions[-1]
    assert asked.options == {"method": "wiener", "per": "auto"}
    assert asked.environment["unsmear"]


def test_images_left_unchanged_say_why(source, tmp_path, unsmear, monkeypatch):
    find_everywhere(monkeypatch, Estimate(0.0, confidence=0.9))
    out = tmp_path / "out"
    unsmear("restore", source, "-o", out)
    entry = record.read(out).entries["01"]
    assert entry.action == "left unchanged"
    assert entry.found[0]["movement"] == "no motion found (confidence 0.90)"
    assert len(record.read(out).sessions[-1].weights) == 64


def test_a_single_image_leaves_no_record(source, tmp_path, unsmear):
    out = tmp_path / "out"
    unsmear("restore", source / "00.png", "-o", out, *WIENER)
    assert [path.name for path in out.iterdir()] == ["00.png"]
    unsmear("restore", source, "-o", tmp_path / "dry", *WIENER, "--dry-run")
    assert not (tmp_path / "dry").exists()
    finished = unsmear("status", out)
    assert finished.code == 1
    assert "out.unsmear-run/run.toml), got none" in finished.err


def test_status_says_what_became_of_a_batch(source, tmp_path, unsmear):
    (source / "broken.png").write_bytes(b"broken")
    out = tmp_path / "out"
    unsmear("restore", source, "-o", out, *WIENER)
    said = unsmear("status", out)
    assert said.code == 0
    assert ": restore, ended with exit code 1; begun " in said.out
    assert "4 of 4 files done: 3 restored, 1 failed." in said.out
    assert "images a minute." in said.out
    assert "failed:\n  broken.png: " in said.out
    found = json.loads(unsmear("status", out, "--json").out)
    assert (found["state"], found["code"], found["files_done"]) == ("ended", 1, 4)
    assert found["counts"] == {"restored": 3, "failed": 1}
    assert list(found["failed"]) == ["broken"]


def test_images_of_earlier_calls_are_counted_apart(source, tmp_path, unsmear):
    out = tmp_path / "out"
    unsmear("restore", source, "-o", out, *WIENER)
    unsmear("restore", source / "00.png", source / "01.png", "-o", out, *WIENER)
    said = unsmear("status", out).out
    assert "2 of 2 files done; on record, with earlier calls: 3 restored." in said


def test_the_page_has_what_was_found_and_what_failed(source, tmp_path, unsmear, monkeypatch):
    find_everywhere(monkeypatch, Estimate(6.0, 30.0, 0.9, kind="straight"))
    (source / "broken.png").write_bytes(b"broken")
    out = tmp_path / "out"
    unsmear("restore", source, "-o", out, "--method", "wiener")
    page = layout.page(out).read_text()
    assert "linear motion of 6.0 px at 30 degrees (confidence 0.90)" in page
    assert "broken.png: " in page
    assert page.count("<td>0.90</td>") == 3
    assert "4 of 4 files done: 3 restored, 1 failed." in page
    rows = layout.table(out).read_text().splitlines()
    assert [row.split(",")[2] for row in rows] == ["action", *3 * ["restored"], "failed"]
    other = tmp_path / "page.html"
    assert unsmear("page", out, "-o", other).code == 0
    assert other.read_text() == page


def test_the_page_links_the_reports_that_are_there(source, tmp_path, unsmear, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for reports, address in (("out/some reports", "../out/some%20reports"), ("apart", "../apart")):
        unsmear("restore", source, "-o", "out", *WIENER, "--report", reports)
        page = layout.page(tmp_path / "out").read_text()
        for name in ("00", "01", "02"):
            assert f'<a href="{address}/{name}.html">{name}</a>' in page
    (tmp_path / "apart/00.html").unlink()
    unsmear("page", "out", "-o", "page.html")
    page = (tmp_path / "page.html").read_text()
    assert '<a href="apart/01.html">01</a>' in page
    assert "apart/00.html" not in page


def test_the_record_is_no_input_of_other_commands(source, tmp_path, unsmear):
    out = tmp_path / "out"
    unsmear("restore", source, "-o", out, *WIENER)
    again = unsmear("restore", out, "-o", tmp_path / "again", *WIENER)
    assert (again.code, again.err) == (0, "")
    assert "3 restored, 0 failed." in again.out


def test_other_options_are_named_and_not_mixed(source, tmp_path, unsmear):
    out = tmp_path / "out"
    given = ("restore", source, "-o", out, "--resume")
    unsmear(*given, *WIENER)
    (out / "01.png").unlink()
    before = results(out)
    other = ("--method", "wiener", "--length", 7, "--angle", 20)
    refused = unsmear(*given, *other)
    assert refused.code == 1
    assert "--length 5 (now 7) (2: 00, 02)" in refused.err
    assert "--overwrite makes these results again" in refused.err
    assert results(out) == before
    assert unsmear(*given, *other, "--overwrite").out.count(" restored by wiener") == 3
    whole = tmp_path / "whole"
    unsmear("restore", source, "-o", whole, *other)
    assert results(out) == results(whole)
    assert json.loads(unsmear("status", out, "--json").out)["mixed"] == {}


def test_an_option_that_is_gone_is_named_where_results_were_made_with_it(source, tmp_path, unsmear):
    out = tmp_path / "out"
    given = ("restore", source, "-o", out, *WIENER, "--resume")
    unsmear(*given)
    (session,) = record.read(out).sessions
    writer.begin(out, None, replace(session, options={**session.options, "shake": True}))
    refused = unsmear(*given)
    assert refused.code == 1
    assert "got others: --shake True (now not given) (3: 00, 01, 02)" in refused.err
    assert "--overwrite makes these results again" in refused.err
    writer.begin(out, None, session)
    assert unsmear(*given).out.count(": already there") == 3


def test_options_that_change_no_result_may_differ(source, tmp_path, unsmear):
    out = tmp_path / "out"
    unsmear("restore", source, "-o", out, *WIENER)
    free = ("--tile", 32, "--resume")
    assert unsmear("restore", source, "-o", out, *WIENER, *free).out.count(": already there") == 3


def test_a_changed_kernel_file_is_another_kernel(source, tmp_path, unsmear):
    out, kernel = tmp_path / "out", tmp_path / "kernel.npy"
    given = ("restore", source, "-o", out, "--method", "wiener", "--kernel", kernel, "--resume")
    np.save(kernel, np.full((1, 3), 1 / 3))
    assert unsmear(*given).code == 0
    assert unsmear(*given).out.count(": already there") == 3
    np.save(kernel, np.full((1, 5), 1 / 5))
    assert "--kernel " in unsmear(*given).err


def test_results_of_other_options_beside_the_new_ones_are_named(source, tmp_path, unsmear):
    out = tmp_path / "out"
    unsmear("restore", source, "-o", out, *WIENER)
    others = make(tmp_path / "more", 5)
    for number in range(3):
        (others / f"{number:02}.png").unlink()
    finished = unsmear("restore", others, "-o", out, "--method", "wiener-local")
    assert finished.code == 0
    assert "results made with other options stay beside the new ones: --method wiener" in (
        finished.err
    )
    assert "3 results were made with other options" in unsmear("status", out).out


def test_an_input_that_changed_is_restored_again(source, tmp_path, unsmear):
    out = tmp_path / "out"
    given = ("restore", source, "-o", out, *WIENER, "--resume")
    unsmear(*given)
    images.write(source / "01.png", Image(np.zeros((48, 64), np.uint8), "YX"))
    finished = unsmear(*given)
    assert finished.out.count(": already there") == 2
    assert not images.read(out / "01.png").pixels.any()


def test_reports_that_are_missing_are_made(source, tmp_path, unsmear):
    pytest.importorskip("matplotlib")
    out, reports = tmp_path / "out", tmp_path / "reports"
    given = ("restore", source, "-o", out, *WIENER, "--resume")
    unsmear(*given)
    before = results(out)
    given = (*given, "--report", reports)
    assert unsmear(*given).out.count(" restored by wiener") == 3
    assert results(out) == before
    assert ",../reports/01.html," in layout.table(out).read_text()
    assert 'href="../reports/01.html"' in layout.page(out).read_text()
    (reports / "01.html").unlink()
    assert unsmear(*given).out.count(": already there") == 2
    assert len(list(reports.iterdir())) == 3


def test_ctrl_c_says_what_goes_on(source, tmp_path, unsmear, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("unsmear.cli.jobs.restore.job.restore_image", stop)
    done = unsmear("restore", source, "-o", tmp_path / "out", *WIENER)
    assert done.code == 130
    told = f"{tmp_path / 'out'}: what is done is on record; the same call with --resume goes on.\n"
    assert done.err == f"{told}unsmear: stopped.\n"


def test_results_without_a_record_are_left(source, tmp_path, unsmear):
    out = tmp_path / "out"
    unsmear("restore", source / "00.png", "-o", out, *WIENER)
    finished = unsmear("restore", source, "-o", out, *WIENER, "--resume")
    assert "2 restored, 1 already there, 0 failed." in finished.out
    assert "00: already there (with which options is not recorded)" in finished.out
    assert record.read(out).entries["00"].action == "already there"


def test_failed_images_are_tried_again(source, tmp_path, unsmear):
    out = tmp_path / "out"
    good = (source / "01.png").read_bytes()
    (source / "01.png").write_bytes(b"broken")
    given = ("restore", source, "-o", out, *WIENER, "--resume")
    assert unsmear(*given).code == 1
    (source / "01.png").write_bytes(good)
    assert unsmear(*given).code == 0
    found = json.loads(unsmear("status", out, "--json").out)
    assert (found["counts"], found["failed"]) == ({"restored": 3}, {})


def test_a_file_in_place_of_the_record_is_named(source, tmp_path, unsmear):
    out = tmp_path / "out"
    out.mkdir()
    layout.record(out).write_text("mine")
    refused = unsmear("restore", source, "-o", out, *WIENER)
    assert refused.code == 1
    assert "unsmear-run: this name is the folder of a batch's record, got a file" in refused.err
    assert layout.record(out).read_text() == "mine"
    assert "must have the record of a batch" in unsmear("status", out).err


def test_two_runs_do_not_write_one_folder(source, tmp_path, unsmear):
    out = tmp_path / "out"
    unsmear("restore", source, "-o", out, *WIENER)
    with writer.holding(out):
        finished = unsmear("restore", source, "-o", out, *WIENER)
    assert finished.code == 1
    assert "another run writes its results here" in finished.err


def test_a_file_of_several_images_is_done_when_all_are(tmp_path, unsmear, monkeypatch):
    """What a killed run finished of it is not done again."""
    from unsmear.data.item import Item

    source, out = make(tmp_path / "in", 2), tmp_path / "out"
    singles = [Item(f"00_{n}", (), lambda files: None, stem=f"00_{n}") for n in range(3)]
    read = Item.read

    def several(item):
        if item.id == "00":
            raise images.image.SeveralImagesError("00.png: several")
        if item.id.startswith("00_"):
            if failing and item.id == "00_1":
                raise ImageError("00_1: broken.")
            return images.read(source / "00.png")
        return read(item)

    monkeypatch.setattr(Item, "read", several)
    monkeypatch.setattr(
        Item, "expand", lambda item: [replace(item, id=s.id, stem=s.stem) for s in singles]
    )
    failing = True
    given = ("restore", source, "-o", out, *WIENER, "--resume")
    assert "3 restored, 1 failed." in unsmear(*given).out
    failing = False
    again = unsmear(*given)
    assert again.out.count(": already there") == 3
    assert "1 restored, 3 already there, 0 failed." in again.out
    assert unsmear(*given).out.count(": already there") == 4
    assert "2 of 2 files done: 4 restored." in unsmear("status", out).out


def test_blurring_a_folder_leaves_a_record_too(source, tmp_path, unsmear):
    out = tmp_path / "out"
    unsmear("blur", source, "-o", out, "--sigma", 2, "--seed", 5)
    asked = record.read(out).sessions[-1]
    assert (asked.command, asked.options["sigma"], asked.options["seed"]) == ("blur", 2.0, 5)
    assert "3 of 3 files done: 3 blurred." in unsmear("status", out).out


def started(source, out, *more):
    """Start a batch in a process of its own, a group with its workers."""
    words = ("restore", source, "-o", out, *WIENER, *more)
    return subprocess.Popen(
        [sys.executable, "-m", "unsmear", *map(str, words)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def on_record(out):
    """Return the number of images on record, each counted once."""
    path = layout.results(out)
    written = path.read_text().splitlines() if path.exists() else []
    found = [re.search(r'"image": "(\w+)".*"action": "restored"', line) for line in written]
    return len({one[1] for one in found if one})


def wait_for(out, count, process):
    """Wait until a number of images is on record."""
    while process.poll() is None and on_record(out) < count:
        time.sleep(0.005)


@pytest.mark.slow
def test_killed_batches_go_on_to_the_same_bytes(tmp_path, unsmear):
    source, out, whole = make(tmp_path / "in", 24), tmp_path / "out", tmp_path / "whole"
    unsmear("restore", source, "-o", whole, *WIENER)
    moments = random.Random(4)
    for goal, workers in ((3, 1), (9, 2), (15, 1)):
        goal = max(goal, on_record(out) + 1)  # so that this process has begun
        process = started(source, out, "--resume", "--workers", workers)
        try:
            wait_for(out, goal, process)
            os.killpg(process.pid, signal.SIGSTOP)  # so that it is not done before it is asked
            found = json.loads(unsmear("status", out, "--json").out)
            assert found["state"] == "running"
            assert found["files_done"] >= goal
        finally:
            os.killpg(process.pid, signal.SIGCONT)
            time.sleep(moments.random() / 20)
            os.killpg(process.pid, signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        stopped = unsmear("status", out)
        assert "stopped: not running" in stopped.out
        assert json.loads(unsmear("status", out, "--json").out)["seconds_left"] is None
    layout.results(out).open("ab").write(b'{"image": "09", "act')  # as a kill may leave it
    assert unsmear("status", out).code == 0
    assert unsmear("restore", source, "-o", out, *WIENER, "--resume").code == 0
    assert results(out) == results(whole)
    done = [line["image"] for line in lines(out) if line.get("action") == "restored"]
    assert sorted(set(done)) == sorted(path.stem for path in source.iterdir())
    assert len(done) <= 24 + 3 * 2  # an image that was being written may be done again
    assert "24 of 24 files done: 24 restored." in unsmear("status", out).out
    assert not at_work.read(out)


def test_a_result_that_was_written_before_its_line_is_not_made_again(source, tmp_path, unsmear):
    """As a kill leaves it between the worker's note and the journal."""
    out = tmp_path / "out"
    given = ("restore", source, "-o", out, *WIENER, "--resume")
    unsmear(*given)
    path = layout.results(out)
    kept = [line for line in path.read_text().splitlines() if '"image": "02"' not in line]
    entry = record.read(out).entries["02"]
    path.write_text("\n".join(kept) + "\n")
    at_work.finish(out, entry)
    assert unsmear(*given).out.count(": already there") == 3
    assert record.read(out).entries["02"].found == entry.found


def test_what_a_kill_left_half_written_goes(source, tmp_path, unsmear):
    out = tmp_path / "out"
    given = ("restore", source, "-o", out, *WIENER, "--resume")
    unsmear(*given)
    (out / "deep" / f".a.zarr.{os.getpid()}-77.part").mkdir(parents=True)
    (out / f".01.png.{os.getpid()}-77.part").write_bytes(b"half")
    (out / ".01.png.1-77.part").write_bytes(b"of another process")
    at_work.start(out, "01")
    unsmear(*given)
    assert [path.name for path in out.rglob("*.part")] == [".01.png.1-77.part"]


def test_status_shows_progress_within_an_image(source, tmp_path, unsmear):
    out = tmp_path / "out"
    unsmear("restore", source, "-o", out, *WIENER)
    at_work.start(out, "slide")
    os.utime(next(layout.at_work(out).iterdir()), (0, 0))
    at_work.progress(out, "slide", 34, 1200)
    at_work.progress(out, "slide", 35, 1200)  # too soon
    assert "not finished: slide (34 of 1200 parts)." in unsmear("status", out).out
    (work,) = json.loads(unsmear("status", out, "--json").out)["at_work"]
    assert (work["image"], work["done"], work["total"]) == ("slide", 34, 1200)


def test_a_file_in_a_record_is_no_batch(source, tmp_path, unsmear, monkeypatch):
    find_everywhere(monkeypatch, Estimate(6.0, 30.0, 0.9, kind="straight"))
    out = tmp_path / "out"
    unsmear("restore", source, "-o", out, "--method", "wiener")
    said = unsmear("status", layout.page(out))
    assert said.code == 1
    assert "page.html: a batch must be named by its output folder, got a file." in said.err


@pytest.mark.parametrize("command", [("estimate",), ("prepare",), ("blur", "--sigma", 1)])
def test_another_command_does_not_take_a_batch_s_folder(
    command, source, tmp_path, unsmear, monkeypatch
):
    find_everywhere(monkeypatch, Estimate(6.0, 30.0, 0.9, kind="straight"))
    out = tmp_path / "out"
    unsmear("restore", source, "-o", out, "--method", "wiener")
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    other = unsmear(command[0], source, "-o", out, *command[1:])
    assert other.code == 1
    assert "got one of unsmear restore." in other.err
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before
