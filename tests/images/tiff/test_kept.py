"""What a TIFF result keeps of unusual inputs, and what it says of the rest."""

import dataclasses
import json
import os
import struct
from xml.etree import ElementTree

import numpy as np
import pytest
import tifffile

from tests.images import kinds
from unsmear import images
from unsmear.images import Image, tiff
from unsmear.images.tiff import editing

DONE = '{"unsmear": "0.1.0", "command": "restore", "blur": {"unit": "<µm>"}}'
PRIVATE = [(65002, "s", 0, "private", True), (306, "s", 0, "2026:01:02 03:04:05", True)]
OPTIONS = {"photometric": "minisblack", "metadata": None}


@pytest.fixture
def paths(tmp_path):
    return tmp_path / "a.tif", tmp_path / "out" / "a.tif"


def changed(image):
    return image.with_planes((image.planes() // 2 + 3).astype(image.pixels.dtype))


def as_floats(image):
    return image.with_planes(image.planes().astype(np.float32) + 0.25)


def patch(path, code, struct_format, *values):
    """Replace the first bytes of a tag's value."""
    data = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as file:
        at = file.pages[0].tags[code].valueoffset
    data[at : at + struct.calcsize(struct_format)] = struct.pack(struct_format, *values)
    path.write_bytes(data)


def write_one_directory(path, pixels, byteorder="<", **metadata):
    """Write a stack as ImageJ does: one directory for all planes, which lie behind each other."""
    lines = {"ImageJ": "1.54f", "images": int(np.prod(pixels.shape[:-2])), **metadata}
    text = "".join(f"{key}={value}\n" for key, value in lines.items()).encode() + b"\0"
    plane = pixels.astype(f"{byteorder}u2").tobytes()
    private = b"private\0"
    tags = 12
    text_at = 8 + 2 + 12 * tags + 4
    private_at = text_at + len(text) + len(text) % 2
    size_at = private_at + len(private)
    data_at = size_at + 16
    rows, columns = pixels.shape[-2:]
    entries = [(256, 4, 1, columns), (257, 4, 1, rows), (258, 3, 1, 16), (259, 3, 1, 1),
               (262, 3, 1, 1), (270, 2, len(text), text_at), (273, 4, 1, data_at),
               (277, 3, 1, 1), (278, 4, 1, rows), (279, 4, 1, rows * columns * 2),
               (282, 5, 1, size_at), (65002, 2, len(private), private_at)]  # fmt: skip
    head = b"II" if byteorder == "<" else b"MM"
    head += struct.pack(f"{byteorder}HIH", 42, 8, tags)
    for code, kind, count, value in entries:
        short = kind == 3 and count == 1
        inline = struct.pack(
            f"{byteorder}{'HH' if short else 'I'}", *([value, 0] if short else [value])
        )
        head += struct.pack(f"{byteorder}HHI", code, kind, count) + inline
    head += struct.pack(f"{byteorder}I", 0) + text + bytes(len(text) % 2) + private
    path.write_bytes(head + struct.pack(f"{byteorder}4I", 4, 1, 4, 1) + plane)


HYPERSTACK = {"channels": 2, "slices": 3, "hyperstack": "true", "mode": "composite", "unit": "um"}


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize(
    "change", [changed, as_floats, lambda i: i.with_planes(i.planes()[..., 4:-4, 6:-6])]
)
def test_a_stack_of_one_directory_keeps_its_tags(change, byteorder, paths):
    source, out = paths
    write_one_directory(source, kinds.stack(6), byteorder, **HYPERSTACK)
    image = change(images.read(source))
    assert images.write(out, image, DONE) == ()
    with tifffile.TiffFile(out) as file:
        assert len(file.pages) == 1
        assert file.byteorder == byteorder
        assert file.pages[0].tags[65002].value == "private"
        assert file.imagej_metadata["mode"] == "composite"
        assert file.series[0].axes == "ZCYX"
        np.testing.assert_array_equal(file.asarray(), image.pixels)


def test_a_stack_that_cannot_grow_is_put_behind_its_directory(paths, monkeypatch):
    # As where an ImageJ stack is larger than the positions of its file reach.
    source, out = paths
    write_one_directory(source, kinds.stack(6), **HYPERSTACK)
    monkeypatch.setattr(editing, "POSITIONS", source.stat().st_size)
    image = changed(images.read(source))
    images.write(out, image, DONE)
    with tifffile.TiffFile(out) as file:
        assert file.pages[0].offset < file.pages[0].dataoffsets[0] < 2000
        assert file.imagej_metadata["Info"] == DONE
        np.testing.assert_array_equal(file.asarray(), image.pixels)


def test_equal_strips_that_share_a_place(paths):
    source, out = paths
    tifffile.imwrite(
        source, np.full((64, 64), 7, np.uint16), rowsperstrip=32, extratags=PRIVATE, **OPTIONS
    )
    with tifffile.TiffFile(source) as file:
        start = file.pages[0].dataoffsets[0]
    patch(source, 273, "<II", start, start)
    image = images.read(source)
    pixels = image.pixels.copy()
    pixels[40:] += 5
    images.write(out, dataclasses.replace(image, pixels=pixels), DONE)
    with tifffile.TiffFile(out) as file:
        np.testing.assert_array_equal(file.asarray(), pixels)
        assert file.pages[0].tags[65002].value == "private"


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize(
    "entry",
    [(34665, 4, 1, 0xFFFFF0), (34665, 4, 1, 8), (65001, 99, 7, 5), (65001, 2, 100, 0xFFFFF0)],
)
def test_a_broken_private_tag_ends_nothing(entry, compression, paths):
    source, out = paths
    tifffile.imwrite(source, kinds.cells(), compression=compression, extratags=PRIVATE, **OPTIONS)
    data = bytearray(source.read_bytes())
    with tifffile.TiffFile(source) as file:
        at = file.pages[0].tags[305].offset
    data[at : at + 12] = struct.pack("<HHII", *entry)
    source.write_bytes(data)
    image = changed(images.read(source))
    images.write(out, image, DONE)
    again = images.read(out)
    np.testing.assert_array_equal(again.pixels, image.pixels)
    with tifffile.TiffFile(out) as file:
        assert file.pages[0].tags[65002].value == "private"


@pytest.mark.parametrize("change", ["gone", "other image", "no image"])
def test_a_file_that_is_no_longer_the_one_that_was_read(change, paths):
    source, out = paths
    tifffile.imwrite(source, kinds.stack(3), photometric="minisblack", metadata={"axes": "ZYX"})
    image = changed(images.read(source))
    if change == "gone":
        source.unlink()
    elif change == "other image":
        tifffile.imwrite(source, kinds.stack(2)[:, :9], photometric="minisblack")
    else:
        source.write_bytes(b"hello")
    (words,) = images.write(out, image, DONE)
    assert "no longer" in words
    again = images.read(out)
    assert again.axes == "ZYX"
    np.testing.assert_array_equal(again.pixels, image.pixels)


@pytest.mark.parametrize(
    "change",
    [
        lambda i: dataclasses.replace(i, axes="TYX"),
        lambda i: dataclasses.replace(i, pixels=i.pixels[:2]),
        lambda i: dataclasses.replace(i, pixels=i.pixels[0], axes="YX"),
        lambda i: Image(np.moveaxis(i.pixels, 0, -1), "YXZ", metadata=i.metadata),
    ],
)
def test_an_image_of_other_axes_says_its_own(change, paths):
    source, out = paths
    tifffile.imwrite(source, kinds.stack(3), photometric="minisblack", metadata={"axes": "ZYX"})
    image = change(images.read(source))
    images.write(out, image, DONE)
    again = images.read(out)
    assert again.axes == image.axes
    np.testing.assert_array_equal(again.pixels, image.pixels)


@pytest.mark.parametrize("kind", ["plain", "ome", "pyramid", "imagej", "shaped", "metaseries"])
def test_a_given_pixel_size_stands_where_the_files_own_did(kind, tmp_path):
    source = kinds.write_all(tmp_path / "kinds")[kind]
    image = dataclasses.replace(changed(images.read(source)), pixel_size=(0.4, 0.5))
    out = tmp_path / source.name
    assert images.write(out, image, DONE) == ()
    assert images.read(out).pixel_size == pytest.approx((0.4, 0.5))
    with tifffile.TiffFile(source) as before, tifffile.TiffFile(out) as after:
        assert after.flags == before.flags
        if kind == "ome":
            pixels = ElementTree.fromstring(after.ome_metadata).find(".//{*}Pixels")
            assert pixels.get("PhysicalSizeX") == "0.5"
            assert pixels.find("{*}Plane").get("PositionX") == "1200.0"
        if kind == "metaseries":
            assert after.metaseries_metadata["PlaneInfo"]["stage-position-x"] == 31000.5
        if kind == "imagej":
            assert after.imagej_metadata["spacing"] == before.imagej_metadata["spacing"]


def test_the_distance_of_planes_goes_with_imagejs_unit(paths):
    source, out = paths
    write_one_directory(source, kinds.stack(3), slices=3, unit="nm", spacing=500)
    image = dataclasses.replace(changed(images.read(source)), pixel_size=(0.4, 0.4))
    images.write(out, image, DONE)
    with tifffile.TiffFile(out) as file:
        assert (file.imagej_metadata["unit"], file.imagej_metadata["spacing"]) == ("um", 0.5)


UUID = "urn:uuid:00000000-0000-0000-0000-000000000001"


@pytest.mark.parametrize("root", [True, False])
@pytest.mark.parametrize("name", ["a.ome.tif", "b & c.ome.tif"])
def test_ome_xml_names_the_file_that_it_stands_in(root, name, tmp_path):
    of = f'<TiffData IFD="0" PlaneCount="2"><UUID FileName="a.ome.tif">{UUID}</UUID></TiffData>'
    xml = kinds.OME.replace('<TiffData IFD="0" PlaneCount="2"/>', of)
    xml = xml.replace("<OME ", f'<OME UUID="{UUID}" ') if root else xml
    source, out = tmp_path / "a.ome.tif", tmp_path / "out" / name
    tifffile.imwrite(source, kinds.stack(2), description=xml.encode(), **OPTIONS)
    image = changed(images.read(source))
    images.write(out, image, DONE)
    with tifffile.TiffFile(out) as file:
        found = ElementTree.fromstring(file.ome_metadata)
        assert found.get("UUID") == UUID
        assert found.find(".//{*}UUID").get("FileName") == name
        np.testing.assert_array_equal(file.asarray(), image.pixels)


def test_ome_xml_that_declares_another_encoding(tmp_path):
    xml = kinds.OME.replace("UTF-8", "ISO-8859-1").replace("tile 7", "tile µ").encode("latin-1")
    source, out = tmp_path / "a.ome.tif", tmp_path / "out" / "a.ome.tif"
    tifffile.imwrite(source, kinds.stack(2), description=xml, **OPTIONS)
    images.write(out, changed(images.read(source)), DONE)
    with tifffile.TiffFile(out) as file:
        tag = file.pages[0].tags[270]
    said = out.read_bytes()[tag.valueoffset : tag.valueoffset + tag.count].rstrip(b"\0")
    image = ElementTree.fromstring(said).find("{*}Image")
    assert image.get("Name") == "tile µ"
    assert image.find("{*}Description").text == DONE


def test_a_name_of_ome_makes_an_ome_tiff(tmp_path):
    source, out = tmp_path / "a.tif", tmp_path / "a.ome.tif"
    tifffile.imwrite(source, kinds.stack(3), photometric="minisblack", metadata={"axes": "ZYX"})
    images.write(out, changed(images.read(source)), DONE)
    with tifffile.TiffFile(out) as file:
        assert file.is_ome
        assert file.series[0].axes == "ZYX"


def write_packed(path, byteorder="<"):
    """Write a page whose 12 bits a pixel cannot be replaced where they lie."""
    extra = [*PRIVATE, (274, "H", 1, 6, True)]
    tifffile.imwrite(path, kinds.cells(), byteorder=byteorder, extratags=extra, **OPTIONS)
    patch(path, 258, f"{byteorder}H", 12)


def test_a_new_file_keeps_the_tags_of_the_first_page(paths):
    source, out = paths
    write_packed(source)
    assert images.write(out, changed(images.read(source)), DONE) == ()
    with tifffile.TiffFile(out) as file:
        tags = file.pages[0].tags
        assert (tags[65002].value, tags[306].value) == ("private", "2026:01:02 03:04:05")
        assert tags[274].value == 6
        codes = [tag.code for tag in tags]
        assert len(set(codes)) == len(codes)


def test_a_new_file_says_what_it_lacks(tmp_path):
    source = tmp_path / "a.ome.tif"
    with tifffile.TiffWriter(source, ome=True) as file:
        for side in (64, 40):
            pixels = kinds.cells()[:side]
            file.write(pixels, photometric="minisblack", metadata={"axes": "YX"})
    words = images.write(tmp_path / "b.ome.tif", changed(images.read(source, scene=1)), DONE)
    assert words == ("its other images", "its OME-XML but for names, sizes and colours")
    assert all(word.strip() for word in words)


def test_a_result_over_its_own_input(paths):
    source, _ = paths
    tifffile.imwrite(source, kinds.stack(3), photometric="minisblack", metadata={"axes": "ZYX"})
    image = changed(images.read(source))
    images.write(source, image, DONE)
    again = images.read(source)
    np.testing.assert_array_equal(again.pixels, image.pixels)
    line = json.loads(tifffile.TiffFile(source).pages[0].description)
    assert line["unsmear"] == [json.loads(DONE)]
    assert os.listdir(source.parent) == ["a.tif"]


def test_micromanagers_index_is_said_to_go_where_pixels_move(tmp_path):
    source = kinds.write_all(tmp_path / "kinds")["micromanager"]
    image = images.read(source)
    assert images.write(tmp_path / "same" / source.name, changed(image), DONE) == ()
    words = images.write(tmp_path / "floats" / source.name, as_floats(image), DONE)
    assert words == ("Micro-Manager's index and summary",)


def test_two_planes_of_an_imagej_stack_with_a_directory_each(paths):
    # tifffile takes them for one block where the second directory lies far behind.
    source, out = paths
    lut = np.zeros((2, 3, 256), np.uint8)
    tifffile.imwrite(
        source, kinds.stack(2), imagej=True, metadata={"axes": "CYX", "LUTs": list(lut)}
    )
    with tifffile.TiffFile(source) as file:
        assert len(file.pages) == 2
    for change in (changed, as_floats):
        image = change(images.read(source))
        images.write(out, image, DONE)
        with tifffile.TiffFile(out) as file:
            np.testing.assert_array_equal(file.asarray(), image.pixels)


def test_colours_of_floats_are_remarked(paths):
    source, _ = paths
    tifffile.imwrite(source, np.dstack([kinds.grey8(s) for s in range(3)]), photometric="rgb")
    image = images.read(source)
    assert tiff.remark(image) == ""
    assert "ImageJ" in tiff.remark(as_floats(image))
