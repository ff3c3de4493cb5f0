"""Plates of Harmony: the index of two versions, what it lacks, and what is wrong with it."""

import pytest

from unsmear import images
from unsmear.data import plates

IMAGE = """<Image Version="1"><id>a</id><State>Ok</State><URL>{name}</URL><Row>2</Row><Col>3</Col>
<FieldID>{field}</FieldID><PlaneID>{plane}</PlaneID><TimepointID>0</TimepointID>
<ChannelID>{channel}</ChannelID>{more}</Image>"""
SIZE = """<ImageResolutionX Unit="m">2.9E-07</ImageResolutionX>
<ImageResolutionY Unit="m">3.1E-07</ImageResolutionY><ExposureTime Unit="s">0.06</ExposureTime>"""
NAME = "r02c03f{field:02d}p{plane:02d}-ch{channel}sk1fk1fl1.tiff"


def listed(
    name=None, field=1, plane=1, channel=1, more=SIZE + "<ChannelName>HOECHST</ChannelName>"
):
    name = name or NAME.format(field=field, plane=plane, channel=channel)
    return IMAGE.format(name=name, field=field, plane=plane, channel=channel, more=more)


def index(*records, before=""):
    return f"""<?xml version="1.0" encoding="utf-8"?>
<EvaluationInputData xmlns="http://www.perkinelmer.com/PEHH/HarmonyV5">
<Wells><Well><id>0203</id><Image id="a" /></Well></Wells>{before}
<Images>{"".join(records)}</Images></EvaluationInputData>"""


def test_index_says_place_size_and_exposure(tmp_path, tif, text):
    file = tif("Images/" + NAME.format(field=4, plane=2, channel=1))
    side = text("Images/Index.idx.xml", index(listed(field=4, plane=2)))
    plate = plates.recognise(tmp_path)
    place = plate.fields[file]
    assert (place.well, place.row, place.column) == ("B03", "B", "3")
    assert (place.field, place.z, place.t, place.channel) == (3, 1, 0, "HOECHST")
    assert place.pixel_size == pytest.approx((0.31, 0.29))
    assert (place.pixel_size_from, place.exposure) == ("Index.idx.xml", 0.06)
    assert (plate.root, plate.side_files, plate.problems) == (tmp_path, (side,), ())
    image = plates.apply_place(images.read(file), place, plate.vendor)
    assert image.pixel_size == place.pixel_size
    assert image.pixel_size_from == "Index.idx.xml"
    images.write(tmp_path / "result.tiff", image)
    written = images.read(tmp_path / "result.tiff").pixel_size
    assert written == pytest.approx(place.pixel_size, rel=1e-3)


def test_version_six_describes_channels_once(tmp_path, tif, text):
    file = tif("Images/" + NAME.format(field=1, plane=1, channel=2))
    shared = f"{SIZE}<ChannelName>Alexa</ChannelName>"
    entry = f'<Maps><Map><Entry ChannelID="2">{shared}</Entry></Map></Maps>'
    text("Images/Index.xml", index(listed(channel=2, more=""), before=entry))
    place = plates.recognise(tmp_path).fields[file]
    assert (place.channel, place.exposure) == ("Alexa", 0.06)
    assert place.pixel_size == pytest.approx((0.31, 0.29))


def test_old_names_are_known_from_the_index(tmp_path, tif, text):
    file = tif("Images/002003-1-001001001.tif")
    text("Images/Index.idx.xml", index(listed(name=file.name)))
    assert plates.recognise(tmp_path).fields[file].well == "B03"


def test_index_stands_in_the_folder_above(tmp_path, tif, text):
    file = tif("Images/" + NAME.format(field=1, plane=1, channel=1))
    side = text("Index.idx.xml", index(listed()))
    assert plates.recognise(tmp_path).side_files == (side,)
    assert plates.recognise(tmp_path / "Images").fields[file].pixel_size is not None


def test_names_do_without_an_index(tmp_path, tif):
    file = tif("r02c03f01p02-ch2sk3fk1fl1.TIFF")
    place = plates.recognise(tmp_path).fields[file]
    assert (place.well, place.channel, place.z, place.t) == ("B03", "ch2", 1, 2)
    assert place.pixel_size is None


def test_missing_and_unlisted_files_are_named(tmp_path, tif, text):
    tif("Images/" + NAME.format(field=1, plane=1, channel=1))
    extra = tif("Images/" + NAME.format(field=9, plane=1, channel=1))
    gone = NAME.format(field=2, plane=1, channel=1)
    text("Images/Index.idx.xml", index(listed(), listed(field=2)))
    plate = plates.recognise(tmp_path)
    assert plate.fields[extra].well == "B03"
    missing, lacking = plate.problems
    assert gone in missing
    assert extra.name in lacking


BOMB = '<!DOCTYPE a [<!ENTITY b "bb"><!ENTITY c "&b;&b;">]><a>&c;</a>'


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (BOMB, "DOCTYPE"),
        (index(listed())[:-40], "well-formed"),
        ("", "well-formed"),
        ("<a>" * 500, "nest at most"),
        ('<?xml version="1.0" encoding="nonsense"?><a/>', "well-formed"),
    ],
)
def test_damaged_index_is_one_sentence(tmp_path, tif, text, content, sentence):
    file = tif("Images/" + NAME.format(field=1, plane=1, channel=1))
    text("Images/Index.idx.xml", content)
    plate = plates.recognise(tmp_path)
    [problem] = plate.problems
    assert problem.startswith("Index.idx.xml: ")
    assert sentence in problem
    assert plate.fields[file].well == "B03"


def test_huge_index_is_refused(tmp_path, tif):
    tif("Images/" + NAME.format(field=1, plane=1, channel=1))
    with (tmp_path / "Images/Index.idx.xml").open("wb") as stream:
        stream.truncate(2**30 + 1)  # sparse: it takes no room
    [problem] = plates.recognise(tmp_path).problems
    assert "at most 1024 MiB" in problem


@pytest.mark.parametrize("name", ["../secret.tiff", "/etc/secret.tiff", "..\\secret.tiff"])
def test_names_in_the_index_do_not_lead_out(tmp_path, tif, text, name):
    tif("p/Images/" + NAME.format(field=1, plane=1, channel=1))
    tif("p/secret.tiff", "secret.tiff")
    text("p/Images/Index.idx.xml", index(listed(), listed(name=name)))
    fields = plates.recognise(tmp_path / "p/Images").fields
    assert [file.parent.name for file in fields] == ["Images"]


@pytest.mark.parametrize("value", ["NaN", "INF", "-1", "0", "", "1E400", "3"])
def test_pixel_size_that_is_none_is_left_out(tmp_path, tif, text, value):
    file = tif("Images/" + NAME.format(field=1, plane=1, channel=1))
    text("Images/Index.idx.xml", index(listed()).replace("2.9E-07", value))
    place = plates.recognise(tmp_path).fields[file]
    assert (place.pixel_size, place.pixel_size_from) == (None, "")


def test_index_of_another_program_is_no_plate(tmp_path, tif, text):
    tif("cells.tif")
    text("Index.xml", "<site><page>cells.tif</page></site>")
    assert plates.find(tmp_path) == []
