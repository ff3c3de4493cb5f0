"""Nothing in a folder is passed over in silence, and no input ends the others."""

import os
import shutil
import tracemalloc
import zipfile

import numpy as np
import pytest

from tests.images.vendor.made import oif
from unsmear import images
from unsmear.data import archive, source
from unsmear.errors import DataError, ImageError
from unsmear.images import Image


def make(path):
    images.write(path, Image(np.random.default_rng(0).integers(0, 99, (8, 9), np.uint8), "YX"))
    return path


def ids(survey):
    return [item.id for item in survey.items]


def test_what_is_no_image_is_named_and_counted(tmp_path):
    make(tmp_path / "a.tif")
    for name in ("notes.txt", "Index.xml", ".DS_Store", "Thumbs.db", "._a.tif"):
        (tmp_path / name).write_text("x")
    make(tmp_path / "masks" / "a.png")
    survey = source.survey([tmp_path])
    assert ids(survey) == ["a"]
    assert not survey.incomplete
    assert survey.sentences() == ["Not read as images: masks, Index.xml, notes.txt."]


def test_an_image_that_cannot_be_read_is_not_passed_over_in_silence(tmp_path):
    make(tmp_path / "a.tif")
    for name in ("b.oir", "c.vsi", "d.h5", "e.unheard", "f"):
        (tmp_path / name).write_bytes(bytes(600))
    survey = source.survey([tmp_path])
    assert survey.incomplete
    said = "\n".join(survey.sentences())
    assert f"{tmp_path / 'b.oir'}: passed over: an Olympus OIR file, which cannot be read" in said
    assert f"{tmp_path / 'e.unheard'}: passed over: a file of an unknown format." in said
    assert "5 files passed over: 1 .oir, 1 .vsi, 1 .h5, 1 .unheard, 1 no ending." in said


def test_a_file_is_known_by_what_it_holds(tmp_path):
    make(tmp_path / "a.tif").rename(tmp_path / "a.data")
    make(tmp_path / "b.png").rename(tmp_path / "b")
    assert ids(source.survey([tmp_path])) == ["a", "b"]


@pytest.mark.parametrize("name", ["a.stk", "a.lsm", "a.btf", "a.TIF", "a.czi", "a.nd2", "a.lif"])
def test_all_formats_are_found(name, tmp_path):
    (tmp_path / name).write_bytes(b"II*\0\0\0\0\0")
    assert ids(source.survey([tmp_path])) == ["a"]


def test_a_folder_of_nothing_readable_says_what_is_there(tmp_path):
    (tmp_path / "a.oir").write_bytes(bytes(600))
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(DataError, match=r"got a\.oir, an Olympus OIR file, which cannot be read"):
        source.survey([tmp_path])


def test_a_glob_that_matches_nothing_does_not_stop_the_others(tmp_path):
    make(tmp_path / "a.tif")
    survey = source.survey([str(tmp_path / "*.stk"), str(tmp_path / "*.tif"), str(tmp_path / "no")])
    assert ids(survey) == ["a"]
    assert survey.incomplete
    assert [sentence.partition(": ")[0] for sentence in survey.sentences()] == [
        str(tmp_path / "*.stk"), str(tmp_path / "no"),
    ]  # fmt: skip


def test_an_empty_input_is_refused(tmp_path):
    make(tmp_path / "a.tif")
    with pytest.raises(DataError, match="an input must be a path, got an empty one"):
        source.survey([str(tmp_path), ""])


def test_links_that_lead_nowhere(tmp_path):
    make(tmp_path / "a.tif")
    (tmp_path / "loop.tif").symlink_to("loop.tif")
    (tmp_path / "lost.tif").symlink_to("nowhere.tif")
    survey = source.survey([tmp_path])
    assert ids(survey) == ["a", "loop", "lost"]
    for item in survey.items[1:]:
        with pytest.raises(ImageError, match="cannot be read"):
            item.read()
    with pytest.raises(DataError, match="a link must lead to a file or folder"):
        source.survey([tmp_path / "loop.tif"])


def test_the_planes_of_an_oif_are_no_images_of_their_own(tmp_path):
    pixels = np.zeros((2, 8, 9), "u2")
    (tmp_path / "in").mkdir()
    oif(tmp_path / "in" / "a.oif", "XYC", "C", pixels)
    make(tmp_path / "b.tif")
    expected = ["b", "in/a"]
    assert sorted(ids(source.survey([tmp_path]))) == expected
    for pattern in ("**", "**/*.[ot]if", "*"):
        survey = source.survey([str(tmp_path / pattern)])
        assert (sorted(ids(survey)), survey.sentences()) == (expected, [])
    # Without the OIF, and where they are asked for, they are images.
    assert len(source.survey([str(tmp_path / "in/a.oif.files/*.tif")]).items) == 2
    (tmp_path / "in" / "a.oif").unlink()
    assert len(source.survey([tmp_path]).items) == 3


def test_a_label_list_in_a_zip_is_not_unpacked_to_look_at_it(tmp_path, monkeypatch):
    make(tmp_path / "a.png")
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as file:
        file.write(tmp_path / "a.png", "a.png")
        file.writestr("train.csv", b"A" * 2**24)
    tracemalloc.start()
    try:
        assert ids(source.survey([tmp_path / "a.zip"])) == ["a"]
        assert tracemalloc.get_traced_memory()[1] < 2**22
    finally:
        tracemalloc.stop()
    monkeypatch.setattr(archive, "LARGEST_LIST", 2**20)
    with zipfile.ZipFile(tmp_path / "b.zip", "w", zipfile.ZIP_DEFLATED) as file:
        file.write(tmp_path / "a.png", "a.png")
        file.writestr("train.csv", b"ID,Label\n" + b"A" * 2**21)
    with pytest.raises(DataError, match=r"^train\.csv: the file must have at most 1 MiB"):
        source.survey([tmp_path / "b.zip"])


def test_a_damaged_list_in_a_zip_is_one_sentence(tmp_path):
    make(tmp_path / "a.png")
    for name, start in (("train.csv", "ID,Label\n"), ("MANIFEST.csv", "file,group\n")):
        path = tmp_path / f"{name}.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as file:
            file.write(tmp_path / "a.png", "a.png")
            numbers = np.random.default_rng(0).integers(0, 19, 30_000)
            rows = "".join(f"{row},{number}\n" for row, number in enumerate(numbers))
            file.writestr(name, start + rows)
        data = bytearray(path.read_bytes())
        # Behind the first bytes, which say that this is such a list.
        at = len(data) - 4000
        data[at : at + 400] = bytes(byte ^ 0xFF for byte in data[at : at + 400])
        path.write_bytes(bytes(data))
        with pytest.raises(DataError, match=rf"{name}: .*cannot be read"):
            source.survey([path])


def test_pipes_are_not_read(tmp_path):
    make(tmp_path / "a.tif")
    os.mkfifo(tmp_path / "b.tif")
    survey = source.survey([tmp_path])
    assert ids(survey) == ["a"]
    assert "a pipe or a device" in survey.sentences()[0]


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every folder")
def test_a_locked_folder_does_not_stop_the_rest(tmp_path):
    make(tmp_path / "a.tif")
    make(tmp_path / "locked" / "b.tif")
    (tmp_path / "locked").chmod(0)
    try:
        survey = source.survey([tmp_path])
    finally:
        (tmp_path / "locked").chmod(0o700)
    assert ids(survey) == ["a"]
    assert survey.incomplete


@pytest.mark.parametrize("method", [zipfile.ZIP_LZMA, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2])
def test_a_damaged_member_is_one_sentence(method, tmp_path):
    path = tmp_path / "a.zip"
    rng = np.random.default_rng(0)
    with zipfile.ZipFile(path, "w", method) as file:
        for number in range(3):
            made = make(tmp_path / f"im{number}.tif")
            images.write(made, Image(rng.integers(0, 255, (64, 64), np.uint8), "YX"))
            file.write(made, f"im{number}.tif")
    data = bytearray(path.read_bytes())
    at = zipfile.ZipFile(path).getinfo("im1.tif").header_offset
    for place in range(60, 120):
        data[at + place] ^= 0xFF
    path.write_bytes(bytes(data))
    survey = source.survey([path])
    first, damaged, last = survey.items
    assert (first.read().name, last.read().name) == ("im0.tif", "im2.tif")
    with pytest.raises(ImageError, match=r"^im1\.tif: "):
        damaged.read()


def test_a_zarr_is_one_image_and_never_walked_into(tmp_path):
    images.write(tmp_path / "a.ome.zarr", Image(np.zeros((8, 9), np.uint8), "YX"))
    survey = source.survey([tmp_path])
    assert ids(survey) == ["a.ome"]
    assert survey.items[0].read().axes == "YX"
    assert ids(source.survey([tmp_path / "a.ome.zarr"])) == ["a.ome"]
    assert ids(source.survey([str(tmp_path / "*")])) == ["a.ome"]


def test_a_set_of_files_is_one_item(tmp_path):
    import tifffile

    names = ["s_C0.ome.tif", "s_C1.ome.tif"]
    parts = "".join(
        f'<TiffData FirstC="{c}" IFD="0" PlaneCount="1"><UUID FileName="{name}">urn:uuid:{c}</UUID>'
        "</TiffData>"
        for c, name in enumerate(names)
    )
    for c, name in enumerate(names):
        xml = (
            '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" '
            f'UUID="urn:uuid:{c}"><Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYCZT" '
            'Type="uint8" SizeX="9" SizeY="8" SizeC="2" SizeZ="1" SizeT="1">'
            f'<Channel ID="Channel:0:0"/><Channel ID="Channel:0:1"/>{parts}</Pixels></Image></OME>'
        )
        pixels = np.full((8, 9), c, np.uint8)
        tifffile.imwrite(tmp_path / name, pixels, description=xml.encode(), metadata=None)
    survey = source.survey([tmp_path])
    assert ids(survey) == ["s_C0.ome"]
    assert survey.items[0].read().pixels.shape == (2, 8, 9)


def test_scenes_of_a_file_are_items_of_their_own(tmp_path):
    import tifffile

    with tifffile.TiffWriter(tmp_path / "a.ome.tif") as file:
        for name, size in (("left/top", 6), ("left top", 9), ("", 7)):
            pixels = np.zeros((size, 8), np.uint8)
            file.write(pixels, metadata={"axes": "YX", "Name": name})
    (item,) = source.survey([tmp_path]).items
    expanded = item.expand()
    assert [single.id for single in expanded[:2]] == ["a.ome_left_top", "a.ome_left_top_2"]
    assert [single.read().pixels.shape[0] for single in expanded] == [6, 9, 7]
    assert len({single.stem for single in expanded}) == 3


def test_side_files_of_a_plate_are_no_images(tmp_path):
    root = tmp_path / "plate"
    for name in ("P_B02_s1_w1", "P_B02_s1_w2"):
        make(root / f"{name}.tif")
        make(root / f"{name}_thumb.tif")
    (root / "P.HTD").write_text('"HTSInfoFile", Version 1.0\n"EndFile"\n')
    survey = source.survey([tmp_path])
    assert ids(survey) == ["plate/P_B02_s1_w1", "plate/P_B02_s1_w2"]
    assert all(item.of_plate for item in survey.items)
    assert sorted(below.name for _, below in survey.side_files) == [
        "P.HTD", "P_B02_s1_w1_thumb.tif", "P_B02_s1_w2_thumb.tif",
    ]  # fmt: skip
    assert all(below.parts[0] == "plate" for _, below in survey.side_files)
    assert survey.sentences() == []
    shutil.rmtree(root)
