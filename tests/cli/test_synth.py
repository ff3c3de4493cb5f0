"""`unsmear synth` as a user calls it."""

import csv
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from unsmear import images
from unsmear.data.labels import CHANNELS
from unsmear.report import synthetic


def content(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.mark.slow
@pytest.mark.usefixtures("kept_workers")
def test_any_number_of_workers_writes_the_same_files(unsmear, tmp_path):
    common = ("--count", 4, "--size", 64, "--seed", 9)
    for workers in (1, 2):
        done = unsmear("synth", "-o", tmp_path / str(workers), *common, "--workers", workers)
        assert done.code == 0, done.err
    assert content(tmp_path / "1") == content(tmp_path / "2")


@pytest.mark.slow
@pytest.mark.usefixtures("kept_workers")
def test_any_number_of_workers_writes_the_same_scan(unsmear, tmp_path):
    slide = tmp_path / "slide.png"
    light = np.random.default_rng(0).integers(0, 255, (60, 200), np.uint8)
    images.write(slide, images.Image(light, "YX"))
    options = ("--scan", "--slide", slide, "--count", 4, "--size", 32, "--jitter", 0.1)
    for workers in (1, 2):
        folder = tmp_path / str(workers)
        done = unsmear("synth", "-o", folder, *options, "--workers", workers)
        assert done.code == 0, done.err
    assert content(tmp_path / "1") == content(tmp_path / "2")


def test_the_folder_has_the_layout_of_the_competition(unsmear, tmp_path):
    done = unsmear(
        "synth", "-o", tmp_path, "--count", 3, "--size", 48, "--labels", "Golgi apparatus,5"
    )
    assert done.code == 0, done.err
    assert "3 fields of 48x48 pixels made" in done.out
    with (tmp_path / "train.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 3
    for row in rows:
        assert set(row["Label"].split("|")) <= {"5", "7"}
        for channel in CHANNELS:
            image = images.read(tmp_path / f"{row['ID']}_{channel}.png")
            assert image.pixels.shape == (48, 48)
    assert len(content(tmp_path)) == 3 * 6 + 1


def test_a_second_run_makes_only_what_is_missing(unsmear, tmp_path):
    unsmear("synth", "-o", tmp_path, "--count", 2, "--size", 32)
    before = content(tmp_path)
    done = unsmear("synth", "-o", tmp_path, "--count", 3, "--size", 32)
    assert "1 fields" in done.out
    assert "2 already there" in done.out
    assert before.items() - content(tmp_path).items() <= {("train.csv", before["train.csv"])}


@pytest.mark.slow
def test_ctrl_c_leaves_no_half_written_file(tmp_path):
    command = [sys.executable, "-c", "from unsmear.cli import main; main()", "synth"]
    command += ["-o", str(tmp_path), "--count", "5000", "--size", "32", "--workers", "2"]
    run = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)
    until = time.monotonic() + 60
    while not list(tmp_path.glob("*_yellow.png")) and time.monotonic() < until:
        time.sleep(0.05)
    os.killpg(run.pid, signal.SIGINT)
    _, err = run.communicate(timeout=60)
    assert run.returncode == 130
    assert "Traceback" not in err
    assert not list(tmp_path.rglob("*.part"))
    for path in tmp_path.rglob("*.png"):
        images.read(path)


@pytest.mark.slow
def test_the_sheet_is_a_picture(unsmear, tmp_path, monkeypatch):
    pytest.importorskip("matplotlib")
    monkeypatch.setattr(synthetic, "draw_sheet", partial(synthetic.draw_sheet, size=32))
    done = unsmear("synth", "--sheet", tmp_path / "sheet.png")
    assert done.code == 0, done.err
    assert images.read(tmp_path / "sheet.png").pixels.shape[1] > 1000


@pytest.mark.slow
def test_the_sheet_is_replaced_whole(unsmear, tmp_path, monkeypatch):
    pytest.importorskip("matplotlib")
    monkeypatch.setattr(synthetic, "draw_sheet", partial(synthetic.draw_sheet, size=32))
    (tmp_path / "sheet.pdf").write_bytes(b"before")
    os.link(tmp_path / "sheet.pdf", tmp_path / "same")
    assert unsmear("synth", "--sheet", tmp_path / "sheet.pdf").code == 0
    assert (tmp_path / "sheet.pdf").read_bytes().startswith(b"%PDF")
    assert (tmp_path / "same").read_bytes() == b"before"


def test_what_a_kill_left_is_in_nobody_s_way(unsmear, tmp_path):
    options = ("--count", 2, "--size", 32)
    unsmear("synth", "-o", tmp_path / "whole", *options)
    whole = content(tmp_path / "whole")
    left = {str(Path(name).parent / f".{Path(name).name}.1.part"): b"half" for name in whole}
    for name, half in left.items():
        (tmp_path / "out" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "out" / name).write_bytes(half)
    for text in ("2 fields", "0 fields"):
        done = unsmear("synth", "-o", tmp_path / "out", *options)
        assert (done.code, done.err) == (0, "")
        assert text in done.out
        assert content(tmp_path / "out") == whole | left


def test_the_output_must_be_a_folder(unsmear, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    done = unsmear("synth", "-o", tmp_path / "file", "--count", 1, "--size", 32)
    assert done.code == 1
    assert done.err == f"unsmear: the output must be a folder, got the file {tmp_path}/file.\n"


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["-o", "x", "--bits", "12"], "bits must be 8 or 16, got 12."),
        (["-o", "x", "--count", "0"], "count must be 1 or more, got 0."),
        (["-o", "x", "--seed", "-1"], "seed must be 0 or more, got -1."),
        (["--sheet", "x.png", "--seed", "-1"], "seed must be 0 or more, got -1."),
        (["-o", "x", "--size", "4"], "size must be from 16 to 16384 pixels, got (4, 4)."),
        (["-o", "x", "--workers", "0"], "workers must be 1 or more, got 0."),
        (["-o", "x", "--labels", "Tail"], "a label must be a number from 0 to 18"),
        (["--sheet", "x.jpeg"], "x.jpeg: a sheet must end in .png, .pdf or .svg"),
        ([], "--output or --sheet must be given, got neither"),
    ],
)
def test_a_bad_option_gives_one_sentence(unsmear, tmp_path, monkeypatch, options, sentence):
    monkeypatch.chdir(tmp_path)
    done = unsmear("synth", *options)
    assert done.code == 1
    assert done.err.startswith(f"unsmear: {sentence}")
    assert done.err.count("\n") == 1
    assert not list(tmp_path.iterdir())
