"""Slides in object stores and on web servers: read chunk by chunk, or an error with the address."""

import pickle

import numcodecs
import numpy as np
import pytest

from tests.images.slides import made
from tests.images.slides.made import blocks_of, restored
from tests.object_store import object_store
from tests.server import served
from unsmear import images, remote
from unsmear.data import source
from unsmear.errors import ImageError
from unsmear.images import slides
from unsmear.images.ome_zarr import remote as transfer
from unsmear.location import Location

pytest.importorskip("s3fs", reason="needs the extra cloud")
SHAPE = (2, 80, 112)
SHARDED = {"chunks": (1, 16, 16), "shards": (1, 64, 96)}
KINDS = [("0.4", {"compressors": None}), ("0.5", {"fill_value": 9}), ("0.5", SHARDED)]


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Let every image be a slide, and every failure be told at once."""
    monkeypatch.setattr(slides.slide, "LARGE", 100)
    monkeypatch.setattr(remote, "WAIT", 0.01)
    monkeypatch.setattr(remote, "TIMEOUT", 0.5)


@pytest.fixture
def server(tmp_path):
    (tmp_path / "served").mkdir()
    with served(tmp_path / "served") as server:
        yield server


@pytest.fixture
def store(monkeypatch):
    pytest.importorskip("moto", reason="needs moto, an object store on this machine")
    with object_store(monkeypatch) as store:
        yield store


def write_zarr(path, version="0.5", **options):
    made.write_zarr(path, version, shape=SHAPE, **options)


def slide_at(url, folder=None):
    """Return the context of the slide at an address."""
    (item,) = source.survey([url]).items
    return item.slide(folder)


def whole(slide):
    """Return all pixels of a slide, read block by block."""
    planes = np.empty(slide.header.planes().shape, slide.header.pixels.dtype)
    for batch, channel, rows, columns in blocks_of(slide):
        planes[batch, channel, rows, columns] = slide.read(batch, channel, rows, columns)
    return planes


def result_of(slide, path, stopped_after=None):
    """Restore a slide block by block to a file; return how many blocks were there before."""
    sink = slides.Sink.create(path, slide, np.dtype("u2"), (64, 96), "half")
    there = len(sink.done)
    for number, place in enumerate(blocks_of(slide)):
        if number == stopped_after:
            return there
        if not sink.is_done(*place):
            sink.write(*place, restored(slide.read(*place), "u2"))
            sink.mark(*place, {})
    sink.finish('{"unsmear": "0.1.0", "command": "restore"}')
    return there


def contents(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize(("version", "options"), KINDS)
def test_it_is_read_as_from_the_disk(version, options, server, tmp_path):
    write_zarr(tmp_path / "served/x.ome.zarr", version, **options)
    local = slides.open(tmp_path / "served/x.ome.zarr")
    with slide_at(f"{server.url}/x.ome.zarr?key=secret") as slide:
        assert not any("/0/c/" in path or "/0/0." in path for path in server.asked)
        assert (slide.chunk, slide.header.axes) == (local.chunk, local.header.axes)
        assert np.array_equal(whole(slide), whole(local))
        assert np.array_equal(whole(pickle.loads(pickle.dumps(slide))), whole(local))
        result_of(slide, tmp_path / "there.ome.zarr")
        assert "secret" not in repr(slide)
    result_of(local, tmp_path / "here.ome.zarr")
    there, here = (contents(tmp_path / f"{name}.ome.zarr") for name in ("there", "here"))
    for path in [path for path in here if path.parts[0] == "labels"]:  # a web server has no list
        here.pop(path), there.pop(path, None)
    assert there == here


def test_of_a_shard_only_the_chunks_that_are_wanted_come(server, tmp_path):
    write_zarr(tmp_path / "served/x.zarr", "0.5", **SHARDED)
    with slide_at(f"{server.url}/x.zarr") as slide:
        server.asked.clear()
        server.given.clear()
        slide.read(0, 0, slice(0, 16), slice(0, 16))
        shard = (tmp_path / "served/x.zarr/0/c/0/0/0").stat().st_size
        assert 0 < sum(server.given) < shard / 4
    server.parts = False
    with slide_at(f"{server.url}/x.zarr") as slide:
        assert slide is None  # it is fetched whole
    write_zarr(tmp_path / "served/y.zarr", "0.5")
    with slide_at(f"{server.url}/y.zarr") as slide:  # whole chunks are enough
        assert np.array_equal(whole(slide), images.read(tmp_path / "served/y.zarr").planes())


@pytest.mark.parametrize("options", [{}, SHARDED])
def test_an_absent_chunk_is_the_fill_value_and_a_failed_one_is_none(options, server, tmp_path):
    write_zarr(tmp_path / "served/x.zarr", "0.5", **options)
    (tmp_path / "served/x.zarr/0/c/0/0/1").unlink()
    expected = images.read(tmp_path / "served/x.zarr").planes()
    with slide_at(f"{server.url}/x.zarr") as slide:
        assert np.array_equal(whole(slide), expected)
        for fault, reason in (
            ("403", "403 Forbidden"),
            ("503", "503 Service Unavailable"),
            ("cut", "cut short"),
            ("slow", "did not answer in time"),
        ):
            server.faults = {"0/c/1/1/1": [fault]}
            with pytest.raises(ImageError, match=reason) as failed:
                whole(slide)
            assert str(failed.value).startswith(f"{server.url}/x.zarr/0/c/1/1/1: ")
        server.faults = {"0/c/1/1/1": ["cut", "503", "none"]}
        assert np.array_equal(whole(slide), expected)


def test_a_chunk_that_is_short_in_the_store_is_never_decoded(server, tmp_path):
    write_zarr(tmp_path / "served/x.zarr", "0.4", compressors=numcodecs.Blosc())
    chunk = tmp_path / "served/x.zarr/0/0.1.1"
    chunk.write_bytes(chunk.read_bytes()[:-7])
    with (
        slide_at(f"{server.url}/x.zarr") as slide,
        pytest.raises(ImageError, match=r"x.zarr/0/0.1.1: the Zarr is damaged \(a chunk must have"),
    ):
        whole(slide)


def test_a_result_goes_on_where_it_was(server, tmp_path):
    write_zarr(tmp_path / "served/x.ome.zarr", "0.5")
    url = f"{server.url}/x.ome.zarr"
    with slide_at(url) as slide:
        result_of(slide, tmp_path / "whole.ome.zarr")
        result_of(slide, tmp_path / "again.ome.zarr", stopped_after=5)
    with slide_at(url) as slide:
        assert result_of(slide, tmp_path / "again.ome.zarr") == 5
    assert contents(tmp_path / "again.ome.zarr") == contents(tmp_path / "whole.ome.zarr")


def test_what_is_fetched_beside_it_goes_at_the_end(server, tmp_path):
    write_zarr(tmp_path / "served/x.zarr")
    left = tmp_path / "out/.x.zarr.source-of a killed one"
    left.mkdir(parents=True)
    with slide_at(f"{server.url}/x.zarr", tmp_path / "out") as slide:
        assert slide.path.is_relative_to(tmp_path / "out")
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.slow
@pytest.mark.parametrize(("version", "options"), KINDS[::2])
def test_it_is_read_from_an_object_store(version, options, store, tmp_path):
    write_zarr(tmp_path / "x.zarr", version, **options)
    name = "0.0.1" if version == "0.4" else "c/0/0/1"
    (tmp_path / "x.zarr/0" / name).unlink()
    transfer.send(tmp_path / "x.zarr", Location("s3://plates/x.zarr"))
    local = slides.open(tmp_path / "x.zarr")
    store.asked.clear()
    with slide_at("s3://plates/x.zarr") as slide:
        assert not any("x.zarr/0/c/" in path or "x.zarr/0/0." in path for _, path in store.asked)
        assert np.array_equal(whole(slide), whole(local))
        result_of(slide, tmp_path / "there.zarr")
    result_of(local, tmp_path / "here.zarr")
    assert contents(tmp_path / "there.zarr") == contents(tmp_path / "here.zarr")


@pytest.mark.slow
def test_a_failure_of_an_object_store_is_no_chunk(store, tmp_path):
    write_zarr(tmp_path / "x.zarr", "0.5")
    transfer.send(tmp_path / "x.zarr", Location("s3://plates/x.zarr"))
    expected = images.read(tmp_path / "x.zarr").planes()
    with slide_at("s3://plates/x.zarr") as slide:
        for fault, reason in (
            ("403", "denied|403"),
            ("503", "503"),
            ("404", "was there, and is no more"),
            ("cut", "cut short"),
            ("slow", "did not answer in time"),
        ):
            store.faults = {"0/c/1/1/1": [fault]}
            with pytest.raises(ImageError, match=reason) as failed:
                whole(slide)
            assert str(failed.value).startswith("s3://plates/x.zarr/0/c/1/1/1: ")
        store.faults = {"0/c/1/1/1": ["503", "cut", "none"]}
        assert np.array_equal(whole(slide), expected)


@pytest.mark.slow
def test_a_changed_object_begins_anew(store, tmp_path):
    write_zarr(tmp_path / "x.zarr", "0.5")
    place = Location("s3://plates/x.zarr")
    transfer.send(tmp_path / "x.zarr", place)
    for expected in (0, 5):
        with slide_at(place.url) as slide:
            assert result_of(slide, tmp_path / "y.zarr", stopped_after=5) == expected
    remote.send(tmp_path / "x.zarr/0/c/0/0/0", place / "0/c/0/0/1")
    with slide_at(place.url) as slide:
        assert result_of(slide, tmp_path / "y.zarr", stopped_after=5) == 0
