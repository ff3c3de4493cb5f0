"""Windows of slides are those of the whole image, and take no more than they need."""

import pickle
import shutil

import numcodecs
import numpy as np
import pytest
import tifffile

from tests.images.slides.made import counts, write_tiff, write_zarr
from unsmear import images
from unsmear.errors import AxesError, ImageError
from unsmear.images import Image, slides
from unsmear.images.ome_zarr import reading

WINDOWS = [(slice(0, 150), slice(0, 200)), (slice(5, 69), slice(43, 101))]


def check(path, chunk):
    """Compare a slide with the whole image."""
    whole, slide = images.read(path), pickle.loads(pickle.dumps(slides.open(path)))
    header = slides.header(path)
    for name in ("axes", "channels", "pixel_size", "pixel_size_from", "name", "alpha", "unkept"):
        assert getattr(slide.header, name) == getattr(whole, name) == getattr(header, name)
    assert slide.header.pixels.shape == whole.pixels.shape
    assert slide.header.pixels.dtype == whole.pixels.dtype
    assert slide.header.pixels.strides == (0,) * whole.pixels.ndim
    assert slide.chunk == chunk
    planes = whole.planes()
    for batch, channel in np.ndindex(planes.shape[:2]):
        for window in WINDOWS:
            got = slide.read(batch, channel, *window)
            np.testing.assert_array_equal(got, planes[batch, channel][window])
            assert got.dtype == planes.dtype
            assert got.dtype.isnative


@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.parametrize(
    ("axes", "shape"), [("CYX", (2, 150, 200)), ("TCZYX", (2, 2, 2, 150, 200))]
)
def test_zarr(tmp_path, version, axes, shape):
    write_zarr(tmp_path / "s.zarr", version, axes, shape)
    check(tmp_path / "s.zarr", (32, 48))


def test_zarr_with_shards(tmp_path):
    write_zarr(tmp_path / "s.zarr", chunk=(16, 16), shards=(1, 64, 32))
    check(tmp_path / "s.zarr", (64, 32))


def test_zarr_of_big_endian(tmp_path):
    write_zarr(tmp_path / "s.zarr", "0.4")
    text = (tmp_path / "s.zarr/0/.zarray").read_text()
    (tmp_path / "s.zarr/0/.zarray").write_text(text.replace("<u2", ">u2"))
    check(tmp_path / "s.zarr", (32, 48))


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("compression", "predictor"),
    [(None, False), ("zlib", False), ("zlib", True), ("zstd", True), ("lzw", False), ("lzw", True)],
)
def test_tiff_of_tiles(tmp_path, compression, predictor, order):
    pixels = counts(2, 2, 150, 200)
    tifffile.imwrite(
        tmp_path / "s.tif", pixels, tile=(32, 48), compression=compression, predictor=predictor,
        byteorder=order, metadata={"axes": "TCYX"},
    )  # fmt: skip
    check(tmp_path / "s.tif", (32, 48))


@pytest.mark.parametrize(
    ("options", "chunk"),
    [
        ({}, (1, 1)),
        ({"rowsperstrip": 7, "byteorder": ">"}, (1, 1)),
        ({"rowsperstrip": 7, "compression": "zlib"}, (7, 200)),
        ({"bigtiff": True, "imagej": False, "contiguous": True}, (1, 1)),
    ],
)
def test_tiff_of_strips(tmp_path, options, chunk):
    tifffile.imwrite(tmp_path / "s.tif", counts(2, 150, 200), metadata={"axes": "CYX"}, **options)
    check(tmp_path / "s.tif", chunk)


@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("tile", [None, (32, 48)])
def test_tiff_of_colours(tmp_path, planar, compression, tile):
    pixels = counts(150, 200, 3) if planar == "contig" else counts(3, 150, 200)
    tifffile.imwrite(
        tmp_path / "s.tif", pixels, photometric="rgb", planarconfig=planar, tile=tile,
        compression=compression, rowsperstrip=16,
    )  # fmt: skip
    check(tmp_path / "s.tif", tile or ((16, 200) if compression else (1, 1)))


def test_tiff_of_jpeg_tiles(tmp_path):
    pixels = counts(150, 200, 3, dtype="u1")
    tifffile.imwrite(tmp_path / "s.tif", pixels, tile=(32, 48), compression="jpeg")
    check(tmp_path / "s.tif", (32, 48))


def test_hyperstack_of_imagej(tmp_path):
    tifffile.imwrite(tmp_path / "s.tif", counts(2, 3, 150, 200), imagej=True,
                     metadata={"axes": "TCYX"})  # fmt: skip
    check(tmp_path / "s.tif", (1, 1))


def test_pyramid(tmp_path):
    write_tiff(tmp_path / "s.ome.tif", levels=2, compression="zlib")
    check(tmp_path / "s.ome.tif", (32, 48))


def test_what_a_slide_is():
    def of(*shape):
        return Image(np.broadcast_to(np.uint16(0), shape), "TCYX")

    assert not slides.is_slide(of(9, 2, 4096, 4096))
    assert slides.is_slide(of(1, 2, 4096, 4097))


@pytest.mark.parametrize(
    ("chunk", "block"),
    [((1, 1), (2048, 2048)), ((256, 256), (2048, 2048)), ((240, 320), (2160, 1920)),
     ((4096, 4096), (4096, 4096)), ((1000, 512), (2000, 2048)), ((1, 2048), (2048, 2048))],
)  # fmt: skip
def test_blocks_are_multiples_of_chunks(chunk, block):
    assert slides.block_of(chunk) == block


def test_block_of_too_long_a_chunk():
    with pytest.raises(ImageError, match=r"at most 4096 pixels long .* got 1 x 60000"):
        slides.block_of((1, 60000))


def test_formats_that_are_read_whole(tmp_path):
    image = Image(counts(32, 32), "YX")
    images.write(tmp_path / "s.png", image)
    assert slides.header(tmp_path / "s.png") is None
    with pytest.raises(ImageError, match=r"^s\.png: .* OME-Zarr or a tiled TIFF"):
        slides.open(tmp_path / "s.png")


def test_strips_that_are_too_long(tmp_path):
    tifffile.imwrite(tmp_path / "s.tif", counts(4, 5000), compression="zlib")
    with pytest.raises(ImageError, match=r"^s\.tif: .* at most 4096 pixels long"):
        slides.open(tmp_path / "s.tif")


def test_axes_that_are_needed(tmp_path):
    tifffile.imwrite(tmp_path / "s.tif", counts(5, 150, 200), tile=(32, 48), metadata=None)
    for ask in (slides.open, slides.header):
        with pytest.raises(AxesError, match=r"^s\.tif: "):
            ask(tmp_path / "s.tif")
    slide = slides.open(tmp_path / "s.tif", "CYX")
    assert pickle.loads(pickle.dumps(slide)).header.axes == "CYX"


def test_pages_that_lie_across_are_refused(tmp_path):
    tifffile.imwrite(tmp_path / "s.tif", counts(5, 160, 192), tile=(32, 48), metadata=None)
    with pytest.raises(ImageError, match=r"^s\.tif: its pages must be \(y, x\)"):
        slides.open(tmp_path / "s.tif", "YXC")


def test_an_image_larger_than_memory_is_opened(tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "SPARSE", 10**9)  # only a corner of it is on the disk
    write_zarr(tmp_path / "s.zarr")
    text = (tmp_path / "s.zarr/0/zarr.json").read_text()
    huge = text.replace("150,", "600000,").replace("200\n", "600000\n")
    (tmp_path / "s.zarr/0/zarr.json").write_text(huge)
    slide = slides.open(tmp_path / "s.zarr")
    assert slide.header.planes().shape == (1, 2, 600000, 600000)
    assert slide.read(0, 0, slice(599000, 599100), slice(0, 50)).shape == (100, 50)
    with pytest.raises(ImageError, match="must fit in 16 GiB, got"):
        images.read(tmp_path / "s.zarr")


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_damaged_chunk(tmp_path, version):
    write_zarr(tmp_path / "s.zarr", version)
    place = "s.zarr/0/c/0/1/1" if version == "0.5" else "s.zarr/0/0.1.1"
    data = (tmp_path / place).read_bytes()
    (tmp_path / place).write_bytes(data[: len(data) // 2])
    slide = slides.open(tmp_path / "s.zarr")
    assert slide.read(0, 0, slice(0, 32), slice(0, 48)).any()
    with pytest.raises(ImageError, match=r"^s\.zarr: the Zarr is damaged"):
        slide.read(0, 0, slice(0, 64), slice(0, 96))


def test_chunk_of_blosc_that_is_cut_short(tmp_path):
    write_zarr(tmp_path / "s.zarr", "0.4", compressors=numcodecs.Blosc())
    file = tmp_path / "s.zarr/0/0.1.1"
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(ImageError, match="a chunk must have"):
        slides.open(tmp_path / "s.zarr").read(0, 0, slice(32, 64), slice(48, 96))


def test_damaged_tile(tmp_path):
    write_tiff(tmp_path / "s.ome.tif", compression="zlib")
    with tifffile.TiffFile(tmp_path / "s.ome.tif") as file:
        start, size = file.pages[0].dataoffsets[6], file.pages[0].databytecounts[6]
    data = bytearray((tmp_path / "s.ome.tif").read_bytes())
    data[start : start + size] = bytes(size)
    (tmp_path / "s.ome.tif").write_bytes(data)
    slide = slides.open(tmp_path / "s.ome.tif")
    assert slide.read(0, 0, slice(0, 32), slice(0, 48)).any()
    with pytest.raises(ImageError, match=r"^s\.ome\.tif: the TIFF file is damaged"):
        slide.read(0, 0, slice(0, 64), slice(48, 96))


def test_file_that_is_cut_short(tmp_path):
    write_tiff(tmp_path / "s.ome.tif")
    data = (tmp_path / "s.ome.tif").read_bytes()
    slide = slides.open(tmp_path / "s.ome.tif")
    (tmp_path / "s.ome.tif").write_bytes(data[:-2000])
    with pytest.raises(ImageError, match=r"^s\.ome\.tif: "):
        slide.read(0, 1, slice(0, 150), slice(0, 200))


def test_infinities_are_refused(tmp_path):
    pixels = counts(2, 150, 200, dtype="f4")
    pixels[1, 100, 100] = np.inf
    tifffile.imwrite(tmp_path / "s.tif", pixels, tile=(32, 48), metadata={"axes": "CYX"})
    slide = slides.open(tmp_path / "s.tif")
    assert slide.read(0, 0, *WINDOWS[0]).any()
    with pytest.raises(ImageError, match="must not be infinite"):
        slide.read(0, 1, *WINDOWS[0])


def test_level_without_chunks_where_a_smaller_one_has_some(tmp_path):
    write_zarr(tmp_path / "s.zarr")
    shutil.rmtree(tmp_path / "s.zarr/0/c")
    with pytest.raises(ImageError, match="lacks all"):
        slides.open(tmp_path / "s.zarr")
