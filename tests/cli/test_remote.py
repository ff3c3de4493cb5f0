"""Commands on images in object stores and on web servers."""

import json
import tempfile
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import tifffile

from tests.cli.small_slides import write_slide
from tests.found import find_everywhere
from tests.images.ome_zarr.zarrs import make, make_plate
from tests.object_store import object_store
from tests.outputs import outputs
from tests.server import served
from unsmear import images, remote
from unsmear.batches import layout
from unsmear.cli.jobs import workplace
from unsmear.estimate import Estimate
from unsmear.images import ome_zarr, slides
from unsmear.location import Location

pytest.importorskip("s3fs", reason="needs the extra cloud")
pytestmark = pytest.mark.slow
KERNEL = ("--method", "wiener", "--length", 6, "--angle", 30)


@pytest.fixture
def server(tmp_path, monkeypatch):
    monkeypatch.setattr(remote, "WAIT", 0.01)
    (tmp_path / "served").mkdir()
    with served(tmp_path / "served") as server:
        yield server


@pytest.fixture
def store(monkeypatch):
    pytest.importorskip("moto", reason="needs moto, an object store on this machine")
    monkeypatch.setattr(remote, "WAIT", 0.01)
    with object_store(monkeypatch) as store:
        yield store


def contents(folder):
    return {
        path.relative_to(folder): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not any(map(layout.is_record, path.parts))
    }


def fetched(url, folder):
    for path, size in remote.listing(Location(url)).items():
        assert remote.fetch(Location(url) / path, folder / path, size)
    return folder


@pytest.mark.parametrize("name", ["x.ome.zarr", "x.tif", "x.png"])
def test_a_remote_image_is_restored_as_the_local_one(name, server, tmp_path, unsmear):
    file = tmp_path / "served" / name
    if name.endswith(".zarr"):
        make(file, "0.5")
    else:
        pixels = np.random.default_rng(0).integers(0, 4000, (96, 128)).astype("u2")
        images.write(file, images.Image(pixels, "YX"))
    url = f"{server.url.replace('//', '//me:secret@')}/{name}?sig=secret"
    finished = unsmear("restore", url, "-o", tmp_path / "out", *KERNEL)
    assert (finished.code, finished.err) == (0, "")
    assert unsmear("restore", file, "-o", tmp_path / "local", *KERNEL).code == 0
    there, here = (contents(tmp_path / folder) for folder in ("local", "out"))
    assert {p: d for p, d in there.items() if "tables" not in p.parts} == here
    assert b"secret" not in b"".join(here.values()) + finished.out.encode()
    again = unsmear("restore", url, "-o", tmp_path / "out", *KERNEL, "--resume").out
    assert ": already there\n" in again


def test_a_slide_is_read_chunk_by_chunk(server, tmp_path, unsmear, slides_are_small, monkeypatch):
    write_slide(tmp_path / "served/x.ome.zarr")
    assert unsmear("restore", tmp_path / "served", "-o", tmp_path / "here", *KERNEL).code == 0
    fetched_whole = []
    monkeypatch.setattr(ome_zarr.remote, "fetch_image", lambda *_: fetched_whole.append(_))
    finished = unsmear("restore", f"{server.url}/x.ome.zarr", "-o", tmp_path / "there", *KERNEL)
    assert (finished.code, finished.err) == (0, "")
    assert "restored by wiener" in finished.out
    assert contents(tmp_path / "there") == contents(tmp_path / "here")
    assert not fetched_whole
    again = unsmear("restore", f"{server.url}/x.ome.zarr", "-o", tmp_path / "there", *KERNEL,
                    "--resume")  # fmt: skip
    assert "x.ome: already there" in again.out
    server.faults = {"0/c/0/1/1": ["cut"]}
    failed = unsmear("restore", f"{server.url}/x.ome.zarr", "-o", tmp_path / "failed", *KERNEL)
    assert failed.code == 1
    assert failed.err.startswith(f"{server.url}/x.ome.zarr/0/c/0/1/1: the file cannot be read")


def test_a_slide_that_is_left_alone_is_copied(server, tmp_path, unsmear, slides_are_small):
    write_slide(tmp_path / "served/x.ome.zarr")
    wrong = ("--method", "wiener", "--length", 24, "--angle", 130)
    finished = unsmear("restore", f"{server.url}/x.ome.zarr", "-o", tmp_path / "out", *wrong)
    assert (finished.code, finished.err) == (0, "")
    assert "left unchanged" in finished.out
    assert contents(tmp_path / "out") == contents(tmp_path / "served")


def test_a_remote_image_is_estimated_as_the_local_one(server, tmp_path, unsmear):
    make(tmp_path / "served/x.zarr", "0.4")
    here = unsmear("estimate", tmp_path / "served/x.zarr", "--json", "--per", "file")
    there = unsmear("estimate", f"{server.url}/x.zarr", "--json", "--per", "file")
    assert there.out == here.out
    assert json.loads(here.out.splitlines()[0])["kind"] != ""


def test_the_files_of_a_field_are_one_image(server, tmp_path, unsmear):
    for number, colour in enumerate(("red", "green", "blue")):
        pixels = np.random.default_rng(number).integers(0, 255, (96, 128)).astype("u1")
        images.write(tmp_path / f"served/abc_{colour}.png", images.Image(pixels, "YX"))
    urls = [f"{server.url}/abc_{colour}.png" for colour in ("red", "green", "blue")]
    finished = unsmear("restore", *urls, "-o", tmp_path / "out", *KERNEL)
    assert (finished.code, finished.err) == (0, "")
    assert finished.out.startswith("abc: linear motion")
    assert len(outputs(tmp_path / "out")) == 3


def test_one_that_fails_ends_no_batch(server, tmp_path, unsmear):
    make_plate(tmp_path / "served/p.zarr", "0.5")
    server.faults = {"A/1/1/s0/c/0/1/1": ["cut"]}
    url = f"{server.url}/p.zarr?sig=secret"
    finished = unsmear("restore", url, "-o", tmp_path / "out", *KERNEL)
    assert finished.code == 1
    assert finished.err == (
        f"{server.url}/p.zarr/A/1/1/s0/c/0/1/1?...: the file cannot be read "
        "(the answer was cut short) after 4 tries.\n")  # fmt: skip
    assert not (tmp_path / "out/p.zarr/A/1/1").exists()
    assert "3 restored, 1 failed" in finished.out
    assert (tmp_path / "out/p.zarr/A/1/zarr.json").is_file()


def test_a_plate_goes_from_store_to_store(store, tmp_path, unsmear):
    make_plate(tmp_path / "p.zarr", "0.5")
    ome_zarr.remote.send(tmp_path / "p.zarr", Location("s3://plates/in/p.zarr"))
    finished = unsmear("restore", "s3://plates/in/p.zarr", "-o", "s3://plates/out", *KERNEL)
    assert (finished.code, finished.err) == (0, "")
    assert "-> s3://plates/out/p.zarr/A/1/0\n" in finished.out
    assert unsmear("restore", tmp_path / "p.zarr", "-o", tmp_path / "out", *KERNEL).code == 0
    there = fetched("s3://plates/out", tmp_path / "there")
    here = contents(tmp_path / "out")
    assert contents(there).keys() == here.keys()
    for well in ("A/1/0", "A/2/1"):
        one, other = (images.read(f / "p.zarr" / well) for f in (there, tmp_path / "out"))
        assert np.array_equal(one.pixels, other.pixels)
    again = unsmear("restore", "s3://plates/in/p.zarr", "-o", "s3://plates/out", *KERNEL)
    assert "must have no other file of this name; --overwrite replaces it" in again.err
    assert unsmear("restore", "s3://plates/in/p.zarr", "-o", "s3://plates/out", *KERNEL,
                   "--resume").out.count("already there") >= 4  # fmt: skip
    onto = unsmear("restore", "s3://plates/in/p.zarr", "-o", "s3://plates/in", *KERNEL)
    assert "every output file must have a name of its own" in onto.err


def test_what_cannot_be_sent_is_no_result(store, tmp_path, unsmear, monkeypatch):
    find_everywhere(monkeypatch, Estimate(0.0, confidence=0.9, kind="none"))
    make(tmp_path / "x.zarr", "0.4")
    store.faults = {"s0/0/0/0": ["503"], "s0/0.0.0": ["503"]}
    finished = unsmear("restore", tmp_path / "x.zarr", "-o", "s3://plates/out")
    assert finished.code == 1
    assert "503" in finished.err
    assert not any(".z" in path.rpartition("/")[2] for path in
                   remote.listing(Location("s3://plates/out")))  # fmt: skip
    store.faults = {}
    resumed = unsmear("restore", tmp_path / "x.zarr", "-o", "s3://plates/out", "--resume")
    assert resumed.code == 0
    there = fetched("s3://plates/out/x.zarr", tmp_path / "there")
    assert contents(there) == contents(tmp_path / "x.zarr")


def test_files_go_to_a_store_with_what_lies_beside(store, tmp_path, unsmear):
    pixels = np.random.default_rng(0).integers(0, 4000, (96, 128)).astype("u2")
    images.write(tmp_path / "x.tif", images.Image(pixels, "YX"))
    given = ("restore", tmp_path / "x.tif", "-o", "s3://plates/out", "--length", 6, "--angle", 30)
    assert unsmear(*given, "--uncertainty", "--force").code == 0
    there = Location("s3://plates/out")
    assert set(remote.listing(there)) == {"x.tif", "x.tif.error.tif"}
    remote.remove(there / "x.tif")
    refused = unsmear(*given, "--method", "wiener", "--force")
    assert "s3://plates/out/x.tif.error.tif: the uncertainty of another result" in refused.err
    assert set(remote.listing(there)) == {"x.tif.error.tif"}
    assert unsmear(*given, "--method", "wiener", "--force", "--overwrite").code == 0
    assert set(remote.listing(there)) == {"x.tif"}


@pytest.fixture
def folder_of_results(tmp_path, monkeypatch):
    """Return the folder for temporary files, which is empty."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    return tmp_path / "temporary"


@pytest.mark.parametrize("name", ["x.ome.zarr", "x.tif"])
def test_a_slide_for_a_store_goes_on_where_it_was(
    name, store, tmp_path, unsmear, slides_are_small, folder_of_results, monkeypatch
):
    write_slide(tmp_path / "x.ome.zarr")
    if name == "x.tif":
        pixels = images.read(tmp_path / "x.ome.zarr").pixels[0]
        tifffile.imwrite(tmp_path / name, pixels, tile=(64, 64))
    given = ("restore", tmp_path / name, *KERNEL, "-o")
    assert unsmear(*given, tmp_path / "here").code == 0
    written, write, mark = [], slides.Sink.write, slides.Sink.mark

    def counted(sink, *block):
        written.append(block[:4])
        write(sink, *block)

    def stopped(sink, *block):
        mark(sink, *block)
        raise KeyboardInterrupt

    monkeypatch.setattr(slides.Sink, "write", counted)
    with monkeypatch.context() as patch:
        patch.setattr(slides.Sink, "mark", stopped)
        assert unsmear(*given, "s3://plates/out").code != 0
    assert not remote.listing(Location("s3://plates/out"))
    store.faults = {"0/c/0/3/3": ["503"], "x.tif": ["503"]}
    assert "503 Service Unavailable" in unsmear(*given, "s3://plates/out", "--overwrite").err
    assert len(written) == len({(b, c, y.start, x.start) for b, c, y, x in written}) == 4
    before, store.faults = remote.versions(Location("s3://plates/out")), {}
    store.asked.clear()
    assert unsmear(*given, "s3://plates/out", "--overwrite").code == 0
    assert len(written) == 4
    sent = {path.partition("/out/")[2] for method, path in store.asked if method == "PUT"}
    assert not any(path in sent for path in before)
    there = fetched("s3://plates/out", tmp_path / "there")
    assert contents(there) == contents(tmp_path / "here")
    assert not list(folder_of_results.iterdir())


def test_two_runs_to_one_place_have_folders_of_their_own(folder_of_results):
    place = Location("s3://plates/out")

    def inner(other, folder):
        assert folder != other
        return 0

    def outer(folder):
        assert workplace.work_for(place, partial(inner, folder)) == 0
        (folder / "small.tif").write_bytes(b"x")
        (folder / "below/.a.zarr.part-of-slide").mkdir(parents=True)
        return 1

    assert workplace.work_for(place, outer) == 1
    (kept,) = folder_of_results.iterdir()
    assert [p.name for p in kept.rglob("*")] == ["below", ".a.zarr.part-of-slide"]
    kept.chmod(0o755)  # as another could have made it
    assert workplace.work_for(place, partial(inner, kept)) == 0


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("restore", "x.tif", "-o", "https://h/out"), "nothing can be written to a web server"),
        (("blur", "x.tif", "-o", "s3://b/out", "--sigma", 3), "only `unsmear restore` writes"),
        (("restore", "https://h/a.zip", "-o", "out"), "must be an image or a Zarr"),
        (("restore", "s3://b/*.tif", "-o", "out"), "must be an image or a Zarr"),
    ],
)
def test_what_is_not_done_is_one_sentence(arguments, sentence, tmp_path, unsmear, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("x.tif").write_bytes(b"")
    finished = unsmear(*arguments)
    assert finished.code != 0
    assert sentence in finished.err
    assert not any(Path().glob("*:*"))


@pytest.mark.parametrize(
    "words",
    [
        ("page", "run"),
        ("export", "deep-wiener"),
        ("train", "dcae"),
        ("search", "dcae"),
        ("classify", "x.png", "--classifier", "light-cells"),
        ("bench",),
        ("estimate", "x.png"),
        ("open", "cells"),
        ("weights", "get", "vgg16"),
    ],
)
def test_an_address_is_no_folder_of_that_name(unsmear, tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    finished = unsmear(*words, "-o", "s3://b/out.md")
    assert finished.code == 1
    assert "must be a file or folder of this computer, got an s3:// address" in finished.err
    assert not list(tmp_path.iterdir())
