"""Other programs' TIFF files keep their metadata."""

import io
from xml.etree import ElementTree

import numpy as np
import pytest
import tifffile

from unsmear import images
from unsmear.errors import AxesError, ImageError
from unsmear.images import Image, tiff
from unsmear.images.tiff import ome


def written(image, done=""):
    """Return the bytes of the TIFF file that is written."""
    return b"".join(tiff.write(image, done))


def encoded(pixels, **options):
    stream = io.BytesIO()
    options.setdefault("photometric", "minisblack")
    tifffile.imwrite(stream, pixels, **options)
    return stream.getvalue()


def stack(*shape, dtype="u2"):
    return np.random.default_rng(0).integers(0, 200, shape).astype(dtype)


def rewritten(data, done=""):
    """Return the file that comes of reading and writing these bytes, pixels unchanged."""
    image = tiff.read(data, "a.tif")
    file = tifffile.TiffFile(io.BytesIO(written(image, done)))
    np.testing.assert_array_equal(file.asarray(), image.pixels)
    return file


def channels_of(file):
    return [
        dict(e.attrib) for e in ElementTree.fromstring(file.ome_metadata).iterfind(".//{*}Channel")
    ]


def test_a_palette_that_is_no_ramp_is_refused():
    colours = np.random.default_rng(0).integers(0, 65535, (3, 256)).astype("u2")
    data = encoded(stack(6, 7, dtype="u1"), photometric="palette", colormap=colours)
    with pytest.raises(
        ImageError, match=r"^a\.tif: the colours of a TIFF with a palette must rise from dark"
    ):
        tiff.read(data, "a.tif")


@pytest.mark.parametrize("kind", [{}, {"imagej": True}, {"ome": True}])
def test_white_stays_zero_where_zero_is_white(kind):
    metadata = {"axes": "ZYX"}
    data = encoded(stack(3, 6, 7), photometric="miniswhite", metadata=metadata, **kind)
    for page in rewritten(data).pages:
        assert page.aspage().photometric == tifffile.PHOTOMETRIC.MINISWHITE


@pytest.mark.parametrize("alpha", ["assocalpha", "unassalpha", "unspecified"])
@pytest.mark.parametrize(
    ("samples", "photometric", "kind"),
    [
        (4, "rgb", {}),
        (4, "rgb", {"imagej": True}),
        (4, "rgb", {"ome": True}),
        (2, "minisblack", {}),
        (2, "minisblack", {"ome": True}),
    ],
)
def test_the_kind_of_alpha_stays(alpha, kind, samples, photometric):
    data = encoded(
        stack(6, 7, samples, dtype="u1"),
        photometric=photometric,
        planarconfig="contig",
        extrasamples=[alpha],
        metadata={"axes": "YXS"},
        **kind,
    )
    page = rewritten(data).pages[0]
    assert page.extrasamples == (tifffile.EXTRASAMPLE[alpha.upper()],)
    assert page.shape == (6, 7, samples)


def test_attributes_of_some_ome_channels_stay_with_them():
    channels = [
        {"Name": "DAPI", "Color": "65535"},
        {"EmissionWavelength": "520"},
        {"Name": "", "Fluor": "Cy5"},
    ]
    data = encoded(stack(3, 6, 7), ome=True, metadata={"axes": "CYX", "Channel": channels})
    assert tiff.read(data, "a.tif").channels == ("DAPI", "", "")
    got = channels_of(rewritten(data))
    assert [{k: v for k, v in c.items() if k in ome.CHANNEL} for c in got] == channels


def test_the_one_channel_of_an_ome_colour_image_keeps_its_name():
    metadata = {"axes": "YXS", "Channel": {"Name": "bright field"}}
    data = encoded(stack(6, 7, 3, dtype="u1"), photometric="rgb", ome=True, metadata=metadata)
    assert [channel["Name"] for channel in channels_of(rewritten(data))] == ["bright field"]


def test_axes_that_do_not_fit_are_no_damage():
    metadata = {"axes": "CYX", "Channel": {"Name": ["a", "b", "c"]}}
    data = encoded(stack(3, 6, 7), ome=True, metadata=metadata)
    with pytest.raises(AxesError, match="axes must name each of the 3 dimensions"):
        tiff.read(data, "a.tif", "YX")


@pytest.mark.parametrize("unit", ["nm", "um", "\\u00B5m", "micron", "furlong", "pixel", "7"])
def test_imagej_units_stay_with_what_they_measure(unit):
    metadata = {"axes": "ZYX", "unit": unit, "spacing": 200.0}
    data = encoded(stack(3, 6, 7), imagej=True, metadata=metadata, resolution=(0.02, 0.04))
    file = rewritten(data)
    assert str(file.imagej_metadata["unit"]) == unit
    assert file.imagej_metadata["spacing"] == 200
    assert file.pages[0].resolution == pytest.approx((0.02, 0.04))
    assert tiff.read(written(tiff.read(data, "")), "").pixel_size == tiff.read(data, "").pixel_size


def test_a_micro_sign_in_imagej_stays():
    data = encoded(stack(6, 7), imagej=True, metadata={"unit": "?m"}, resolution=(10, 10))
    data = data.replace(b"unit=?m\n", "unit=µm".encode() + b"\n").replace(b"\n\0", b"\0", 1)
    assert tiff.read(data, "a.tif").pixel_size == pytest.approx((0.1, 0.1))
    assert rewritten(data, "done").imagej_metadata["unit"] == "µm"  # as it was


@pytest.mark.parametrize("mode", ["composite", "color", "grayscale"])
def test_imagej_mode_stays(mode):
    data = encoded(stack(2, 6, 7), imagej=True, metadata={"axes": "CYX", "mode": mode})
    assert rewritten(data).imagej_metadata["mode"] == mode


@pytest.mark.parametrize("compression", ["zlib", "lzw", "packbits", "zstd"])
def test_compressed_imagej_stays_compressed(compression):
    pixels = stack(2, 3, 40, 30)
    data = encoded(pixels, imagej=True, metadata={"axes": "ZCYX"}, compression=compression)
    file = rewritten(data, "done")
    assert file.is_imagej
    assert file.series[0].axes == "ZCYX"
    assert len(file.pages) == 6
    assert {page.compression for page in file.pages} == {
        tifffile.COMPRESSION[{"zlib": "ADOBE_DEFLATE"}.get(compression, compression.upper())]
    }


@pytest.mark.parametrize("unit", ["NONE", "INCH", "CENTIMETER"])
def test_resolution_stays_also_without_a_unit(unit):
    data = encoded(stack(6, 7), resolution=(300, 150), resolutionunit=unit)
    page = rewritten(data).pages[0]
    assert page.resolution == pytest.approx((300, 150))
    assert page.resolutionunit == {"NONE": 1, "INCH": 2, "CENTIMETER": 3}[unit]


def test_descriptions_in_any_script_stay():
    data = encoded(stack(6, 7), description="5 µm, 細胞".encode())
    assert rewritten(data, "fertig, 3 µm").pages[0].description == "5 µm, 細胞\nfertig, 3 µm"


def test_a_new_image_has_no_resolution():
    page = tifffile.TiffFile(io.BytesIO(written(Image(stack(6, 7), "YX")))).pages[0]
    assert (page.resolution, page.resolutionunit) == ((1, 1), 1)


def test_axes_that_were_given_are_known_of_the_result(tmp_path):
    counts = np.random.default_rng(0).integers(0, 255, (5, 12, 10), np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", counts, photometric="minisblack")
    with pytest.raises(AxesError, match="give them with --axes"):
        images.read(tmp_path / "a.tif")
    images.write(tmp_path / "b.tif", images.read(tmp_path / "a.tif", axes="CYX"))
    result = images.read(tmp_path / "b.tif")
    assert result.axes == "CYX"
    np.testing.assert_array_equal(result.pixels, counts)
