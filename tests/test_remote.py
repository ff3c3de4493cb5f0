"""Files on web servers that fail in every way that was thought of."""

import logging
import pickle

import pytest

from tests.server import served
from unsmear import remote
from unsmear.errors import ImageError, MissingExtra
from unsmear.location import Location

pytest.importorskip("aiohttp", reason="needs the extra cloud")
pytest.importorskip("fsspec", reason="needs the extra cloud")
DATA = bytes(range(256)) * 40


@pytest.fixture
def server(tmp_path, monkeypatch):
    monkeypatch.setattr(remote, "WAIT", 0.01)
    monkeypatch.setattr(remote, "TIMEOUT", 0.3)
    (tmp_path / "served").mkdir()
    (tmp_path / "served/a.bin").write_bytes(DATA)
    with served(tmp_path / "served") as server:
        yield server


@pytest.mark.parametrize("fault", ["503", "500", "429", "cut", "slow"])
def test_what_passes_is_tried_again(fault, server, tmp_path):
    server.faults["a.bin"] = [fault, fault, "none"]
    assert remote.fetch(Location(f"{server.url}/a.bin"), tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == DATA
    assert len(server.asked) == 3


@pytest.mark.parametrize(
    ("fault", "reason", "tries"),
    [
        ("503", "503 Service Unavailable", 4),
        ("cut", "the answer was cut short", 4),
        ("slow", "the server did not answer in time", 4),
        ("403", "403 Forbidden", 1),
        ("401", "401 Unauthorized", 1),
        ("410", "410 Gone", 1),
        ("of no length", "the server does not state the length of its answer", 1),
        ("to file:///etc/passwd", "it leads to an address of another kind, file://", 1),
        ("to https://127.0.0.1/a.bin", "it leads to an address of another kind, https://", 1),
    ],
)
def test_what_stays_is_one_sentence(fault, reason, tries, server, tmp_path):
    server.faults["a.bin"] = [fault]
    with pytest.raises(ImageError) as failed:
        remote.fetch(Location(f"{server.url}/a.bin?token=secret"), tmp_path / "a")
    after = f" after {tries} tries" if tries > 1 else ""
    asked = f"{server.url}/a.bin?...: the file cannot be read ({reason}){after}."
    assert str(failed.value) == asked
    assert len(server.asked) == tries
    assert failed.value.__cause__ is None


def test_what_is_not_there_is_no_error(server, tmp_path):
    assert not remote.fetch(Location(f"{server.url}/b.bin"), tmp_path / "b")
    assert not (tmp_path / "b").exists()


def test_a_file_is_as_long_as_its_listing_says(server, tmp_path):
    with pytest.raises(ImageError, match="10240 of 99 bytes came"):
        remote.fetch(Location(f"{server.url}/a.bin"), tmp_path / "a", 99)


def test_a_server_that_is_not_there_is_one_sentence(server, tmp_path):
    with pytest.raises(ImageError, match=r"\(the server cannot be reached\) after 4 tries"):
        remote.fetch(Location("http://127.0.0.1:9/a.bin"), tmp_path / "a")


def test_a_redirect_of_the_same_kind_is_followed(server, tmp_path):
    server.faults["b.bin"] = [f"to {server.url}/a.bin"]
    assert remote.fetch(Location(f"{server.url}/b.bin"), tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == DATA


def test_a_password_goes_to_the_server_and_nowhere_else(server, tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    place = Location(f"{server.url.replace('//', '//me:secret@')}/a.bin?sig=secret")
    assert remote.fetch(place, tmp_path / "a")
    assert server.headers[0]["Authorization"].startswith("Basic ")
    assert server.asked == ["/a.bin?sig=secret"]
    assert "secret" not in f"{caplog.text} {place} {place!r} {[place]} {place.parent} {place.name}"
    assert pickle.loads(pickle.dumps(place)) == place


@pytest.mark.parametrize(
    ("url", "shown", "name", "below"),
    [
        ("s3://b/p.zarr", "s3://b/p.zarr", "p.zarr", "s3://b/p.zarr/A/1"),
        ("s3://b/p q.zarr/", "s3://b/p q.zarr/", "p q.zarr", "s3://b/p q.zarr/A/1"),
        ("s3://k:s@b/p.zarr", "s3://b/p.zarr", "p.zarr", "s3://k:s@b/p.zarr/A/1"),
        ("https://u:p@h/x.zarr?s=1#f", "https://h/x.zarr?...", "x.zarr",
         "https://u:p@h/x.zarr/A/1?s=1#f"),
        ("https://h:1/x%20y.tif", "https://h:1/x%20y.tif", "x y.tif", "https://h:1/x%20y.tif/A/1"),
    ],
)  # fmt: skip
def test_a_location_is_shown_without_secrets(url, shown, name, below):
    place = Location(url)
    assert (str(place), place.name, (place / "A/1").url) == (shown, name, below)


def test_keys_in_an_address_are_refused(tmp_path):
    pytest.importorskip("s3fs", reason="needs the extra cloud")
    with pytest.raises(ImageError, match=r"s3://b/x.tif: an s3:// address must hold no key"):
        remote.fetch(Location("s3://key:secret@b/x.tif"), tmp_path / "a")


@pytest.mark.parametrize(("url", "missing"), [("https://h/x.tif", "aiohttp"),
                                              ("s3://b/x.tif", "s3fs"),
                                              ("s3://b/x.tif", "fsspec")])  # fmt: skip
def test_without_the_extra_its_name_is_given(url, missing, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, missing, None)
    with pytest.raises(MissingExtra, match=r"pip install 'unsmear\[cloud\]'"):
        remote.fetch(Location(url), tmp_path / "a")
