"""Plates of the InCell Analyzer: names with fields and wavelengths, and the .xdce index."""

import pytest

from unsmear.data import plates

XDCE = """<ImageStack><AutoLeadAcquisitionProtocol>
<ObjectiveCalibration pixel_width="0.65" pixel_height="0.64" {unit}/></AutoLeadAcquisitionProtocol>
<Images>{images}</Images></ImageStack>"""
IMAGE = """<Image filename="{name}"><Well label="B - 3"><Row number="2"/><Column number="3"/></Well>
<Exposure time="200" {unit}/>
<Identifier field_index="1" wave_index="0" z_index="2" time_index="0"/></Image>"""
NAME = "B - 3(fld 2 wv DAPI - DAPI z 3).tif"


@pytest.mark.parametrize(
    ("name", "well", "channel", "z", "t"),
    [
        (NAME, "B03", "DAPI", 2, 0),
        ("A - 01(fld 1 wv 390 - Blue).tif", "A01", "390 - Blue", 0, 0),
        ("p_A - 01(fld 01 wv Cy3 - Cy3 wix 1).TIF", "A01", "Cy3", 0, 0),
        ("A - 1(fld 1 wv Cy5 - Cy5 z 2 time 3 - 900 ms).tif", "A01", "Cy5", 1, 2),
        ("P - 24(fld 1).tif", "P24", "", 0, 0),
    ],
)
def test_name_says_the_place(tmp_path, tif, name, well, channel, z, t):
    file = tif(name)
    place = plates.recognise(tmp_path).fields[file]
    assert (place.well, place.channel, place.z, place.t) == (well, channel, z, t)


def test_index_says_pixel_size(tmp_path, tif, text):
    file = tif(NAME)
    side = text("p.xdce", XDCE.format(images=IMAGE.format(name=NAME, unit='unit="ms"'), unit=""))
    plate = plates.recognise(tmp_path)
    place = plate.fields[file]
    assert (place.well, place.field, place.z, place.channel) == ("B03", 1, 2, "DAPI")
    assert (place.pixel_size, place.pixel_size_from) == ((0.64, 0.65), "p.xdce")
    assert (place.exposure, plate.side_files, plate.problems) == (0.2, (side,), ())


def test_units_are_not_guessed(tmp_path, tif, text):
    file = tif(NAME)
    text("p.xdce", XDCE.format(images=IMAGE.format(name=NAME, unit=""), unit='unit="furlong"'))
    place = plates.recognise(tmp_path).fields[file]
    assert (place.pixel_size, place.exposure) == (None, None)
