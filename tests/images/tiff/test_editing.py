"""A TIFF result is its input with other pixels: all else stays as it was."""

import io
import json
import struct
from xml.etree import ElementTree

import numpy as np
import pytest
import tifffile

from tests.images import kinds
from unsmear import images
from unsmear.errors import ImageError
from unsmear.images import note

DONE = '{"unsmear": "0.1.0", "command": "restore", "blur": {"length": 6.0, "unit": "<µm>"}}'
POSITIONS = {273, 279, 324, 325, 330}
"""Tags that say where in the file something lies."""
RECORDS = {270, 50838, 50839}
"""Tags into which the record goes."""
OURS = ("plain", "ome", "pyramid", "imagej", "shaped", "metaseries", "palette", "micromanager")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return kinds.write_all(tmp_path_factory.mktemp("kinds"))


def changed(image):
    """Return the image with other counts."""
    return image.with_planes((image.planes() // 2 + 3).astype(image.pixels.dtype))


@pytest.fixture
def rewrite(tmp_path):
    """Return a function that writes a file again with other counts, and returns both."""

    def run(path, change=changed, name=None):
        image = change(images.read(path))
        out = tmp_path / "out" / (name or path.name)
        images.write(out, image, DONE)
        return image, out

    return run


def tags_of(path):
    """Return the tags of every page and SubIFD, by code, without those about positions."""
    with tifffile.TiffFile(path) as file:
        pages = [page for top in file.pages for page in (top, *(top.aspage().pages or ()))]
        return [
            {(tag.code, str(tag.value)) for tag in page.aspage().tags if tag.code not in POSITIONS}
            for page in pages
        ]


@pytest.mark.parametrize("kind", OURS)
def test_every_tag_stays(kind, files, rewrite):
    image, out = rewrite(files[kind])
    assert note.commands(out) == {"restore"}
    before, after = tags_of(files[kind]), tags_of(out)
    assert len(before) == len(after)
    for there, here in zip(before, after, strict=True):
        resolution = {282, 283, 296} if kind in ("ome", "pyramid") else set()
        lost = {code for code, _ in there - here} - RECORDS - resolution
        assert lost <= {317}, "a predictor of deflate goes, nothing else"
        assert {code for code, _ in here - there} <= RECORDS | resolution
    again = images.read(out)
    np.testing.assert_array_equal(again.pixels, image.pixels)
    assert (again.axes, again.channels) == (image.axes, image.channels)
    assert again.pixel_size == pytest.approx(image.pixel_size)


@pytest.mark.parametrize("kind", OURS)
def test_other_readers_find_the_pixels(kind, files, rewrite):
    image, out = rewrite(files[kind])
    np.testing.assert_array_equal(tifffile.imread(out).reshape(image.pixels.shape), image.pixels)
    with tifffile.TiffFile(files[kind]) as there, tifffile.TiffFile(out) as here:
        assert here.flags == there.flags
        assert [s.axes for s in here.series] == [s.axes for s in there.series]
        assert here.is_bigtiff == there.is_bigtiff
        assert here.byteorder == there.byteorder


def test_ome_xml_stays_but_for_the_description(files, rewrite):
    _, out = rewrite(files["ome"])
    xml = tifffile.TiffFile(out).ome_metadata
    element = f"<Description>{DONE.replace('<', '&lt;').replace('>', '&gt;')}</Description>"
    assert xml.replace(element, "") == kinds.OME
    before = xml.index("</AcquisitionDate>") + len("</AcquisitionDate>")
    assert xml[before:].startswith("<Description>")
    # Programs that read no OME-XML have the tags only.
    page = tifffile.TiffFile(out).pages[0]
    assert page.resolution == pytest.approx((40000, 40000))
    assert page.resolutionunit == tifffile.RESUNIT.CENTIMETER
    images.write(out, changed(images.read(out)), "again")
    text = ElementTree.fromstring(tifffile.TiffFile(out).ome_metadata)
    assert text.find(".//{*}Description").text == f"{DONE}\nagain"


@pytest.mark.parametrize("kind", ["ome", "pyramid", "lsm", "stk", "svs"])
def test_ome_xml_is_valid(kind, files, rewrite):
    ome_types = pytest.importorskip("ome_types")
    _, out = rewrite(files[kind], name=f"{kind}.ome.tif")
    xml = tifffile.TiffFile(out).ome_metadata
    ome_types.validate_xml(xml)
    assert ome_types.from_xml(xml).images[0].description.endswith(DONE)


def test_metamorph_metadata_stay_xml(files, rewrite):
    _, out = rewrite(files["metaseries"])
    before, after = (tifffile.TiffFile(p).metaseries_metadata for p in (files["metaseries"], out))
    assert after.pop("unsmear") == DONE
    assert after == before
    assert after["PlaneInfo"]["stage-position-x"] == 31000.5


def test_imagej_metadata_stay(files, rewrite):
    _, out = rewrite(files["imagej"])
    before, after = (tifffile.TiffFile(path).imagej_metadata for path in (files["imagej"], out))
    assert after.pop("Info") == before.pop("Info") + "\n" + DONE
    assert before.keys() == after.keys()
    for name, value in before.items():
        np.testing.assert_array_equal(after[name], value)


@pytest.mark.parametrize("keys", [("axes", "shape"), ("shape", "axes"), ("axes", "unit", "shape")])
def test_the_line_of_every_tifffile_stays_one_line(keys, tmp_path, rewrite):
    said = {"axes": "ZYX", "shape": [3, 64, 64], "unit": "um"}
    line = json.dumps({key: said[key] for key in keys})
    path = tmp_path / "a.tif"
    pixels = kinds.stack(3)
    tifffile.imwrite(path, pixels, metadata=None, description=line, photometric="minisblack")
    image, out = rewrite(path)
    with tifffile.TiffFile(out) as file:
        after = json.loads(file.pages[0].description)
        assert after.pop("unsmear") == [json.loads(DONE)]
        assert after == json.loads(line)
        assert file.series[0].axes == "ZYX"
        np.testing.assert_array_equal(file.asarray(), image.pixels)


def test_a_text_before_tifffiles_line_stays_a_text(tmp_path, rewrite):
    path = tmp_path / "a.tif"
    tifffile.imwrite(
        path, kinds.stack(3), description="slide 3", metadata={"axes": "ZYX"},
        photometric="minisblack",
    )  # fmt: skip
    _, out = rewrite(path)
    with tifffile.TiffFile(out) as file:
        assert file.pages[0].description == f"slide 3\n{DONE}"
        assert file.series[0].axes == "ZYX"


def test_micromanagers_index_and_pages_stay(files, rewrite):
    image, out = rewrite(files["micromanager"])
    before, after = files["micromanager"].read_bytes(), out.read_bytes()
    assert after[8:40] == before[8:40]  # the header with the positions of index and summary
    index_at = struct.unpack_from("<I", before, 12)[0]
    assert after[index_at : index_at + 8 + 20 * 6] == before[index_at : index_at + 8 + 20 * 6]
    with tifffile.TiffFile(out) as file:
        assert file.is_mmstack
        assert file.micromanager_metadata["Summary"]["PixelSize_um"] == kinds.PIXEL
        assert all(51123 in page.aspage().tags for page in file.pages)
        np.testing.assert_array_equal(file.asarray(), image.pixels)
        text = ElementTree.fromstring(file.ome_metadata)
        assert text.find(".//{*}Plane").get("PositionX") == "10.0"


def test_levels_are_computed_again(files, rewrite):
    image, out = rewrite(files["pyramid"])
    with tifffile.TiffFile(out) as file:
        assert file.is_bigtiff
        base, level = file.series[0].levels
        assert base.keyframe.is_tiled
        assert level.keyframe.is_tiled
        mean = image.pixels.reshape(2, 32, 2, 32, 2).mean(axis=(2, 4))
        assert np.abs(level.asarray() - mean).max() <= 0.5


@pytest.mark.parametrize("kind", OURS)
def test_floats_and_smaller_images_keep_the_rest(kind, files, rewrite):
    def change(image):
        counts = image.planes()[..., 4:-4, 6:-6].astype(np.float32) + 0.25
        return image.with_planes(counts)

    image, out = rewrite(files[kind], change)
    again = images.read(out)
    # Without its index, Micro-Manager's planes are in the order of its OME-XML.
    np.testing.assert_array_equal(again.planes(), image.planes())
    assert again.pixels.dtype == np.float32
    assert (set(again.axes), again.channels) == (set(image.axes), image.channels)
    assert again.pixel_size == pytest.approx(image.pixel_size)
    if kind in ("ome", "pyramid", "micromanager"):
        pixels = ElementTree.fromstring(tifffile.TiffFile(out).ome_metadata).find(".//{*}Pixels")
        assert (pixels.get("Type"), pixels.get("SizeX"), pixels.get("SizeY")) == (
            "float", "52", "56",
        )  # fmt: skip
        assert pixels.get("SignificantBits") is None


COMPRESSIONS = [None, "zlib", "lzw", "packbits", "zstd", "lzma"]


@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"tile": (16, 32)},
        {"rowsperstrip": 10},
        {"byteorder": ">"},
        {"bigtiff": True, "byteorder": ">"},
        {"predictor": True},
        {"photometric": "rgb", "planarconfig": "separate"},
        {"photometric": "rgb", "planarconfig": "contig", "tile": (16, 16)},
    ],
)
@pytest.mark.parametrize("dtype", ["u1", "u2", "f4"])
def test_every_storage_stays(compression, options, dtype, tmp_path, rewrite):
    if "predictor" in options and (compression in (None, "packbits")):
        pytest.skip("no predictor without a compression")
    pixels = kinds.stack(3).astype(dtype)[:, :50, :45]
    options = {"photometric": "minisblack", **options}
    if options.get("planarconfig") == "contig":
        pixels = np.ascontiguousarray(np.moveaxis(pixels, 0, -1))
    path = tmp_path / "a.tif"
    axes = {"separate": "SYX", "contig": "YXS"}.get(options.get("planarconfig"), "ZYX")
    tifffile.imwrite(path, pixels, compression=compression, metadata={"axes": axes}, **options)
    image, out = rewrite(path)
    with tifffile.TiffFile(path) as there, tifffile.TiffFile(out) as here:
        np.testing.assert_array_equal(here.asarray(), image.pixels)
        for before, after in zip(there.pages, here.pages, strict=True):
            before, after = before.aspage(), after.aspage()
            assert after.compression == before.compression
            assert after.is_tiled == before.is_tiled
            assert (after.tilelength, after.rowsperstrip) == (
                before.tilelength, before.rowsperstrip,
            )  # fmt: skip
            assert after.planarconfig == before.planarconfig
            # ImageJ 1.53 ignores the predictor of deflate, and no other program has 3.
            wanted = 2 if compression == "lzw" and before.predictor == 2 else 1
            assert after.predictor == wanted


def test_lossy_tiles_become_deflate(tmp_path, rewrite):
    pixels = np.dstack([kinds.grey8(s) for s in range(3)])
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, pixels, photometric="ycbcr", compression="jpeg", tile=(32, 32))
    image, out = rewrite(path)
    with tifffile.TiffFile(out) as file:
        page = file.pages[0]
        assert page.compression == tifffile.COMPRESSION.ADOBE_DEFLATE
        assert page.photometric == tifffile.PHOTOMETRIC.RGB
        assert page.is_tiled
        np.testing.assert_array_equal(page.asarray(), image.pixels)
        assert not {347, 530, 532} & {tag.code for tag in page.tags}


def test_bits_that_cannot_be_replaced_are_written_anew(tmp_path, rewrite):
    path = tmp_path / "a.tif"
    packed = np.packbits(np.unpackbits(kinds.cells().astype(">u2").view(np.uint8).reshape(-1, 2),
                                       axis=1)[:, 4:].reshape(-1))  # fmt: skip
    tifffile.imwrite(path, kinds.cells(), photometric="minisblack", metadata=None)
    data = bytearray(path.read_bytes())
    with tifffile.TiffFile(io.BytesIO(bytes(data))) as file:
        tags, at = file.pages[0].tags, file.pages[0].dataoffsets[0]
        data[tags[258].valueoffset : tags[258].valueoffset + 2] = struct.pack("<H", 12)
        data[tags[279].valueoffset : tags[279].valueoffset + 4] = struct.pack("<I", packed.size)
    data[at : at + packed.size] = packed.tobytes()
    path.write_bytes(bytes(data))
    image, out = rewrite(path)
    np.testing.assert_array_equal(tifffile.imread(out), image.pixels)


def test_a_plain_result_has_one_description(tmp_path, rewrite):
    path = tmp_path / "a.tif"
    for options in ({}, {"metadata": None}):
        tifffile.imwrite(path, kinds.cells(), photometric="minisblack", **options)
        _, out = rewrite(path)
        codes = [tag.code for tag in tifffile.TiffFile(out).pages[0].tags]
        assert codes.count(270) == 1
    fresh = images.Image(kinds.stack(2), "CYX", ("a", "b"))
    images.write(tmp_path / "fresh.tif", fresh, DONE)
    codes = [tag.code for tag in tifffile.TiffFile(tmp_path / "fresh.tif").pages[0].tags]
    assert codes.count(270) == 1
    assert images.read(tmp_path / "fresh.tif").channels == ("a", "b")


@pytest.mark.parametrize(("code", "value"), [(296, 9), (338, 7)])
def test_numbers_that_tiff_does_not_define(code, value, tmp_path, rewrite):
    path = tmp_path / "a.tif"
    pixels = np.dstack([kinds.grey8(s) for s in range(4)])
    tifffile.imwrite(
        path, pixels, photometric="rgb", extrasamples=["unspecified"], resolution=(10, 10)
    )
    data = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as file:
        at = file.pages[0].tags[code].valueoffset
    data[at : at + 2] = struct.pack("<H", value)
    path.write_bytes(bytes(data))
    _, out = rewrite(path)
    with tifffile.TiffFile(out) as file:
        assert np.ravel(file.pages[0].tags[code].value) == [value]


def test_a_damaged_result_never_takes_its_name(tmp_path, monkeypatch, files):
    image = changed(images.read(files["plain"]))
    out = tmp_path / "plain.tif"
    whole = images.WRITERS[".tif"]
    for spoil in (lambda data: data[:-40], lambda data: data.replace(b"slide 3", b"slide 4")):
        data = spoil(b"".join(whole(image, DONE)))
        monkeypatch.setitem(images.WRITERS, ".tif", lambda *_, data=data: [data])
        if b"slide 4" in data:
            images.write(out, image, DONE)  # its pixels are right
            continue
        with pytest.raises(ImageError):
            images.write(out, image, DONE)
        assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", ["lsm", "stk", "svs", "ome", "imagej", "shaped"])
def test_the_same_image_gives_the_same_file(kind, files, rewrite):
    _, out = rewrite(files[kind], name=f"{kind}.ome.tif")
    first = out.read_bytes()
    _, out = rewrite(files[kind], name=f"{kind}.ome.tif")
    assert out.read_bytes() == first
