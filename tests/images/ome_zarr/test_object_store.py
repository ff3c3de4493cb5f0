"""OME-Zarr in an object store: read and written whole, or an error that names the address."""

import numpy as np
import pytest
import zarr

from tests.images.ome_zarr.zarrs import make, make_plate
from tests.object_store import object_store
from unsmear import images, remote
from unsmear.data import source
from unsmear.errors import ImageError
from unsmear.images import ome_zarr
from unsmear.location import Location

pytest.importorskip("s3fs", reason="needs the extra cloud")
pytest.importorskip("moto", reason="needs moto, an object store on this machine")


pytestmark = pytest.mark.slow


@pytest.fixture
def store(monkeypatch):
    monkeypatch.setattr(remote, "WAIT", 0.01)
    monkeypatch.setattr(remote, "TIMEOUT", 0.5)
    with object_store(monkeypatch) as store:
        yield store


def put(folder, url="s3://plates/x.zarr"):
    """Write a local Zarr into the store, as other programs do."""
    for file in folder.rglob("*"):
        if file.is_file():
            remote.send(file, Location(url) / file.relative_to(folder).as_posix())


def contents(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_it_is_fetched_to_the_last_byte(version, store, tmp_path):
    make(tmp_path / "x.zarr", version)
    put(tmp_path / "x.zarr")
    (item,) = source.survey(["s3://plates/x.zarr"]).items
    with item.here() as here:
        assert contents(here.files[0]) == contents(tmp_path / "x.zarr")


def test_a_plate_is_its_fields(store, tmp_path):
    make_plate(tmp_path / "p.zarr", "0.5")
    put(tmp_path / "p.zarr", "s3://plates/run 1/p.zarr")
    items = source.survey(["s3://plates/run 1/p.zarr"]).items
    local = source.survey([tmp_path / "p.zarr"]).items
    assert [item.id for item in items] == [item.id for item in local]
    for item, there in zip(items, local, strict=True):
        assert np.array_equal(item.read().pixels, there.read().pixels)


def test_a_missing_chunk_is_the_fill_value_and_a_failed_one_is_none(store, tmp_path):
    pixels = make(tmp_path / "x.zarr", "0.5")
    (tmp_path / "x.zarr/s0/c/0/2/3").unlink()
    put(tmp_path / "x.zarr")
    pixels[:, 64:, 96:] = 0
    assert np.array_equal(images.read("s3://plates/x.zarr").pixels, pixels)
    for fault, reason in (
        ("403", "denied|403"),
        ("503", "503"),
        ("404", "was there, and is no more"),
        ("cut", "cut short"),
        ("slow", "did not answer in time"),
    ):
        store.faults = {"s0/c/0/1/2": [fault]}
        with pytest.raises(ImageError, match=reason) as failed:
            images.read("s3://plates/x.zarr")
        assert str(failed.value).startswith("s3://plates/x.zarr/s0/c/0/1/2: ")
    store.faults = {"s0/c/0/1/2": ["503", "cut", "none"]}
    assert np.array_equal(images.read("s3://plates/x.zarr").pixels, pixels)


def test_what_is_written_reads_back(store, tmp_path):
    make(tmp_path / "x.zarr", "0.4")
    ome_zarr.remote.send(tmp_path / "x.zarr", Location("s3://plates/y.zarr"))
    written = [path for method, path in store.asked if method == "PUT"]
    assert written[-2:] == ["/plates/y.zarr/.zattrs", "/plates/y.zarr/.zgroup"]
    chunks = [i for i, path in enumerate(written) if "/.z" not in path]
    assert max(chunks) < min(i for i, path in enumerate(written) if "/.z" in path)
    (item,) = source.survey(["s3://plates/y.zarr"]).items
    with item.here() as here:
        assert contents(here.files[0]) == contents(tmp_path / "x.zarr")


@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.parametrize("fault", ["503", "403", "slow"])
def test_what_is_not_written_whole_is_no_zarr(version, fault, store, tmp_path):
    make(tmp_path / "x.zarr", version)
    files = (path for path in (tmp_path / "x.zarr/s0").rglob("*") if path.is_file())
    chunk = next(path.as_posix() for path in files if "z" not in path.name)
    chunk = chunk.partition("x.zarr/")[2]
    ome_zarr.remote.send(tmp_path / "x.zarr", Location("s3://plates/y.zarr"))
    remote.remove(Location("s3://plates/y.zarr") / chunk)  # the others are not sent again
    store.faults = {chunk: [fault]}
    with pytest.raises(ImageError, match=r"cannot be (written|read back)"):
        ome_zarr.remote.send(tmp_path / "x.zarr", Location("s3://plates/y.zarr"))
    store.faults = {}
    there = remote.listing(Location("s3://plates/y.zarr"))
    assert there
    assert not any(path.endswith(("zarr.json", ".zgroup", ".zarray")) for path in there)
    ome_zarr.remote.send(tmp_path / "x.zarr", Location("s3://plates/y.zarr"))
    assert len(remote.listing(Location("s3://plates/y.zarr"))) == len(contents(tmp_path / "x.zarr"))


def test_what_lay_there_before_is_gone(store, tmp_path):
    make(tmp_path / "old.zarr", "0.4", shape=(2, 192, 256))
    make(tmp_path / "new.zarr", "0.5")
    for name in ("old", "new"):
        ome_zarr.remote.send(tmp_path / f"{name}.zarr", Location("s3://plates/y.zarr"))
    (item,) = source.survey(["s3://plates/y.zarr"]).items
    with item.here() as here:
        assert contents(here.files[0]) == contents(tmp_path / "new.zarr")
        assert zarr.open_group(str(here.files[0])).metadata.zarr_format == 3


def test_without_keys_the_store_is_asked_as_anybody(store, monkeypatch, tmp_path):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    assert remote._s3_options()["anon"]
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    assert not remote._s3_options()["anon"]
