"""Plates of the CellVoyager: names, and what the .mlf, .mrf and .mes files say."""

import pytest

from unsmear.data import plates

SPACE = 'xmlns:bts="http://www.yokogawa.co.jp/BTS/BTSSchema/1.0"'
NAME = "p_B03_T0001F002L01A01Z01C0{}.tif"
RECORD = """<bts:MeasurementRecord bts:Type="{kind}" bts:Column="3" bts:Row="2" bts:TimePoint="1"
bts:FieldIndex="2" bts:ZIndex="1" bts:Ch="{channel}">{name}</bts:MeasurementRecord>"""
DETAIL = f"""<bts:MeasurementDetail {SPACE}>
<bts:MeasurementChannel bts:Ch="1" bts:HorizontalPixelDimension="0.65"
bts:VerticalPixelDimension="0.66" /></bts:MeasurementDetail>"""
SETTINGS = f"""<bts:MeasurementSetting {SPACE}><bts:ChannelList>
<bts:Channel bts:Ch="1" bts:Target="DNA" bts:ExposureTime="50" /></bts:ChannelList>
</bts:MeasurementSetting>"""


def data(*records):
    return f"<bts:MeasurementData {SPACE}>{''.join(records)}</bts:MeasurementData>"


def record(channel=1, kind="IMG", name=None):
    return RECORD.format(kind=kind, channel=channel, name=name or NAME.format(channel))


def test_three_files_say_place_size_name_and_exposure(tmp_path, tif, text):
    first, second = tif(NAME.format(1), NAME.format(2))
    side = [
        text("MeasurementData.mlf", data(record(), record(2), record(kind="ERR", name="AF Error"))),
        text("MeasurementDetail.mrf", DETAIL),
        text("p.wpi"),
        text("s.mes", SETTINGS),
        tif("DC_sCMOS #1_CAM1.tif"),
    ]
    plate = plates.recognise(tmp_path)
    place = plate.fields[first]
    assert (place.well, place.field, place.channel) == ("B03", 1, "DNA")
    assert (place.pixel_size, place.exposure) == ((0.66, 0.65), 0.05)
    assert place.pixel_size_from == "MeasurementDetail.mrf"
    assert (plate.fields[second].channel, plate.fields[second].pixel_size) == ("C02", None)
    assert (set(plate.side_files), plate.problems) == (set(side), ())


def test_names_do_without_the_index(tmp_path, tif):
    file = tif("p_C04_T0002F003L01A01Z04C02.TIF")
    place = plates.recognise(tmp_path).fields[file]
    assert (place.well, place.field, place.z, place.t) == ("C04", 2, 3, 1)


@pytest.mark.parametrize("damaged", ["MeasurementData.mlf", "MeasurementDetail.mrf", "s.mes"])
def test_damaged_file_is_one_sentence(tmp_path, tif, text, damaged):
    file = tif(NAME.format(1))
    whole = {
        "MeasurementData.mlf": data(record()),
        "MeasurementDetail.mrf": DETAIL,
        "s.mes": SETTINGS,
    }
    for name, content in whole.items():
        text(name, content[:-20] if name == damaged else content)
    plate = plates.recognise(tmp_path)
    [problem] = plate.problems
    assert problem.startswith(damaged)
    assert plate.fields[file].well == "B03"
