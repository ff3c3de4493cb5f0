"""Zarrs through the commands: plates stay plates, and a second run knows its results."""

import json
import shutil

import pytest
import zarr

from tests.found import find_everywhere
from tests.images.ome_zarr.zarrs import make, make_plate
from unsmear.estimate import Estimate

KERNEL = ("--method", "wiener", "--length", 6, "--angle", 30)


def consolidated(path):
    return json.loads((path / ".zmetadata").read_text())["metadata"]


def contents(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture
def still(monkeypatch):
    """Find no motion in any image."""
    found = Estimate(0.0, confidence=0.9, kind="none")
    find_everywhere(monkeypatch, found)


def test_metadata_around_a_plate_are_those_of_now(tmp_path, unsmear):
    make_plate(tmp_path / "p.zarr")
    zarr.consolidate_metadata(str(tmp_path / "p.zarr"))
    given = ("restore", tmp_path / "p.zarr", "-o", tmp_path / "out", *KERNEL)
    assert unsmear(*given, "--dtype", "float32").code == 0
    assert consolidated(tmp_path / "out/p.zarr")["A/2/1/s0/.zarray"]["dtype"] == "<f4"
    assert unsmear(*given).code == 0
    assert consolidated(tmp_path / "out/p.zarr")["A/2/1/s0/.zarray"]["dtype"] == "<u2"


def test_one_missing_well_ends_no_plate(tmp_path, unsmear):
    make_plate(tmp_path / "p.zarr")
    zarr.consolidate_metadata(str(tmp_path / "p.zarr"))
    shutil.rmtree(tmp_path / "p.zarr/A/1")
    finished = unsmear("restore", tmp_path / "p.zarr", "-o", tmp_path / "out", *KERNEL)
    assert finished.code == 1
    assert "p.zarr/A/1: the file cannot be read (No such" in finished.err
    assert (tmp_path / "out/p.zarr/A/2/1/s0/.zarray").is_file()
    assert not any(name.startswith("A/1/0") for name in consolidated(tmp_path / "out/p.zarr"))


def test_a_plate_asked_for_as_zarr_stays_the_plate(tmp_path, unsmear):
    make_plate(tmp_path / "p.zarr", "0.5")
    given = ("restore", tmp_path / "p.zarr", "-o", tmp_path / "out", *KERNEL, "--as", "ome-zarr")
    assert unsmear(*given).code == 0
    assert (tmp_path / "out/p.zarr/A/2/1/s0/zarr.json").is_file()
    assert contents(tmp_path / "p.zarr").keys() == contents(tmp_path / "out/p.zarr").keys()


@pytest.mark.usefixtures("still")
def test_a_second_run_knows_what_was_left_alone(tmp_path, unsmear):
    make_plate(tmp_path / "p.zarr")
    zarr.consolidate_metadata(str(tmp_path / "p.zarr"))
    given = ("restore", tmp_path / "p.zarr", "-o", tmp_path / "out")
    assert unsmear(*given).code == 0
    assert contents(tmp_path / "p.zarr") == contents(tmp_path / "out/p.zarr")
    assert unsmear(*given).code == 0
    assert "already there" in unsmear(*given, "--resume").out
    (tmp_path / "out/p.zarr/A/1/0/s0/0.0.0").write_bytes(b"other")
    assert unsmear(*given).code == 1


def test_a_zarr_has_its_name_where_one_stands_in_it(tmp_path, unsmear, monkeypatch):
    make(tmp_path / "a.zarr")
    monkeypatch.chdir(tmp_path / "a.zarr")
    assert unsmear("restore", ".", "-o", tmp_path / "out", *KERNEL).code == 0
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["a.zarr"]


def test_a_zipped_zarr_is_named_once(tmp_path, unsmear):
    make(tmp_path / "in/a.zarr")
    shutil.make_archive(str(tmp_path / "all"), "zip", tmp_path / "in")
    finished = unsmear("restore", tmp_path / "all.zip", "-o", tmp_path / "out", *KERNEL)
    assert finished.code != 0
    assert finished.err.count("all.zip/a.zarr") <= 1
    assert "unpack it" in finished.err
