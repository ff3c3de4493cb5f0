"""Pixel sizes and channel names of files of many microscopes and slide scanners."""

import io
import json

import numpy as np
import pytest
import tifffile

from unsmear.images import tiff
from unsmear.images.units import doubt, micrometres

FEI = "[User]\r\nUserText=a\r\n[Scan]\r\nPixelWidth=2.5e-08\r\nPixelHeight=5e-08\r\n"
SCANIMAGE = "SI.VERSION_MAJOR = 5\nSI.objectiveResolution = 16\nSI.hChannels.channelSave = 1\n"
METAMORPH = (
    '<MetaData><PlaneInfo><prop id="spatial-calibration-state" type="bool" value="on"/>'
    '<prop id="spatial-calibration-x" type="float" value="{0}"/>'
    '<prop id="spatial-calibration-y" type="float" value="{0}"/>'
    '<prop id="spatial-calibration-units" type="string" value="{1}"/></PlaneInfo></MetaData>'
)


def rois(*fields):
    """Return ScanImage's regions: of each the degrees and the pixels, (x, y)."""
    of_each = [
        {"scanfields": {"sizeXY": size, "pixelResolutionXY": pixels}} for size, pixels in fields
    ]
    listed = of_each if len(of_each) > 1 else of_each[0]
    return json.dumps({"RoiGroups": {"imagingRoiGroup": {"rois": listed}}})


def read(**options):
    stream = io.BytesIO()
    options = {"photometric": "minisblack", "metadata": None, **options}
    tifffile.imwrite(stream, np.zeros((64, 64), "u2"), **options)
    return tiff.read(stream.getvalue(), "a.tif")


def scanimage(*fields):
    tag = (315, "s", 0, rois(*fields), True)
    return read(software=SCANIMAGE, extratags=[tag], description="frameNumbers = 1\n")


def test_scanimage():
    image = scanimage(((1, 2), (64, 64)))
    assert image.pixel_size == (0.5, 0.25)
    assert image.pixel_size_from == "ScanImage metadata"
    assert scanimage(((1, 1), (64, 64)), ((2, 2), (128, 128))).pixel_size == (0.25, 0.25)
    assert scanimage(((1, 1), (64, 64)), ((2, 2), (64, 64))).pixel_size is None
    assert read(software=SCANIMAGE, description="frameNumbers = 1\n").pixel_size is None


@pytest.mark.parametrize("tag", [34680, 34682])
def test_fei(tag):
    image = read(extratags=[(tag, "s", 0, FEI, True)])
    assert image.pixel_size == pytest.approx((0.05, 0.025))
    assert image.pixel_size_from == "FEI metadata"


@pytest.mark.parametrize(
    ("value", "unit", "wanted"),
    [(0.65, "um", 0.65), (650, "nm", 0.65), (6.5e-4, "mm", 0.65), (1, "pixels", None),
     (1, "", None), (0, "um", None)],
)  # fmt: skip
def test_metamorph(value, unit, wanted):
    image = read(description=METAMORPH.format(value, unit), software="MetaSeries")
    assert image.pixel_size == (None if wanted is None else pytest.approx((wanted, wanted)))


@pytest.mark.parametrize("kind", ["ndpi", "qptiff", "imagej without a unit"])
def test_resolution_tags_of_slides(kind):
    options = {
        "ndpi": {"extratags": [(65420, "I", 1, 1, True), (65421, "f", 1, 20.0, True)]},
        "qptiff": {"software": "PerkinElmer-QPI",
                   "description": "<PerkinElmer-QPI-ImageDescription></PerkinElmer-QPI-"
                   "ImageDescription>"},
        "imagej without a unit": {"description": "ImageJ=1.53c\n"},
    }  # fmt: skip
    image = read(**options[kind], resolution=(40000, 20000), resolutionunit="CENTIMETER")
    assert image.pixel_size == pytest.approx((0.5, 0.25))
    assert image.pixel_size_from.startswith("resolution tags")


def test_the_side_that_is_none_is_named():
    image = read(resolution=(20000, 300), resolutionunit="CENTIMETER")
    assert image.pixel_size is None
    assert image.pixel_size_from.startswith("33.33 um in the resolution tags")


@pytest.mark.parametrize(("number", "unit"), [(296, 9), (296, 0)])
def test_a_unit_that_tiff_does_not_define_gives_no_size(number, unit):
    stream = io.BytesIO()
    tifffile.imwrite(
        stream, np.zeros((8, 8), "u2"), photometric="minisblack", resolution=(2e4, 2e4)
    )
    data = bytearray(stream.getvalue())
    at = tifffile.TiffFile(io.BytesIO(bytes(data))).pages[0].tags[number].valueoffset
    data[at : at + 2] = unit.to_bytes(2, "little")
    image = tiff.read(bytes(data), "a.tif")
    assert image.pixel_size is None
    assert bytes(data[at : at + 2]) in b"".join(tiff.write(image))


def test_the_stains_of_a_qptiff_are_its_channels(tmp_path):
    path = tmp_path / "a.qptiff"
    with tifffile.TiffWriter(path) as file:
        for name in ("DAPI", "Opal 520", "Opal 690"):
            said = (
                '<?xml version="1.0" encoding="utf-8"?><PerkinElmer-QPI-ImageDescription>'
                f"<ImageType>FullResolution</ImageType><Name>{name}</Name>"
                "</PerkinElmer-QPI-ImageDescription>"
            )
            file.write(
                np.zeros((64, 64), "u2"), photometric="minisblack", metadata=None, tile=(32, 32),
                software="PerkinElmer-QPI", description=said, contiguous=False,
            )  # fmt: skip
    image = tiff.read(path, path.name)
    assert (image.axes, image.channels) == ("CYX", ("DAPI", "Opal 520", "Opal 690"))


@pytest.mark.parametrize(
    ("unit", "wanted"),
    [("um", 1), ("µm", 1), ("μm", 1), ("\\u00B5m", 1), ("\\u03bcm", 1), ("Micrometre", 1),
     ("MICRONS", 1), ("nm", 1e-3), ("pm", 1e-6), ("fm", 1e-9), ("Å", 1e-4),
     ("Ångström", 1e-4), ("\u212b", 1e-4),
     ("cm", 1e4), ("dm", 1e5), ("m", 1e6), ("km", 1e9), ("Inches", 25400), ("in", 25400),
     ("ft", 304800), ("thou", 25.4), ("mil", 25.4), ("pixel", None), ("pixels", None),
     ("reference frame", None), ("", None), (None, None), ("sec", None), ("furlong", None)],
)  # fmt: skip
def test_units(unit, wanted):
    assert micrometres(unit) == (None if wanted is None else pytest.approx(wanted))


@pytest.mark.parametrize("size", [0, -1, float("nan"), float("inf"), 352.8, 1e-9])
def test_what_no_microscope_has(size):
    assert doubt((size, size), "tags")
