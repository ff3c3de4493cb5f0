"""Nobody's file is replaced, and no batch is ended by one file."""

import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
import tifffile

from tests.found import find_everywhere
from tests.outputs import outputs
from unsmear import images
from unsmear.estimate import Estimate
from unsmear.images import Image, note
from unsmear.restoration import pipeline

FAST = ("--method", "wiener", "--length", 5, "--angle", 20)


@pytest.fixture
def counts():
    return np.random.default_rng(0).integers(0, 250, (48, 64), np.uint8)


@pytest.fixture
def source(tmp_path, counts):
    """Return a folder with an image of every format that is written."""
    folder = tmp_path / "in"
    stack = np.stack([counts, counts // 2]).astype(np.uint16)
    images.write(folder / "a.png", Image(counts, "YX"))
    images.write(folder / "b.tif", Image(counts, "YX", pixel_size=(0.2, 0.2)))
    images.write(folder / "c.ome.tif", Image(stack, "CYX", ("DAPI", "GFP"), (0.2, 0.2)))
    return folder


@pytest.fixture
def still(monkeypatch):
    """No motion is found in any image."""
    find_everywhere(monkeypatch, Estimate(0.0, confidence=0.9))


def contents(folder):
    return {path.name: path.read_bytes() for path in outputs(folder)}


@pytest.mark.parametrize("options", [(), ("--resume",)])
def test_other_originals_in_the_output_folder_are_not_replaced(
    options, source, tmp_path, unsmear, counts
):
    out = tmp_path / "day2"
    images.write(out / "a.png", Image(counts // 3, "YX"))
    images.write(out / "b.tif", Image(counts // 3, "YX"))
    before = contents(out)
    finished = unsmear("restore", source, "-o", out, *FAST, *options)
    assert finished.code == 1
    assert finished.err.count("the output folder must have no other file of this name") == 2
    assert "1 restored, 2 failed." in finished.out
    after = contents(out)
    assert {name: after[name] for name in before} == before
    finished = unsmear("restore", source, "-o", out, *FAST, "--overwrite")
    assert (finished.code, finished.err) == (0, "")
    assert contents(out)["a.png"] != before["a.png"]


def test_results_of_the_same_command_are_replaced_and_resumed(source, tmp_path, unsmear):
    out = tmp_path / "out"
    for options in ((), (), ("--resume",)):
        finished = unsmear("restore", source, "-o", out, *FAST, *options)
        assert (finished.code, finished.err) == (0, "")
    assert finished.out.count(": already there") == 3
    for path in outputs(out):
        assert note.commands(path) == {"restore"}
    finished = unsmear("blur", source, "-o", out, "--length", 3, "--angle", 0)
    assert finished.code == 1  # results of another command
    assert "got one of unsmear restore." in finished.err


@pytest.mark.usefixtures("still")
def test_what_is_left_alone_is_the_same_file(source, tmp_path, unsmear):
    out = tmp_path / "out"
    from PIL import Image as Photo

    Photo.fromarray(np.full((40, 40), 9, np.uint8)).save(source / "photo.jpg")
    for options in ((), (), ("--resume",)):
        finished = unsmear("restore", source, "-o", out, *options)
        assert (finished.code, finished.err) == (0, "")
    assert finished.out.count(": already there") == 4
    assert contents(out) == contents(source)


@pytest.mark.slow
def test_a_report_replaces_no_other_file(source, tmp_path, unsmear, counts):
    pytest.importorskip("matplotlib")
    page = tmp_path / "mine.png"
    images.write(page, Image(counts, "YX"))
    before = page.read_bytes()
    given = ("restore", source / "a.png", "-o", tmp_path / "out", *FAST, "--report", page)
    finished = unsmear(*given)
    assert finished.code == 1
    assert "a report must replace no other file" in finished.err
    assert page.read_bytes() == before
    for options in (("--overwrite",), ()):  # its own is replaced
        assert unsmear(*given, *options).code == 0
    assert page.read_bytes() != before


def test_a_dry_run_lists_and_writes_nothing(source, tmp_path, unsmear):
    out = tmp_path / "out"
    finished = unsmear("restore", source, "-o", out, "--dry-run")
    assert (finished.code, out.exists()) == (0, False)
    lines = finished.out.splitlines()
    assert lines[0] == (f"a: YX 48x64 uint8, pixel size not known, one exposure -> {out / 'a.png'}")
    assert lines[2] == (
        "c.ome: CYX 2x48x64 uint16, channels DAPI, GFP, pixel size 0.2 um from OME-XML, "
        f"one exposure of 2 planes -> {out / 'c.ome.tif'}"
    )
    assert lines[3] == "3 to restore, 0 failed."


def test_an_error_that_nobody_foresaw_is_one_sentence(source, tmp_path, unsmear, monkeypatch):
    def fail(*_, **__):
        raise ZeroDivisionError("by\nzero")

    monkeypatch.setattr(pipeline, "restore", fail)
    finished = unsmear("restore", source, "-o", tmp_path / "out", *FAST)
    assert finished.code == 1
    assert finished.err.splitlines()[0] == (
        "a.png: an error that was not foreseen (ZeroDivisionError: by zero); please report it."
    )
    assert "0 restored, 3 failed." in finished.out


@pytest.mark.skipif(sys.platform == "win32", reason="names of bytes")
@pytest.mark.slow
def test_a_name_that_the_terminal_cannot_show_ends_nothing(source, tmp_path):
    name = os.fsencode(source) + b"/a_Zellk\xf6rper.png"
    shutil.copy(os.fsencode(source / "a.png"), name)
    for encoding in ("utf-8:strict", "cp1252", "ascii"):
        out = tmp_path / encoding.partition(":")[0]
        command = [sys.executable, "-m", "unsmear", "restore", source, "-o", out, *FAST]
        done = subprocess.run(
            [str(part) for part in command],
            env={**os.environ, "PYTHONIOENCODING": encoding},
            capture_output=True,
        )
        assert (done.returncode, done.stderr) == (0, b"")
        assert b"4 restored, 0 failed." in done.stdout
        assert len(outputs(out)) == 4


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no full device")
@pytest.mark.slow
def test_a_full_disk_under_stdout_ends_nothing(source, tmp_path):
    command = [sys.executable, "-m", "unsmear", "restore", source, "-o", tmp_path / "out", *FAST]
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [str(part) for part in command], stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert len(outputs(tmp_path / "out")) == 3


def test_a_link_to_itself_does_not_end_the_others(tmp_path, unsmear):
    pixels = np.random.default_rng(0).integers(0, 99, (40, 48), np.uint8)
    images.write(tmp_path / "in" / "a.png", images.Image(pixels, "YX"))
    for link in (tmp_path / "in" / "loop.png", tmp_path / "given.png"):
        link.symlink_to(link.name)
    finished = unsmear("restore", tmp_path / "in", tmp_path / "given.png", "-o", tmp_path / "out",
                       "--method", "wiener", "--length", 5, "--angle", 20)  # fmt: skip
    assert finished.code == 1
    assert "1 restored, 1 failed." in finished.out
    assert "loop.png: the file cannot be read" in finished.err
    assert "given.png: a link must lead to a file or folder" in finished.err


def test_a_link_to_itself_is_no_output(source, tmp_path, unsmear):
    (tmp_path / "loop").symlink_to("loop")
    finished = unsmear("restore", source, "-o", tmp_path / "loop", *FAST)
    assert finished.code == 1
    assert "Traceback" not in finished.err
    finished = unsmear("restore", "", "-o", tmp_path / "out", *FAST)
    assert finished.code == 1
    assert "an input must be a path" in finished.err


def test_a_compression_that_imagej_cannot_open_is_said(tmp_path, counts, unsmear):
    tifffile.imwrite(tmp_path / "a.tif", counts, compression="zstd", photometric="minisblack")
    finished = unsmear("restore", tmp_path / "a.tif", "-o", tmp_path / "out", *FAST)
    assert finished.out.endswith("a.tif (Zstandard, which ImageJ and Viv cannot open)\n")


@pytest.mark.parametrize("given", ["7", "mask.png"])
def test_pixels_without_data_are_given_by_a_value_or_a_mask(given, tmp_path, counts, unsmear):
    counts[10:30, 20:50] = 7
    counts[0, 0] = 0
    mask = np.zeros(counts.shape, np.uint8)
    mask[10:30, 20:50] = 255
    images.write(tmp_path / "mask.png", Image(mask, "YX"))
    images.write(tmp_path / "a.png", Image(counts, "YX"))
    value = given if given.isdigit() else tmp_path / given
    options = ("--no-data", value, *FAST)
    finished = unsmear("restore", tmp_path / "a.png", "-o", tmp_path / "out", *options)
    assert (finished.code, finished.err) == (0, "")
    assert "% without data left as it was" in finished.out
    result = images.read(tmp_path / "out" / "a.png").pixels
    assert (result[10:30, 20:50] == 7).all()
    assert (result[32:] != counts[32:]).any()


def test_floats_that_a_png_cannot_hold_become_tiffs(source, tmp_path, counts, unsmear):
    for colour in ("red", "green", "blue"):
        images.write(source / f"field_{colour}.png", Image(counts, "YX"))
    out = tmp_path / "out"
    for options in ((), ("--resume",)):
        finished = unsmear("restore", source, "-o", out, *FAST, "--dtype", "float32", *options)
        assert (finished.code, finished.err) == (0, "")
    assert finished.out.count(": already there") == 4
    assert sorted(contents(out)) == [
        "a.tif", "b.tif", "c.ome.tif", "field_blue.tif", "field_green.tif", "field_red.tif",
    ]  # fmt: skip
    for path in outputs(out):
        assert images.read(path).pixels.dtype == np.float32
