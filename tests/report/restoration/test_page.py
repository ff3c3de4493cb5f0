"""A report shows what was done, in words and pictures, in one file."""

import sys
from pathlib import Path

import numpy as np
import pytest

from unsmear import images
from unsmear.blur import Motion
from unsmear.errors import MissingExtra, OptionError
from unsmear.report.restoration.content import Report, sentences
from unsmear.report.restoration.page import check_wanted, path_for, write
from unsmear.restoration import consistency

KERNEL = Motion(6, 30).kernel()


def report(count=3, size=(70, 100), batch=1, verdict=consistency.RESTORED, **changed):
    generator = np.random.default_rng(count)
    blurred = generator.integers(10, 200, (batch, count, *size)).astype(np.uint8)
    tiles = (batch, count, *(-(-side // consistency.TILE) for side in size))
    verdicts = np.zeros(tiles, np.uint8)
    verdicts[0, 0, 1, 2] = verdict
    given = {
        "title": "cells.tif",
        "movement": "linear motion of 6.0 px at 30 degrees (confidence 0.93)",
        "blurred": blurred,
        "restored": blurred + np.uint8(1),
        "kernel": KERNEL,
        "verdicts": verdicts,
        "misfit": generator.random(tiles).astype(np.float32),
        "empty": np.zeros((batch, count), bool),
    }
    return Report(**{**given, **changed})


@pytest.mark.slow
@pytest.mark.parametrize("channels", [1, 5])
def test_the_picture_is_drawn_for_any_number_of_channels(tmp_path, channels):
    pytest.importorskip("matplotlib")
    write(tmp_path / "report.png", report(channels, verdict=consistency.INPUT))
    drawn = images.read(tmp_path / "report.png").pixels
    assert drawn.shape[1] > drawn.shape[0] > 500
    blue = (np.abs(drawn[..., 2].astype(int) - drawn[..., 0]) > 60).sum()
    write(tmp_path / "kept.png", report(channels, verdict=consistency.RESTORED))
    passed = images.read(tmp_path / "kept.png").pixels
    assert blue != (np.abs(passed[..., 2].astype(int) - passed[..., 0]) > 60).sum()


def test_the_page_needs_no_other_file_and_says_what_was_done(tmp_path):
    shown = report(verdict=consistency.DECONVOLVED, title="<cells> & more.tif", method="wiener")
    write(tmp_path / "report.html", shown)
    page = (tmp_path / "report.html").read_text()
    assert "&lt;cells&gt; &amp; more.tif" in page
    assert "data:image/png;base64," in page
    assert 'src="http' not in page
    assert "import " not in page
    for sentence in sentences(shown):
        assert sentence in page
    before, after = shown.intensities()[0][1:3]
    assert f"<td>{before:.5g}</td><td>{after:.5g}</td>" in page


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({}, "Consistency check: passed in all 36 tiles of 32x32 pixels."),
        ({"verdict": consistency.INPUT}, "Consistency check: failed in 1 of 36 tiles"),
        (
            {"verdict": consistency.INPUT},
            "by classical deconvolution in 0, by the recorded image in 1.",
        ),
        ({"empty": np.array([[True, False, False]])}, "Channel 0 holds only noise"),
        ({"empty": np.array([[True, False, False]])}, "in all 24 tiles"),
        ({"kernel": None, "movement": "no motion found"}, "No motion found."),
        ({"kernel": None}, "The image was left unchanged."),
        ({}, "Linear motion of 6.0 px at 30 degrees (confidence 0.93)."),
    ],
)
def test_words(changed, sentence):
    assert sentence in " ".join(sentences(report(**changed)))


def test_intensities_and_names():
    shown = report(2, channels=("DNA", "actin"))
    assert [row[0] for row in shown.intensities()] == ["DNA", "actin"]
    _, before, after, change = shown.intensities()[0]
    assert after - before == pytest.approx(1)
    assert change == pytest.approx(1 / before)
    dark = report(1, blurred=np.zeros((1, 1, 40, 40)), restored=np.zeros((1, 1, 40, 40)))
    assert dark.intensities() == [("channel 0", 0.0, 0.0, 0.0)]


@pytest.mark.slow
@pytest.mark.parametrize(
    "changed",
    [
        {"verdicts": None, "misfit": None, "empty": None, "kernel": None},
        {"empty": np.ones((1, 3), bool)},
        {"size": (40, 1500)},
        {"batch": 2},
        {"blurred": np.zeros((1, 3, 70, 100)), "restored": np.zeros((1, 3, 70, 100))},
    ],
    ids=["nothing checked", "all empty", "large", "several planes", "black"],
)
def test_odd_images_are_drawn(tmp_path, changed):
    pytest.importorskip("matplotlib")
    write(tmp_path / "report.png", report(**changed))
    assert (tmp_path / "report.png").exists()


@pytest.mark.parametrize("name", ["r", "r.html", "r.v2"])
def test_where_it_is_written(tmp_path, name):
    assert path_for(Path("a/b.html"), "cell") == Path("a/b.html")
    assert path_for(Path("a/b.PNG"), "cell") == Path("a/b.PNG")
    assert path_for(Path("a/b"), "cell") == Path("a/b/cell.html")
    folder = tmp_path / name
    folder.mkdir()
    assert path_for(folder, "cell") == folder / "cell.html"


@pytest.mark.parametrize(
    ("name", "count", "sentence"),
    [
        ("r", 2, ""),
        ("r.html", 1, ""),
        ("r.png", 1, ""),
        ("folder.v2", 2, ""),
        ("r.html", 2, "must be a folder for 2 images"),
        ("r.pdf", 1, "must be a folder, or a file that ends in .html or .png"),
        ("new.v2", 2, "must be a folder, or a file that ends in .html or .png"),
        ("file", 1, "must be a folder, or a file that ends in .html or .png"),
    ],
)
def test_what_may_be_wanted(tmp_path, name, count, sentence):
    pytest.importorskip("matplotlib")
    (tmp_path / "folder.v2").mkdir()
    (tmp_path / "file").touch()
    if not sentence:
        check_wanted(tmp_path / name, count)
        return
    with pytest.raises(OptionError, match=sentence):
        check_wanted(tmp_path / name, count)


def test_other_endings_are_refused(tmp_path):
    with pytest.raises(OptionError, match=r"--report must end in .html or .png"):
        write(tmp_path / "report.docx", report())


def test_without_matplotlib_a_sentence_says_so(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtra, match="matplotlib"):
        write(tmp_path / "report.png", report())
    with pytest.raises(MissingExtra, match="matplotlib"):
        check_wanted(tmp_path / "report.html", 1)
