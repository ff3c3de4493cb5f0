"""Fields as one image each, and the files that do not fit."""

import numpy as np
import pytest

from unsmear import images
from unsmear.data import plates
from unsmear.errors import DataError

NAMES = [
    f"TimePoint_1/ZStep_{z}/p_{well}_s1_w{w}.TIF"
    for well in ("B02", "B10")
    for w in (1, 2)
    for z in (1, 2)
]


@pytest.fixture
def plate(tmp_path, tif):
    for number, name in enumerate(NAMES):
        tif(name, value=number)
    return plates.recognise(tmp_path)


def test_fields_become_blocks(plate):
    fields = list(plates.plate_images(plate))
    assert [(well, field) for well, field, _ in fields] == [("B02", 0), ("B10", 0)]
    image = plates.assemble(plate, fields[1][2], images.read)
    assert (image.axes, image.channels, image.pixels.shape) == (
        "TCZYX",
        ("w1", "w2"),
        (1, 2, 2, 6, 8),
    )
    assert image.pixels[0, :, :, 0, 0].tolist() == [[4, 5], [6, 7]]


def test_missing_plane_is_named(tmp_path, plate):
    (tmp_path / NAMES[1]).unlink()
    with pytest.raises(DataError, match=r"p_B02_s1_w1.TIF: .* got none for w1 at slice 2 of 2"):
        list(plates.plate_images(plates.recognise(tmp_path)))


def test_two_files_of_one_place_are_named(tmp_path, plate, tif):
    tif("TimePoint_1/ZStep_1/p_B2_s1_w1.tif")
    with pytest.raises(DataError, match="the only one"):
        list(plates.plate_images(plates.recognise(tmp_path)))


def test_projections_beside_slices_are_left_out(tmp_path, plate, tif):
    flat = tif("TimePoint_1/p_B02_s1_w1.TIF")
    plate = plates.recognise(tmp_path)
    taken = {file for _, _, planes in plates.plate_images(plate) for _, file in planes}
    assert flat not in taken
    assert plates.left_out(plate) == [flat]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"shape": (6, 9)}, "6x9 pixels"),
        ({"dtype": np.uint8}, "uint8"),
        ({"shape": (3, 6, 8), "photometric": "minisblack"}, "ZStep_2|one plane|axes"),
    ],
)
def test_file_that_differs_is_named(tmp_path, plate, tif, change, sentence):
    tif(NAMES[1], **change)
    _, _, planes = next(plates.plate_images(plate))
    with pytest.raises(ValueError, match=sentence) as caught:
        plates.assemble(plate, planes, images.read)
    assert "p_B02_s1_w1.TIF" in str(caught.value)


def test_channels_come_in_the_vendors_order(tmp_path, plate, text):
    text("p.HTD", '"WaveName1", "Red"\n"WaveName2", "Blue"\n')
    plate = plates.recognise(tmp_path)
    _, _, planes = next(plates.plate_images(plate))
    image = plates.assemble(plate, planes, images.read)
    assert image.channels == ("Red", "Blue")
    assert image.pixels[0, :, 0, 0, 0].tolist() == [0, 2]
