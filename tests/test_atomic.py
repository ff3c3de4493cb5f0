"""Files appear whole or not at all, whatever they are called and whoever was killed."""

import os
import subprocess
import sys

import pytest

from unsmear import atomic
from unsmear.errors import ImageError

LONG = "ä" * 120 + ".tif"
"""A name of 244 bytes; file systems take 255."""


@pytest.fixture(scope="module")
def dead():
    """Return the number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_a_name_without_room_for_a_longer_one(tmp_path):
    atomic.write_aside(tmp_path / LONG, b"pixels")
    atomic.copy_aside(tmp_path / LONG, tmp_path / "copies" / LONG)
    assert (tmp_path / "copies" / LONG).read_bytes() == b"pixels"
    assert {path.name for path in tmp_path.iterdir()} == {LONG, "copies"}


def test_names_aside_differ_where_names_do(tmp_path):
    asides = {atomic.name_aside(tmp_path / f"{letter}{LONG}") for letter in "abc"}
    assert len(asides) == 3
    assert all(len(os.fsencode(path.name)) < 255 for path in asides)


def test_a_disk_that_is_full_is_a_sentence(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(atomic, "_allocate", full)
    with pytest.raises(ImageError, match=r"^a.png: the file cannot be written \(No space left"):
        atomic.write_aside(tmp_path / "a.png", b"pixels")
    assert not list(tmp_path.iterdir())


def test_what_the_dead_left_is_deleted_and_nothing_else(tmp_path, dead):
    below = tmp_path / "plate"
    folder = below / f".w.zarr.{dead}-1.part"
    folder.mkdir(parents=True)
    (folder / ".zgroup").write_text("{}")
    living = atomic.name_aside(tmp_path / "b.png")
    elsewhere = tmp_path / f".c.png.{dead}-1-00000000.part"
    kept = [living, elsewhere, tmp_path / f"d.png.{dead}.part", tmp_path / ".e.png.part-of-slide"]
    ours = atomic.name_aside(tmp_path / "f.png").name.replace(str(os.getpid()), str(dead), 1)
    left = [tmp_path / f".a.png.{dead}.part", below / f".a.png.{dead}-77.part", tmp_path / ours]
    for path in [*kept, *left]:
        path.write_text("half")
    atomic.sweep(tmp_path)
    assert set(tmp_path.rglob("*")) == {below, *kept}


def test_with_the_first_name_in_a_folder_goes_what_the_dead_left_there(tmp_path, dead):
    mine = atomic.name_aside(tmp_path / "elsewhere" / "a.csv").name
    left = tmp_path / mine.replace(str(os.getpid()), str(dead), 1)
    others = [tmp_path / mine, tmp_path / f".a.csv.{dead}.part", tmp_path / "a.csv.part"]
    for path in [left, *others]:
        path.write_text("half")
    atomic.write_aside(tmp_path / "b.csv", b"whole")
    assert set(tmp_path.iterdir()) == {*others, tmp_path / "b.csv"}
