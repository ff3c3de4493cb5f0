import json
import os
import signal
import subprocess
import sys
import time

import cv2
import numpy as np
import pytest

from unsmear import images
from unsmear.batches import layout
from unsmear.cli import app
from unsmear.cli.options.prepare import FrameOptions
from unsmear.cli.prepare import prepare
from unsmear.data import manifest
from unsmear.errors import DataError, OptionError
from unsmear.images import Image


def write_fields(folder, count, side=96, colours=("red", "green", "blue", "yellow")):
    generator = np.random.default_rng(0)
    for number in range(count):
        for colour in colours:
            plane = cv2.GaussianBlur(generator.random((side, side)), (0, 0), 2) * 255
            images.write(folder / f"f{number:02}_{colour}.png", Image(plane.astype(np.uint8), "YX"))
    return folder


def contents(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not any(map(layout.is_record, path.parts))
    }


def unsmear(*words):
    with pytest.raises(SystemExit) as stopped:
        app([str(word) for word in words], result_action="sys_exit")
    return stopped.value.code


@pytest.mark.slow
@pytest.mark.usefixtures("kept_workers")
def test_one_and_two_workers_write_the_same_bytes(tmp_path, capsys):
    fields = write_fields(tmp_path / "in", 6)
    options = ("--size", 32, "--photons", 200, "--repeats", 2)
    for workers in (1, 2):
        out = tmp_path / str(workers)
        assert unsmear("prepare", fields, "-o", out, *options, "--workers", workers) == 0
    assert "12 pairs made, 0 already there, 0 failed." in capsys.readouterr().out
    alone = contents(tmp_path / "1")
    assert len(alone) == 2 * 12 + 2
    assert alone == contents(tmp_path / "2")


@pytest.mark.slow
def test_paper_protocol(tmp_path):
    fields = write_fields(tmp_path / "in", 5, side=256)
    assert unsmear("prepare", fields, "-o", tmp_path / "out", "--protocol", "paper") == 0
    pairs = manifest.read(tmp_path / "out")
    recipe = {"family": "paper", "degree": 6, "angle": -45.0, "normalise": False}
    assert [pair.blur for pair in pairs] == [recipe] * 5
    assert images.read(tmp_path / "out" / "sharp" / "f00.png").pixels.shape == (256, 256, 3)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--protocol", "paper", "--size", "128"), "--size must be 256 in the paper's protocol"),
        (("--protocol", "paper", "--blur", "motion"), "--blur must be paper"),
        (("--protocol", "paper", "--tiles", "128"), "--tiles is not available for the paper"),
        (("--size", "64", "--tiles", "64"), "--size is not available with --tiles"),
        (("--radius", "3"), "--radius is not available for --blur motion"),
        (("--read-noise", "3"), "--read-noise must come with --photons"),
        (("--length", "20", "4"), "from low to high"),
        (("--split", "80/20/0"), "split must be"),
        (("--split", "80/30"), "split must be parts of 100 together, got 80/30: 110."),
        (("--seed", "-1"), "seed must be 0 or more, got -1."),
    ],
)
def test_contradictions_are_sentences(tmp_path, words, sentence):
    write_fields(tmp_path / "in", 1)
    with pytest.raises(OptionError, match=sentence):
        app(["prepare", str(tmp_path / "in"), "-o", str(tmp_path / "out"), *words])
    assert not (tmp_path / "out").exists()


def test_it_says_what_became_of_sizes_and_where_labels_are_from(tmp_path, capsys):
    images.write(tmp_path / "in/a.png", Image(np.zeros((40, 70), np.uint8), "YX"))
    (tmp_path / "in/MANIFEST.csv").write_text("file,labels\na.png,Cytosol;2\n")
    assert unsmear("prepare", tmp_path / "in", "-o", tmp_path / "out", "--size", 32) == 0
    without, sizes, labels, _ = capsys.readouterr().out.splitlines()
    assert without.startswith("The split 70/15/15 gives no image to ")
    assert "1 of 1 images, of 70x40 pixels, are pairs of at most 32x32" in sizes
    assert "--tiles 32 keeps their resolution" in sizes
    assert labels == f"Labels of 1 of 1 images from {tmp_path / 'in/MANIFEST.csv'}."
    (pair,) = manifest.read(tmp_path / "out")
    assert pair.labels == (16, 2)
    assert (
        unsmear("prepare", tmp_path / "in", "-o", tmp_path / "no", "--size", 32, "--no-labels") == 0
    )
    assert manifest.read(tmp_path / "no")[0].labels == ()


def test_labels_that_are_unknown_say_what_to_type(tmp_path, capsys):
    images.write(tmp_path / "in/a.png", Image(np.zeros((32, 32), np.uint8), "YX"))
    (tmp_path / "in/MANIFEST.csv").write_text("file,labels\na.png,sick\n")
    assert unsmear("prepare", tmp_path / "in", "-o", tmp_path / "out", "--size", 32) == 0
    said = capsys.readouterr().out
    assert "none of the 19 of the Human Protein Atlas ('sick') and are left out" in said
    assert "a train.csv gives them by number or name: ID,Label and a,0|16." in said
    (tmp_path / "in/train.csv").write_text("ID,Label\na,sick\n")
    with pytest.raises(DataError, match="To go on without these labels, give --no-labels"):
        app(["prepare", str(tmp_path / "in"), "-o", str(tmp_path / "out")])


@pytest.mark.parametrize(
    ("words", "lengths"),
    [
        (("--length", "6"), {6.0}),
        (("--length", "4", "8", "12"), {4.0, 8.0, 12.0}),
        (("--blur", "trajectory", "--length", "5"), {5.0}),
    ],
)
@pytest.mark.slow
def test_fixed_and_listed_lengths(tmp_path, words, lengths):
    write_fields(tmp_path / "in", 12)
    words = (*words, "--size", "32", "--workers", "1")
    assert unsmear("prepare", tmp_path / "in", "-o", tmp_path / "out", *words) == 0
    assert {pair.blur["length"] for pair in manifest.read(tmp_path / "out")} == lengths


def test_negative_angles_and_ranges_are_numbers(tmp_path):
    (tmp_path / "in").mkdir()
    np.save(
        tmp_path / "in" / "a.npy", np.linspace(-1, 1, 3072, dtype=np.float32).reshape(32, 32, 3)
    )
    words = ("--axes", "YXC", "--input-range", "-1", "1", "--angle", "-30", "--size", "32")
    assert unsmear("prepare", tmp_path / "in", "-o", tmp_path / "out", *words) == 0
    (pair,) = manifest.read(tmp_path / "out")
    assert (pair.blur["angle"], pair.black, pair.white) == (-30, -1, 1)


def test_a_broken_file_is_a_sentence_and_exit_code_1(tmp_path, capsys):
    fields = write_fields(tmp_path / "in", 3)
    (fields / "f01_red.png").write_bytes(b"no image")
    words = ("--size", "32", "--workers", "1")
    assert unsmear("prepare", fields, "-o", tmp_path / "out", *words) == 1
    printed = capsys.readouterr()
    assert printed.err.startswith("f01_red.png: ")
    assert "2 pairs made, 0 already there, 1 failed." in printed.out


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "killpg"), reason="needs process groups to kill a run")
def test_a_run_that_is_killed_goes_on_to_the_same_bytes(tmp_path):
    fields = write_fields(tmp_path / "in", 24, side=384, colours=("red", "green", "blue"))
    words = ["prepare", str(fields), "--size", "64", "--workers", "2", "-o"]
    command = [sys.executable, "-c", "from unsmear.cli import main; main()", *words]
    out = tmp_path / "out"
    child = subprocess.Popen([*command, out], start_new_session=True)
    while not (out / manifest.JOURNAL).exists() and child.poll() is None:
        time.sleep(0.01)
    os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    assert child.returncode == -signal.SIGKILL
    assert not (out / manifest.FILE).exists()
    prepare([str(fields)], output=out, frame=FrameOptions(size=64))
    prepare([str(fields)], output=tmp_path / "whole", frame=FrameOptions(size=64))
    assert contents(out) == contents(tmp_path / "whole")
    assert json.loads((out / "preparation.json").read_text())["images"] == 24


def test_a_part_of_the_split_without_images_is_named(tmp_path, capsys):
    fields = write_fields(tmp_path / "in", 2, side=32, colours=("green",))
    assert unsmear("prepare", fields, "-o", tmp_path / "out", "--dry-run") == 0
    printed = capsys.readouterr().out
    assert "gives no image to " in printed
    assert "there are too few (2), or too few groups of them." in printed
    assert unsmear("prepare", fields, "-o", tmp_path / "out", "--split", "50/50", "--dry-run") == 0
    assert "gives no image" not in capsys.readouterr().out
