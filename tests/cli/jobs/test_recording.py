"""Tests of the record of a batch: how options that are files are known to be the same."""

from hashlib import sha256
from pathlib import Path

from tests.images.slides import made
from unsmear.cli.jobs import recording


def test_a_large_file_is_not_read_at_once(tmp_path, monkeypatch):
    data = b"mask" * 300_000
    (tmp_path / "mask.tif").write_bytes(data)
    monkeypatch.setattr(Path, "read_bytes", None)
    assert recording.contents(tmp_path / "mask.tif") == sha256(data).hexdigest()


def test_a_zarr_that_changed_is_another(tmp_path):
    path = tmp_path / "mask.zarr"
    made.write_zarr(path)
    before = recording.contents(path)
    assert recording.contents(path) == before
    chunk = path / "0" / "c" / "0" / "0" / "0"
    chunk.write_bytes(chunk.read_bytes() + b"0")
    assert recording.contents(path) != before


def test_what_is_no_file_is_known_by_its_name(tmp_path):
    assert recording.contents(tmp_path / "none.tif") == str(tmp_path / "none.tif")
