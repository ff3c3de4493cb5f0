"""Memory follows what a file holds, and not what it says."""

import contextlib
import io
import os
import resource
import zipfile

import numpy as np
import pytest
import tifffile

from tests.images import kinds
from unsmear import free_memory, images
from unsmear.data import archive
from unsmear.errors import ImageError
from unsmear.images import image as image_module
from unsmear.images import zipped
from unsmear.images.tiff import contents

PIXELS = np.arange(24 * 30, dtype=np.uint16).reshape(24, 30)


def ome(**changes):
    """Return an OME-TIFF of one plane, its sizes changed: SizeT=2_000_000."""
    stream = io.BytesIO()
    tifffile.imwrite(stream, PIXELS, ome=True, photometric="minisblack", metadata={"axes": "YX"})
    stream.seek(0)
    with tifffile.TiffFile(stream) as file:
        xml = file.ome_metadata
    for name, value in changes.items():
        xml = xml.replace(f'{name}="1"', f'{name}="{value}"')
    stream = io.BytesIO()
    tifffile.imwrite(stream, PIXELS, description=xml.encode(), metadata=None)
    return stream.getvalue()


@pytest.mark.parametrize(
    "changes",
    [
        {"SizeT": 2_000_000},
        {"SizeC": 2000, "SizeZ": 2000},
        {"PlaneCount": 2_000_000},
    ],
)
def test_far_more_planes_than_there_can_be(tmp_path, monkeypatch, changes):
    monkeypatch.setattr(contents, "list", pytest.fail, raising=False)  # of the series
    (tmp_path / "a.ome.tif").write_bytes(ome(**changes))
    with pytest.raises(ImageError, match=r"^a.ome.tif: its OME-XML must describe the planes that"):
        images.read(tmp_path / "a.ome.tif")


def test_an_index_of_far_more_positions_than_there_can_be(tmp_path, monkeypatch):
    monkeypatch.setattr(contents, "list", pytest.fail, raising=False)  # of the series
    kinds.micromanager(tmp_path / "a.ome.tif", position=2_000_000, ome=False)
    with pytest.raises(ImageError, match=r"^a.ome.tif: its index must be of the planes that it ha"):
        images.read(tmp_path / "a.ome.tif")


def test_some_more_planes_than_there_are(tmp_path):
    (tmp_path / "a.ome.tif").write_bytes(ome(SizeT=5))
    with pytest.raises(ImageError, match="lacks 4 of its 5 planes"):
        images.read(tmp_path / "a.ome.tif")
    (tmp_path / "b.ome.tif").write_bytes(ome())
    assert images.read(tmp_path / "b.ome.tif").pixels.shape == (24, 30)


def test_a_file_of_a_set_that_is_a_pipe(tmp_path):
    xml = tifffile.TiffFile(io.BytesIO(ome())).ome_metadata
    assert "<TiffData" in xml
    start = xml.index("<TiffData")
    named = (
        '<TiffData IFD="0" PlaneCount="1"><UUID FileName="b.ome.tif">urn:uuid:1</UUID></TiffData>'
    )
    tifffile.imwrite(
        tmp_path / "a.ome.tif",
        PIXELS,
        description=(xml[:start] + named + xml[start:]).encode(),
        metadata=None,
    )
    os.mkfifo(tmp_path / "b.ome.tif")
    with pytest.raises(ImageError, match=r"b.ome.tif \(it must be a file, got a pipe"):
        images.read(tmp_path / "a.ome.tif")


@pytest.mark.parametrize(
    "description",
    [
        "ImageJ=1.54\nimages=40000000\nslices=40000000\n",
        '{"shape": [40000000, 24, 30]}',
        '{"shape": [40000000, 24, 30], "truncated": true}',
    ],
)
def test_what_other_metadata_declare(tmp_path, description):
    tifffile.imwrite(tmp_path / "a.tif", PIXELS, description=description, metadata=None)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with contextlib.suppress(ImageError):
        images.read(tmp_path / "a.tif")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000


@pytest.mark.parametrize(
    "packed", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]
)
def test_a_member_is_unpacked_in_pieces(tmp_path, packed):
    data = np.random.default_rng(0).bytes(9000) + bytes(3 * 2**20) + b"end"
    with zipfile.ZipFile(tmp_path / "a.zip", "w", packed) as written:
        written.writestr("a.bin", data)
    member = archive.member(str(tmp_path / "a.zip"), "a.bin")
    assert zipped.read(member) == data
    assert zipped.head(member, 200) == data[:200]


def test_a_member_that_is_larger_than_memory_allows(tmp_path, monkeypatch):
    monkeypatch.setattr(image_module, "ALWAYS", 2**20)
    monkeypatch.setattr(free_memory, "budget", lambda: 2**21)
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as written:
        written.writestr("a.png", b"\x89PNG\r\n\x1a\n" + bytes(2**22))
    member = archive.member(str(tmp_path / "a.zip"), "a.png")
    monkeypatch.setattr(
        zipped,
        "head",
        lambda path, size: b"\x89PNG\r\n\x1a\n"[:size] if size == 64 else pytest.fail("unpacked"),
    )
    with pytest.raises(
        ImageError, match=r"^a.png: an image must fit in 0.002 GiB of memory \(half of"
    ):
        images.read(member)


def test_work_takes_more_than_the_pixels(tmp_path, monkeypatch):
    """Of a stack, what is needed for each plane is less than what the one at work takes."""
    one, many = (image_module.work_on(size, 2) for size in ((900, 1000), (40, 900, 1000)))
    assert 50 * 900 * 1000 < one < 100 * 900 * 1000
    assert many < 20 * one
    images.write(tmp_path / "a.png", images.Image(np.zeros((900, 1000), np.uint16), "YX"))
    monkeypatch.setattr(image_module, "ALWAYS", 2**20)
    monkeypatch.setattr(free_memory, "budget", lambda: one - 1)
    sentence = r"^a.png: an image must fit in 0.0\d+ GiB of memory \(half of what is free\), g"
    with pytest.raises(ImageError, match=sentence):
        images.read(tmp_path / "a.png")
    monkeypatch.setattr(free_memory, "budget", lambda: one)
    assert images.read(tmp_path / "a.png").pixels.shape == (900, 1000)


def test_what_is_given_bounds_small_images_too(tmp_path):
    images.write(tmp_path / "a.png", images.Image(np.zeros((90, 100), np.uint16), "YX"))
    with (
        free_memory.limited(10**8),
        pytest.raises(
            ImageError, match=r"^a.png: --memory must be 401MB or more for .*, got 100MB"
        ),
    ):
        images.read(tmp_path / "a.png")
    with free_memory.limited(401 * 10**6):
        assert images.read(tmp_path / "a.png").pixels.shape == (90, 100)


def test_half_of_what_is_free_is_the_budget(tmp_path, monkeypatch):
    (tmp_path / "meminfo").write_text("MemTotal: 9 kB\nMemAvailable:    4096 kB\n")
    monkeypatch.setattr(free_memory, "MEMORY", tmp_path / "meminfo")
    monkeypatch.setattr(free_memory, "GROUP", tmp_path)
    assert free_memory.budget() == 2**21
    (tmp_path / "memory.current").write_text("1000\n")
    (tmp_path / "memory.max").write_text("max\n")
    assert free_memory.budget() == 2**21
    (tmp_path / "memory.max").write_text("5000\n")
    assert free_memory.budget() == 2000
    monkeypatch.setattr(free_memory, "MEMORY", tmp_path / "none")
    (tmp_path / "memory.max").unlink()
    assert free_memory.budget() is None
