"""Files as other programs write them: which image, which axes, which pixel size."""

import io
import json

import numpy as np
import pytest
import tifffile

from unsmear import images
from unsmear.errors import AxesError, ImageError
from unsmear.images import tiff

HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>'
    '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"'
)


def planes(*shape, dtype="u2"):
    return np.random.default_rng(0).integers(0, 200, shape).astype(dtype)


def encoded(pixels, **options):
    stream = io.BytesIO()
    tifffile.imwrite(stream, pixels, **{"photometric": "minisblack", **options})
    return stream.getvalue()


UNITS = {
    "um": 1, "micron": 1, "Microns": 1, "\\u00B5m": 1, "\\u03BCm": 1, "micrometer": 1,
    "Micrometers": 1, "micrometre": 1, "\\u00B5": 1, "nm": 1e3, "nanometer": 1e3, "mm": 1e-3,
    "cm": 1e-4, "inch": 1 / 25400, "inches": 1 / 25400, "in": 1 / 25400, "\\u00C5": 1e4,
    "Angstrom": 1e4, "A": 1e4, "pm": 1e6, "m": 1e-6,
}  # fmt: skip


@pytest.mark.parametrize("unit", UNITS)
def test_units_of_imagej(unit):
    per_unit = 1 / (0.25 * UNITS[unit])
    text = f"ImageJ=1.54f\nunit={unit}\n"
    data = encoded(
        planes(6, 7), metadata=None, resolution=(per_unit, per_unit), resolutionunit="NONE",
        description=text,
    )  # fmt: skip
    image = tiff.read(data, "a.tif")
    assert image.pixel_size == pytest.approx((0.25, 0.25), rel=1e-4)
    assert image.pixel_size_from == "ImageJ metadata"


@pytest.mark.parametrize("unit", ["pixel", "pixels", "sec", ""])
def test_what_is_no_length_gives_no_size(unit):
    data = encoded(
        planes(6, 7), metadata=None, resolution=(4, 4), resolutionunit="NONE",
        description=f"ImageJ=1.54f\nunit={unit}\n",
    )  # fmt: skip
    assert tiff.read(data, "a.tif").pixel_size is None


def test_another_unit_of_y():
    data = encoded(
        planes(6, 7), metadata=None, resolution=(4, 0.002), resolutionunit="NONE",
        description="ImageJ=1.54f\nunit=micron\nyunit=nm\n",
    )  # fmt: skip
    assert tiff.read(data, "a.tif").pixel_size == pytest.approx((0.5, 0.25))


@pytest.mark.parametrize("dots", [72, 96, 150, 300, 600, 1200, 2400])
def test_a_screens_dots_are_no_pixel_size(dots):
    data = encoded(planes(6, 7), resolution=(dots, dots), resolutionunit="INCH")
    image = tiff.read(data, "a.tif")
    assert image.pixel_size is None
    assert "no pixel size of a microscope" in image.pixel_size_from
    written = tifffile.TiffFile(io.BytesIO(b"".join(tiff.write(image))))
    assert written.pages[0].resolution == (dots, dots)


def test_dots_of_a_microscope_are_one():
    data = encoded(planes(6, 7), resolution=(3621, 3621), resolutionunit="CENTIMETER")
    image = tiff.read(data, "a.tif")
    assert image.pixel_size == pytest.approx((2.7617, 2.7617), rel=1e-4)
    assert image.pixel_size_from == "resolution tags"


@pytest.mark.parametrize(
    ("size", "unit", "wanted"),
    [
        ("325", "nm", 0.325), ("0.325", "µm", 0.325), ("3.25e-4", "mm", 0.325),
        ("3250", "Å", 0.325), ("352.8", "µm", None), ("0", "µm", None), ("NaN", "µm", None),
        ("INF", "µm", None), ("1.0", "µm", None), ("1000", "nm", None), ("-1", "µm", None),
        ("1", "pixel", None), ("wide", "µm", None),
        ("1", "reference frame", None),
    ],
)  # fmt: skip
def test_sizes_of_ome(size, unit, wanted):
    xml = (
        f'{HEAD}><Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYCZT" Type="uint16" '
        f'SizeX="7" SizeY="6" SizeC="1" SizeZ="1" SizeT="1" PhysicalSizeX="{size}" '
        f'PhysicalSizeXUnit="{unit}" PhysicalSizeY="{size}" PhysicalSizeYUnit="{unit}">'
        '<Channel ID="Channel:0:0"/><TiffData/></Pixels></Image></OME>'
    )
    image = tiff.read(encoded(planes(6, 7), description=xml.encode(), metadata=None), "a.ome.tif")
    assert image.pixel_size == (None if wanted is None else pytest.approx((wanted, wanted)))


def test_calibration_of_metamorph_and_when_it_is_off():
    text = (
        '<MetaData><PlaneInfo><prop id="spatial-calibration-state" type="bool" value="{}"/>'
        '<prop id="spatial-calibration-x" type="float" value="0.65"/>'
        '<prop id="spatial-calibration-y" type="float" value="0.65"/>'
        '<prop id="spatial-calibration-units" type="string" value="um"/></PlaneInfo></MetaData>'
    )
    for state, wanted in (("on", (0.65, 0.65)), ("off", None)):
        data = encoded(
            planes(6, 7), metadata=None, description=text.format(state), software="MetaSeries"
        )
        assert tiff.read(data, "a.tif").pixel_size == wanted


def test_names_and_sizes_that_python_programs_write():
    metadata = {"axes": "ZCYX", "PhysicalSizeX": 250, "PhysicalSizeXUnit": "nm",
                "PhysicalSizeY": 0.5, "PhysicalSizeYUnit": "µm",
                "Channel": {"Name": ["DAPI", "GFP"]}}  # fmt: skip
    image = tiff.read(encoded(planes(3, 2, 6, 7), metadata=metadata), "a.tif")
    assert image.channels == ("DAPI", "GFP")
    assert image.pixel_size == pytest.approx((0.5, 0.25))


@pytest.mark.parametrize(
    "table",
    [
        np.stack([np.arange(256) * 257] * 3),
        np.stack([np.arange(256) * 0, np.arange(256) * 257, np.arange(256) * 0]),
        np.stack([np.arange(256)[::-1] * 257] * 3),
        np.stack([np.minimum(np.arange(256) * 700, 65535), np.arange(256) * 257, np.arange(256)]),
    ],
)
def test_a_ramp_says_how_counts_are_shown(table):
    pixels = planes(6, 7, dtype="u1")
    data = encoded(pixels, photometric="palette", colormap=table.astype("u2"))
    image = tiff.read(data, "a.tif")
    np.testing.assert_array_equal(image.pixels, pixels)
    page = tifffile.TiffFile(io.BytesIO(b"".join(tiff.write(image)))).pages[0]
    np.testing.assert_array_equal(page.colormap, table)


def test_any_table_of_imagej_says_how_counts_are_shown():
    table = np.random.default_rng(0).integers(0, 65535, (3, 256)).astype("u2")
    data = encoded(
        planes(2, 6, 7, dtype="u1"), photometric="palette", colormap=table, metadata=None,
        description="ImageJ=1.54f\nimages=2\nchannels=2\nhyperstack=true\nmode=composite\n",
    )  # fmt: skip
    assert tiff.read(data, "a.tif").axes == "CYX"


@pytest.mark.parametrize("kind", ["unassalpha", "assocalpha"])
def test_opacity_is_no_light(kind):
    pixels = planes(6, 7, 4, dtype="u1")
    image = tiff.read(encoded(pixels, photometric="rgb", extrasamples=[kind]), "a.tif")
    assert image.alpha
    assert image.channels == ("red", "green", "blue")
    assert image.planes().shape == (1, 3, 6, 7)
    darker = image.with_planes(image.planes() // 2)
    again = tiff.read(b"".join(tiff.write(darker)), "a.tif")
    np.testing.assert_array_equal(again.pixels[..., 3], pixels[..., 3])
    np.testing.assert_array_equal(again.pixels[..., :3], pixels[..., :3] // 2)
    smaller = image.with_planes(image.planes()[..., 1:-1, 2:-2].astype(np.float32))
    np.testing.assert_array_equal(smaller.pixels[..., 3], pixels[1:-1, 2:-2, 3])


def test_an_unspecified_sample_is_light():
    data = encoded(planes(6, 7, 4, dtype="u1"), photometric="rgb", extrasamples=["unspecified"])
    image = tiff.read(data, "a.tif")
    assert not image.alpha
    assert image.planes().shape == (1, 4, 6, 7)


@pytest.mark.parametrize("shape", [(3, 6, 7), (2, 3, 6, 7), (2, 3, 2, 6, 7), (2, 2, 3, 2, 6, 7)])
def test_the_example_has_as_many_letters_as_the_file_has_dimensions(shape):
    data = encoded(planes(*shape))
    with pytest.raises(AxesError) as raised:
        tiff.read(data, "a.tif")
    example = str(raised.value).rpartition("--axes ")[2].rstrip(".")
    assert tiff.read(data, "a.tif", example).axes == example


def test_a_file_without_an_image():
    with pytest.raises(ImageError, match=r"^a\.tif: the TIFF file holds no image\.$"):
        tiff.read(b"II*\0\0\0\0\0", "a.tif")


def ome_set(folder, names, binary=False):
    """Write an image of two channels, a file each, as Bio-Formats does."""
    parts = "".join(
        f'<TiffData FirstC="{c}" IFD="0" PlaneCount="1"><UUID FileName="{name}">urn:uuid:{c}'
        "</UUID></TiffData>"
        for c, name in enumerate(names)
    )
    described = (
        '<Image ID="Image:0" Name="set"><Pixels ID="Pixels:0" DimensionOrder="XYCZT" '
        'Type="uint16" SizeX="7" SizeY="6" SizeC="2" SizeZ="1" SizeT="1" PhysicalSizeX="0.325" '
        'PhysicalSizeY="0.325"><Channel ID="Channel:0:0" Name="DAPI" SamplesPerPixel="1"/>'
        f'<Channel ID="Channel:0:1" Name="GFP" SamplesPerPixel="1"/>{parts}</Pixels></Image>'
    )
    pixels = planes(2, 6, 7)
    if binary:
        (folder / "set.companion.ome").write_text(f'{HEAD} UUID="urn:uuid:9">{described}</OME>')
        described = '<BinaryOnly MetadataFile="set.companion.ome" UUID="urn:uuid:9"/>'
    for c, name in enumerate(names):
        xml = f'{HEAD} UUID="urn:uuid:{c}">{described}</OME>'
        (folder / name).write_bytes(encoded(pixels[c], description=xml.encode(), metadata=None))
    return pixels


@pytest.mark.parametrize("binary", [False, True])
def test_a_set_of_files_is_read_as_one_image_from_any_of_them(binary, tmp_path):
    names = ["a_C0.ome.tif", "a_C1.ome.tif"]
    pixels = ome_set(tmp_path, names, binary)
    for name in names:
        image = images.read(tmp_path / name)
        np.testing.assert_array_equal(image.pixels, pixels)
        assert (image.axes, image.channels) == ("CYX", ("DAPI", "GFP"))
        assert image.pixel_size == (0.325, 0.325)
        assert tiff.members(tmp_path / name) == tuple(names)
        out = tmp_path / "out" / name
        words = images.write(out, image)
        assert words == ("its set of several files", "its OME-XML but for names, sizes and colours")
        np.testing.assert_array_equal(images.read(out).pixels, pixels)
    (tmp_path / names[1]).unlink()
    with pytest.raises(ImageError, match=r"a_C0\.ome\.tif: "):
        images.read(tmp_path / names[0])
    if binary:
        (tmp_path / "set.companion.ome").unlink()
        with pytest.raises(ImageError, match=r"its metadata must stand in set\.companion\.ome"):
            images.read(tmp_path / names[0])


def positions(folder, names):
    """Write positions, a file each, all of them in the metadata of each."""
    described = "".join(
        f'<Image ID="Image:{p}" Name="Pos{p}"><Pixels ID="Pixels:{p}" DimensionOrder="XYZCT" '
        'Type="uint16" SizeX="7" SizeY="6" SizeC="1" SizeZ="1" SizeT="1" PhysicalSizeX="0.65" '
        f'PhysicalSizeY="0.65"><Channel ID="Channel:{p}:0" Name="Cy{p}" SamplesPerPixel="1"/>'
        f'<TiffData IFD="0" PlaneCount="1"><UUID FileName="{name}">urn:uuid:{p}</UUID></TiffData>'
        f'<Plane TheC="0" TheT="0" TheZ="0" PositionX="{p * 100}.0"/></Pixels></Image>'
        for p, name in enumerate(names)
    )
    pixels = planes(len(names), 6, 7)
    for p, name in enumerate(names):
        xml = f'{HEAD} UUID="urn:uuid:{p}">{described}</OME>'
        (folder / name).write_bytes(encoded(pixels[p], description=xml.encode(), metadata=None))
    return pixels


def test_a_file_of_one_position_is_that_position(tmp_path):
    names = ["Pos0.ome.tif", "Pos1.ome.tif"]
    pixels = positions(tmp_path, names)
    for p, name in enumerate(names):
        image = images.read(tmp_path / name)
        np.testing.assert_array_equal(image.pixels, pixels[p])
        assert image.channels == (f"Cy{p}",)
        assert tiff.members(tmp_path / name) == (name,)
        images.write(tmp_path / "out" / name, image.with_planes(image.planes() + 1), "note")
        xml = tifffile.TiffFile(tmp_path / "out" / name).ome_metadata
        assert xml.count("note") == 1
        assert xml.index("note") > xml.index(f'Name="Pos{p}"')
    again = images.read(tmp_path / "out" / names[1])
    np.testing.assert_array_equal(again.pixels, pixels[1] + 1)


def test_positions_in_one_file_are_an_axis(tmp_path):
    path = tmp_path / "a.ome.tif"
    with tifffile.TiffWriter(path) as file:
        for name in "ab":
            file.write(planes(3, 6, 7), metadata={"axes": "ZYX", "Name": name})
    image = images.read(path)
    assert (image.axes, image.pixels.shape) == ("PZYX", (2, 3, 6, 7))
    assert image.planes().shape == (6, 1, 6, 7)
    images.write(tmp_path / "out.ome.tif", image.with_planes(image.planes() + 1))
    with tifffile.TiffFile(tmp_path / "out.ome.tif") as file:
        assert [series.name for series in file.series] == ["a", "b"]
    np.testing.assert_array_equal(images.read(tmp_path / "out.ome.tif").pixels, image.pixels + 1)


def test_images_of_different_sizes_are_scenes(tmp_path):
    path = tmp_path / "a.ome.tif"
    with tifffile.TiffWriter(path) as file:
        for name, size in (("low", 6), ("high", 9)):
            file.write(planes(size, 7), metadata={"axes": "YX", "Name": name})
    assert images.scenes(path) == ["low", "high"]
    with pytest.raises(ImageError, match=r"holds 2 images \(low, high\); choose one"):
        images.read(path)
    high = images.read(path, scene=1)
    assert high.pixels.shape == (9, 7)
    words = images.write(tmp_path / "high.ome.tif", high)
    assert words == ("its other images", "its OME-XML but for names, sizes and colours")
    np.testing.assert_array_equal(images.read(tmp_path / "high.ome.tif").pixels, high.pixels)


def test_a_thumbnail_is_no_second_image(tmp_path):
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as file:
        file.write(planes(40, 30), photometric="minisblack", metadata=None)
        file.write(planes(4, 3), photometric="minisblack", subfiletype=1, metadata=None)
    image = images.read(path)
    assert image.pixels.shape == (40, 30)
    images.write(tmp_path / "out.tif", image.with_planes(image.planes() + 1))
    with tifffile.TiffFile(tmp_path / "out.tif") as file:
        np.testing.assert_array_equal(file.pages[1].asarray(), planes(4, 3))


def test_the_axes_that_are_given_win(tmp_path):
    data = encoded(planes(3, 6, 7), metadata={"axes": "CYX", "channels": list("abc")})
    image = tiff.read(data, "a.tif", "ZYX")
    again = tiff.read(b"".join(tiff.write(image)), "a.tif")
    assert (image.axes, again.axes) == ("ZYX", "ZYX")


def test_axes_of_a_file_that_says_none_are_given_again(tmp_path):
    path = tmp_path / "a.tif"
    path.write_bytes(encoded(planes(3, 6, 7), metadata=None, description="plate 3"))
    image = images.read(path, "ZYX")
    images.write(tmp_path / "out.tif", image.with_planes(image.planes() + 1), "note")
    np.testing.assert_array_equal(images.read(tmp_path / "out.tif", "ZYX").pixels, image.pixels + 1)


def test_a_result_for_imagej_and_pillow(tmp_path):
    from PIL import Image as Picture

    pixels = planes(6, 7, 3).astype(np.float32)
    ranges = {"tiff": {"imagej": {"Ranges": (0.0, 9.0), "unit": "um", "spacing": 0.5}}}
    image = images.Image(pixels, "YXS", ("red", "green", "blue"), (0.5, 0.25), "a", ranges)
    images.write(tmp_path / "a.tif", tiff.as_imagej(image), "note")
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        assert file.is_imagej
        assert file.series[0].axes == "CYX"
        assert "Ranges" not in file.imagej_metadata
        np.testing.assert_array_equal(file.asarray(), np.moveaxis(pixels, -1, 0))
    with Picture.open(tmp_path / "a.tif") as picture:
        assert (picture.mode, picture.n_frames) == ("F", 3)
    assert images.read(tmp_path / "a.tif").pixel_size == pytest.approx((0.5, 0.25))


def test_json_that_only_looks_like_tifffiles(tmp_path):
    said = json.dumps({"instrument": "x", "note": '"shape"'})
    image = tiff.read(encoded(planes(6, 7), metadata=None, description=said), "a.tif")
    file = tifffile.TiffFile(io.BytesIO(b"".join(tiff.write(image, "note"))))
    assert file.pages[0].description == said
    assert file.pages[0].tags[65000].value == "note"
