"""Plates of MetaXpress: names with sites, waves and GUIDs, time points, slices and the .HTD."""

from pathlib import Path

import pytest

from unsmear import images
from unsmear.data import plates

GUID = "46C9B2CD-0BB3-4B8A-9187-2805F4C90506"
HTD = '"HTSInfoFile", Version 1.0\r\n"WaveName1", "DAPI"\r\n"WaveName2", "Cy5"\r\n'
REAL = Path(__file__).parents[4] / "shared/data/vendor_files/9987_B02_s1_w1.TIF"


@pytest.mark.parametrize(
    ("name", "well", "field", "channel"),
    [
        ("p_B02_s1_w1.TIF", "B02", 0, "w1"),
        ("p_b2_s12_w2.tif", "B02", 11, "w2"),
        (f"p_C05_s1_w1{GUID}.tif", "C05", 0, "w1"),
        (f"p_C05_s3_w2[{GUID}].tif", "C05", 2, "w2"),
        ("p_AF48_w3.TIF", "AF48", 0, "w3"),
        ("A01_s1_w1.tiff", "A01", 0, "w1"),
    ],
)
def test_name_says_the_place(tmp_path, tif, name, well, field, channel):
    file = tif(name)
    place = plates.recognise(tmp_path).fields[file]
    assert (place.well, place.field, place.channel) == (well, field, channel)


@pytest.mark.parametrize(
    "name",
    ["cells.tif", "p_B02_w1FRET_s1_t1.TIF", "p_T02_s1_w1.tif", "p_B00_s1_w1.tif", "a_B02.tif"],
)
def test_other_names_are_no_plate(tmp_path, tif, name):
    tif(name)
    assert plates.find(tmp_path) == []


def test_htd_names_the_channels(tmp_path, tif, text):
    first, second = tif("p_B02_s1_w1.TIF", "p_B02_s1_w2.TIF")
    htd = text("p.HTD", HTD)
    plate = plates.recognise(tmp_path)
    assert plate.channels == ("DAPI", "Cy5")
    assert plate.fields[first].channel == "DAPI"
    assert plate.fields[second].channel == "Cy5"
    assert plate.side_files == (htd,)


def test_channels_of_one_name_stay_two(tmp_path, tif, text):
    tif("p_B02_s1_w1.TIF", "p_B02_s1_w2.TIF")
    text("p.HTD", HTD.replace("Cy5", "DAPI"))
    assert plates.recognise(tmp_path).channels == ("DAPI 1", "DAPI 2")


def test_htd_makes_a_plate_of_names_with_a_well_alone(tmp_path, tif, text):
    file = tif("TimePoint_1/p_B02.TIF")
    text("p.HTD", HTD.replace('"WaveName2", "Cy5"\r\n', ""))
    assert plates.recognise(tmp_path).fields[file].channel == "DAPI"


def test_folders_say_time_and_slice(tmp_path, tif, text):
    moved, high, flat = tif(
        "TimePoint_2/ZStep_1/p_B02_s1_w1.TIF",
        "TimePoint_1/ZStep_3/p_B02_s1_w1.TIF",
        "TimePoint_1/p_B02_s1_w1.TIF",
    )
    text("p.HTD", HTD)
    plate = plates.recognise(tmp_path)
    assert (plate.root, plate.name) == (tmp_path, "p")
    assert [(plate.fields[f].t, plate.fields[f].z) for f in (moved, high)] == [(1, 0), (0, 2)]
    assert [plate.fields[f].projection for f in (moved, high, flat)] == [False, False, True]


def test_index_above_the_folder_is_read_and_not_copied(tmp_path, tif, text):
    file = tif("p/TimePoint_1/p_B02_s1_w1.TIF")
    text("p/p.HTD", HTD)
    plate = plates.recognise(tmp_path / "p/TimePoint_1")
    assert plate.fields[file].channel == "DAPI"
    assert (plate.root, plate.side_files) == (file.parent, ())


def test_two_plates_in_one_folder_are_two(tmp_path, tif, text):
    tif("p_B02_s1_w1.TIF", "q_B02_s1_w1.TIF")
    text("p.HTD", HTD)
    text("q.HTD", HTD.replace("DAPI", "Hoechst"))
    found = plates.find(tmp_path)
    assert [(plate.name, plate.channels) for plate in found] == [
        ("p", ("DAPI",)),
        ("q", ("Hoechst",)),
    ]
    assert sum(len(plate.side_files) for plate in found) == 2
    assert plates.recognise(tmp_path) is None


def test_thumbnails_are_side_files_and_strangers_none(tmp_path, tif, text):
    tif("p_B02_s1_w1.TIF")
    thumbnail = tif("p_B02_s1_w1_thumb.TIF")
    with_guid = tif(f"p_B02_s1_w1_thumb{GUID}.tif")
    tif("other.tif")
    text("letter.pdf")
    assert set(plates.recognise(tmp_path).side_files) == {thumbnail, with_guid}
    htd, letter = text("p.HTD", HTD), tmp_path / "letter.pdf"
    assert set(plates.recognise(tmp_path).side_files) == {thumbnail, with_guid, htd, letter}


@pytest.mark.skipif(not REAL.exists(), reason="the real file lies beside the checkout")
def test_real_file_is_recognised_and_read(tmp_path):
    copy = tmp_path / REAL.name
    copy.write_bytes(REAL.read_bytes())
    place = plates.recognise(tmp_path).fields[copy]
    assert (place.well, place.channel) == ("B02", "w1")
    assert plates.apply_place(images.read(copy), place, "ImageXpress").channels == ()
