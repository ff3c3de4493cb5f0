"""Folders of several plates, of none, and with what a search can run into."""

import os

import pytest

from unsmear.data import plates

OPERA = "r02c03f01p01-ch1sk1fk1fl1.tiff"
XPRESS = "p_B02_s1_w1.TIF"


def test_plates_of_two_vendors_keep_their_own_files(tmp_path, tif, text):
    tif(f"a/Images/{OPERA}", f"b/{XPRESS}")
    layout = text("a/Assaylayout/p.xml")
    text("a/Images/Index.xml", "<E/>")
    htd = text("b/p.HTD")
    text("readme.txt")
    first, second = plates.find(tmp_path)
    assert (first.vendor, first.root) == ("Opera/Operetta", tmp_path / "a")
    assert layout in first.side_files
    assert (second.vendor, second.root, second.side_files) == (
        "ImageXpress",
        tmp_path / "b",
        (htd,),
    )


def test_other_images_are_no_side_files(tmp_path, tif, text):
    tif(XPRESS, "overview.tif", "overview.png")
    text("scan.czi")
    htd = text("p.HTD")
    assert plates.recognise(tmp_path).side_files == (htd,)


def test_working_directory_is_a_folder(tmp_path, tif, text, monkeypatch):
    tif(f"Images/{OPERA}")
    text("Index.xml", f"<E><Image><URL>{OPERA}</URL><ChannelName>DAPI</ChannelName></Image></E>")
    monkeypatch.chdir(tmp_path / "Images")
    [place] = plates.recognise(".").fields.values()
    assert place.channel == "DAPI"


def test_links_to_themselves_and_pipes_are_passed_over(tmp_path, tif):
    tif(XPRESS)
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "self_B02_s2_w1.TIF").symlink_to(tmp_path / "self_B02_s2_w1.TIF")
    os.mkfifo(tmp_path / "p_B02_s1_w1_thumb.TIF")
    plate = plates.recognise(tmp_path)
    assert (len(plate.fields), plate.side_files) == (1, ())


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every folder")
def test_locked_folder_is_a_problem(tmp_path, tif):
    tif(XPRESS, f"locked/{XPRESS}")
    (tmp_path / "locked").chmod(0)
    plate = plates.recognise(tmp_path)
    (tmp_path / "locked").chmod(0o700)
    assert "locked" in plate.problems[0]


@pytest.mark.parametrize("make", ["missing", "empty"])
def test_folder_without_plates_gives_none(tmp_path, make):
    folder = tmp_path / make
    if make == "empty":
        folder.mkdir()
    assert plates.find(folder) == []
    assert plates.recognise(folder) is None
