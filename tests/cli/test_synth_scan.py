"""`unsmear synth --scan` as a user calls it."""

import json

import numpy as np
import pytest

from unsmear import images
from unsmear.images import Image


@pytest.fixture
def slide(tmp_path):
    """Return a slide of noise in a file."""
    path = tmp_path / "slide.png"
    light = np.random.default_rng(0).integers(0, 255, (60, 200), np.uint8)
    images.write(path, Image(light, "YX"))
    return path


def content(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_frames_truth_and_tables_are_written_once(unsmear, tmp_path, slide):
    options = ("--scan", "--slide", slide, "--count", 2, "--size", 32, "--flutter", "raskar")
    done = unsmear("synth", "-o", tmp_path / "scan", *options, "--bits", 12, "--strips", 2)
    assert (done.code, done.err) == (0, "")
    assert "4 frames of 32x32 pixels made, one every 0.029 s" in done.out
    made = content(tmp_path / "scan")
    names = [f"{side}/frame-00000{n}.ome.tif" for side in ("blur", "sharp") for n in range(4)]
    assert sorted(made) == sorted([*names, "manifest.csv", "movement.csv", "scan.json"])
    blurred = images.read(tmp_path / "scan/blur/frame-000003.ome.tif")
    assert 2000 < blurred.pixels.max() <= 4095
    assert blurred.timing.place == pytest.approx((-29 * 0.16, 0))
    again = unsmear("synth", "-o", tmp_path / "scan", *options, "--bits", 12, "--strips", 2)
    assert "0 frames of 32x32 pixels made, 4 already there" in again.out
    assert content(tmp_path / "scan") == made
    other = unsmear("synth", "-o", tmp_path / "scan", *options, "--bits", 12, "--strips", 1)
    assert other.code == 1
    assert "the folder holds a scan of other options: grid.strips 2 (now 1)." in other.err


def test_a_dry_run_writes_nothing(unsmear, tmp_path):
    done = unsmear("--json", "synth", "-o", tmp_path / "scan", "--scan", "--dry-run")
    assert done.code == 0, done.err
    assert len(json.loads(done.out)["writes"]) == 3
    assert not (tmp_path / "scan").exists()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--jitter", "1"], "--jitter must come with --scan."),
        (["--scan", "--labels", "0"], "--labels and --sheet are not available with --scan."),
        (["--scan", "--mismatch", "1"], "--mismatch must come with --tdi."),
        (["--scan", "--tdi", "9", "--flutter", "1"], "--flutter is not available with --tdi."),
        (["--scan", "--flutter", "12"], "a code of an exposure must be"),
        (["--scan", "--bits", "7"], "bits must be a whole number from 8 to 16, got 7."),
        (["--scan", "--slide", "none.tif"], "none.tif: the file cannot be read"),
    ],
)
def test_options_that_make_no_scan_are_refused(unsmear, tmp_path, options, sentence):
    done = unsmear("synth", "-o", tmp_path / "out", *options)
    assert done.code == 1
    assert sentence in done.err
    assert not (tmp_path / "out").exists()
