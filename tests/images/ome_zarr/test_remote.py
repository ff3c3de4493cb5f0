"""OME-Zarr on a web server: it is the local one, or an error that names the address."""

import numpy as np
import pytest
import zarr

from tests.images.ome_zarr.zarrs import make, make_plate
from tests.server import served
from unsmear import images, remote
from unsmear.data import source
from unsmear.errors import DataError, ImageError

pytest.importorskip("aiohttp", reason="needs the extra cloud")
pytest.importorskip("fsspec", reason="needs the extra cloud")


@pytest.fixture
def server(tmp_path, monkeypatch):
    monkeypatch.setattr(remote, "WAIT", 0.01)
    monkeypatch.setattr(remote, "TIMEOUT", 0.3)
    with served(tmp_path) as server:
        yield server


KINDS = [
    ("0.4", {}),
    ("0.4", {"chunk_key_encoding": {"name": "v2", "separator": "/"}}),
    ("0.4", {"compressors": None, "fill_value": 7}),
    ("0.5", {}),
    ("0.5", "sharded"),
]


@pytest.mark.parametrize(("version", "options"), KINDS)
def test_it_is_read_as_from_the_disk(version, options, server, tmp_path):
    if options == "sharded":
        pixels = make_sharded(tmp_path / "x.ome.zarr")
    else:
        pixels = make(tmp_path / "x.ome.zarr", version, **options)
    image = images.read(f"{server.url}/x.ome.zarr")
    local = images.read(tmp_path / "x.ome.zarr")
    assert np.array_equal(image.pixels, pixels)
    assert (image.axes, image.channels, image.pixel_size, image.name) == (
        local.axes, local.channels, local.pixel_size, local.name)  # fmt: skip
    images.write(tmp_path / "again.ome.tif", image)
    assert not list(tmp_path.parent.glob("unsmear-*"))


def make_sharded(path):
    pixels = make(path, "0.5")
    group = zarr.open_group(str(path))
    del group["s0"]
    made = group.create_array("s0", shape=pixels.shape, dtype=pixels.dtype, chunks=(1, 16, 16),
                              shards=(1, 32, 32))  # fmt: skip
    made[...] = pixels
    return pixels


@pytest.mark.parametrize("sharded", [False, True])
def test_a_missing_chunk_is_the_fill_value_and_a_failed_one_is_none(sharded, server, tmp_path):
    pixels = make_sharded(tmp_path / "x.zarr") if sharded else make(tmp_path / "x.zarr", "0.5")
    (tmp_path / "x.zarr/s0/c/0/2/3").unlink()
    pixels[slice(1 if sharded else None), 64:, 96:] = 0
    assert np.array_equal(images.read(f"{server.url}/x.zarr").pixels, pixels)
    for fault, reason in (
        ("403", "403 Forbidden"),
        ("503", "503 Service Unavailable"),
        ("cut", "cut short"),
        ("slow", "did not answer in time"),
        ("of no length", "does not state the length"),
    ):
        server.faults = {"s0/c/0/1/2": [fault]}
        with pytest.raises(ImageError, match=reason) as failed:
            images.read(f"{server.url}/x.zarr")
        assert str(failed.value).startswith(f"{server.url}/x.zarr/s0/c/0/1/2: ")
    server.faults = {"s0/c/0/1/2": ["cut", "503", "none"]}
    assert np.array_equal(images.read(f"{server.url}/x.zarr").pixels, pixels)


@pytest.mark.parametrize("file", [".zattrs", ".zgroup", "s0/.zarray", "A/1/.zattrs"])
def test_metadata_that_fail_are_not_taken_for_missing_ones(file, server, tmp_path):
    make_plate(tmp_path / "p.zarr")
    server.faults = {file: ["503"]}
    with pytest.raises((DataError, ImageError), match="503 Service Unavailable"):
        [item.read() for item in source.survey([f"{server.url}/p.zarr"]).items]


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_a_plate_is_its_fields(version, server, tmp_path):
    make_plate(tmp_path / "p.zarr", version)
    survey = source.survey([f"{server.url}/p.zarr?key=secret"])
    local = source.survey([tmp_path / "p.zarr"])
    assert [(i.id, i.stem) for i in survey.items] == [(i.id, i.stem) for i in local.items]
    for item, there in zip(survey.items, local.items, strict=True):
        assert np.array_equal(item.read().pixels, there.read().pixels)
    side = {below for _, below in local.side_files if "A/1" in str(below) or below.parent.name}
    assert {below for _, below in survey.side_files} <= side
    assert "secret" not in repr(survey)


def test_labels_come_along(server, tmp_path):
    make(tmp_path / "x.zarr", "0.5")
    group = zarr.open_group(str(tmp_path / "x.zarr")).create_group("labels")
    group.attrs["ome"] = {"version": "0.5", "labels": ["nuclei"]}
    make(tmp_path / "x.zarr/labels/nuclei", "0.5")
    (item,) = source.survey([f"{server.url}/x.zarr"]).items
    with item.here() as here:
        written = {p.relative_to(here.files[0]) for p in here.files[0].rglob("*") if p.is_file()}
    there = {p.relative_to(tmp_path / "x.zarr") for p in (tmp_path / "x.zarr").rglob("*.json")}
    tables = {p for p in there if p.parts[0] == "tables" or "tables" in p.parts}
    assert there - tables <= written


def test_what_is_no_zarr_is_one_sentence(server, tmp_path):
    with pytest.raises(DataError, match=rf"{server.url}/x.zarr: a folder must be an OME-Zarr"):
        source.survey([f"{server.url}/x.zarr"])
    (tmp_path / "y.zarr").mkdir()
    (tmp_path / "y.zarr/.zgroup").write_text('{"zarr_format": 2}')
    (tmp_path / "y.zarr/.zattrs").write_text('{"multiscales": [{"datasets": [{"path": "../x"}]}]}')
    (item,) = source.survey([f"{server.url}/y.zarr"]).items
    with pytest.raises(ImageError, match="must lie inside it, got"):
        item.read()


def test_a_missing_well_leaves_the_others(server, tmp_path):
    make_plate(tmp_path / "p.zarr")
    (tmp_path / "p.zarr/A/1/.zattrs").unlink()
    first, *others = source.survey([f"{server.url}/p.zarr"]).items
    with pytest.raises(ImageError, match=r"p.zarr/A/1: a folder must be"):
        first.read()
    assert len([item.read() for item in others]) == 2


def test_a_single_file_keeps_what_it_is(server, tmp_path):
    image = images.Image(np.arange(64 * 48, dtype="u2").reshape(64, 48), "YX", (), (0.2, 0.2))
    images.write(tmp_path / "a b.tif", image)
    (item,) = source.survey([f"{server.url}/a%20b.tif"]).items
    assert item.id == "a b"
    assert np.array_equal(item.read().pixels, image.pixels)
    server.faults = {"b.tif": ["cut"]}
    with pytest.raises(ImageError, match=r"a%20b.tif: the file cannot be read \(.* cut short\)"):
        item.read()
