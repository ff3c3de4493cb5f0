"""Acquisitions of Micro-Manager: folders of positions, their metadata.txt, and stacks."""

import json

import pytest

from unsmear.data import plates

OLD = "img_000000002_DAPI_001.tif"
NEW = "img_channel000_position000_time000000002_z001.tif"
FRAME = {"Channel": "Hoechst", "PixelSizeUm": 0.16, "Exposure-ms": 20.0}


def test_version_one_has_frame_keys(tmp_path, tif, text):
    first, second = tif(f"Pos2/{OLD}", f"Pos10/{OLD}")
    content = {"Summary": {"Slices": 2}, "FrameKey-2-0-1": {"FileName": OLD, **FRAME}}
    side = [text(f"{folder}/metadata.txt", json.dumps(content)) for folder in ("Pos10", "Pos2")]
    side.append(text("display_settings.txt", "{}"))
    plate = plates.recognise(tmp_path)
    place = plate.fields[first]
    assert (place.channel, place.t, place.z, place.field) == ("Hoechst", 2, 1, 0)
    assert (place.pixel_size, place.exposure) == ((0.16, 0.16), 0.02)
    assert place.pixel_size_from == "metadata.txt"
    assert plate.fields[second].field == 1
    assert (set(plate.side_files), plate.problems) == (set(side), ())


def test_version_two_has_paths_as_keys(tmp_path, tif, text):
    file = tif(f"Default/{NEW}")
    text("Default/metadata.txt", json.dumps({"Summary": {}, f"Metadata-Default/{NEW}": FRAME}))
    place = plates.recognise(tmp_path).fields[file]
    assert (place.channel, place.t, place.z) == ("Hoechst", 2, 1)


def test_positions_of_the_plate_plugin_are_wells(tmp_path, tif):
    file = tif(f"B2-Site_3/{OLD}")
    place = plates.recognise(tmp_path).fields[file]
    assert (place.well, place.field, place.channel) == ("B02", 3, "DAPI")


@pytest.mark.parametrize("content", ['{"Summary": {', "[]", "[" * 100_000, "\x00"])
def test_damaged_metadata_is_one_sentence(tmp_path, tif, text, content):
    file = tif(f"Pos0/{OLD}")
    text("Pos0/metadata.txt", content)
    plate = plates.recognise(tmp_path)
    [problem] = plate.problems
    assert problem.startswith("Pos0/metadata.txt: ")
    assert plate.fields[file].channel == "DAPI"


@pytest.mark.parametrize("frame", [{"PixelSizeUm": 0}, {"PixelSizeUm": "x"}, {"PixelSizeUm": [1]}])
def test_no_pixel_size_is_none(tmp_path, tif, text, frame):
    file = tif(f"Pos0/{OLD}")
    text("Pos0/metadata.txt", json.dumps({"FrameKey-2-0-1": {"FileName": OLD, **frame}}))
    assert plates.recognise(tmp_path).fields[file].pixel_size is None


def test_index_of_offsets_is_copied(tmp_path, tif, text):
    """The pixels of a stack are replaced where they lie, so that its index stays right."""
    tif("run_NDTiffStack.tif")
    index = text("NDTiff.index")
    kept = text("display_settings.txt")
    plate = plates.recognise(tmp_path)
    assert plate.problems == ()
    assert set(plate.side_files) == {index, kept}


def test_stacks_keep_their_metadata_file(tmp_path, tif, text):
    tif("run_MMStack_Pos0.ome.tif")
    side = text("run_MMStack_Pos0_metadata.txt", "{}")
    text("letter.pdf")
    assert plates.recognise(tmp_path).side_files == (side,)
