"""Round trips through files: pixels, dtype, axes, pixel size, names and texts."""

import io
import struct
import zlib

import cv2
import imagecodecs
import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st

from unsmear import images
from unsmear.errors import AxesError, ImageError
from unsmear.images import Image, jpeg, npy, png, tiff

SIZES = st.integers(1, 17)
SIDES = st.floats(0.01, 9).filter(lambda side: abs(side - 1) > 0.01)  # 1 um is not believed
PIXEL_SIZES = st.none() | st.tuples(SIDES, SIDES)
NAMES = st.text("abcXYZ 0189-_", min_size=1, max_size=9).map(str.strip).filter(bool)
DONE = "unsmear: motion 6 px at 15 degrees"


ADAM7 = (
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
)
"""First column, first row and their steps in each pass of an interlaced PNG."""


def written(image, done=""):
    """Return the bytes of the TIFF file that is written."""
    return b"".join(tiff.write(image, done))


def pixels_of(shape, dtype, seed):
    rng = np.random.default_rng(seed)
    if np.dtype(dtype).kind == "f":
        return (rng.standard_normal(shape) * 1000).astype(dtype)
    return rng.integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


@st.composite
def stacks(draw, axes=("YX", "CYX", "ZYX", "TYX", "ZCYX", "TZCYX"), dtypes=("u1", "u2", "f4")):
    """Images with axes in the order in which TIFFs have them."""
    letters = draw(st.sampled_from(axes))
    sizes = {"Y": SIZES, "X": SIZES}
    # tifffile drops a dimension of one; that changes the shape, not the image.
    shape = tuple(draw(sizes.get(letter, st.integers(2, 3))) for letter in letters)
    count = shape[letters.index("C")] if "C" in letters else 0
    names = draw(st.lists(NAMES, min_size=count, max_size=count)) if draw(st.booleans()) else []
    return Image(
        pixels_of(shape, draw(st.sampled_from(dtypes)), draw(st.integers(0, 99))),
        letters,
        tuple(names),
        draw(PIXEL_SIZES),
    )


def assert_same(got, wanted, names=True):
    assert got.axes == wanted.axes
    assert got.pixels.dtype == wanted.pixels.dtype
    np.testing.assert_array_equal(got.pixels, wanted.pixels)
    if wanted.pixel_size is None:
        assert got.pixel_size is None
    else:
        assert got.pixel_size == pytest.approx(wanted.pixel_size, rel=1e-4)
    if names:
        assert got.channels == wanted.channels


@pytest.mark.slow
@settings(deadline=None)
@given(stacks())
def test_plain_tiff(image):
    again = tiff.read(written(image, DONE), "a.tif")
    assert_same(again, image)
    assert DONE in again.metadata["tiff"]["description"]
    twice = tiff.read(written(again, "and more"), "a.tif")
    assert_same(twice, image)
    assert twice.metadata["tiff"]["description"].splitlines() == [DONE, "and more"]


@pytest.mark.slow
@settings(deadline=None)
@given(stacks(dtypes=("u1", "u2", "u4", "i2", "f4", "f8")), st.sampled_from([None, "zlib"]))
def test_ome_tiff(image, compression):
    metadata = {"axes": image.axes, "Description": "first"}
    if image.channels:
        metadata["Channel"] = {"Name": list(image.channels)}
    if image.pixel_size:
        for axis, size in zip("YX", image.pixel_size, strict=True):
            metadata |= {f"PhysicalSize{axis}": size * 1000, f"PhysicalSize{axis}Unit": "nm"}
    data = encoded(image.pixels, ome=True, metadata=metadata, compression=compression)
    got = tiff.read(data, "a.ome.tif")
    assert_same(got, image)
    again = tiff.read(written(got, DONE), "a.ome.tif")
    assert_same(again, image)
    assert again.metadata["tiff"]["ome"]["Description"].splitlines() == ["first", DONE]


@pytest.mark.slow
@settings(deadline=None)
@given(stacks().filter(lambda image: min(image.pixels.shape[-2:]) > 1))
def test_imagej_tiff(image):
    metadata = {"axes": image.axes, "Info": "first", "unit": "um"}
    size = image.pixel_size or (0.5, 0.5)
    resolution = tuple(1 / length for length in reversed(size))
    data = encoded(image.pixels, imagej=True, metadata=metadata, resolution=resolution)
    got = tiff.read(data, "a.tif")
    np.testing.assert_array_equal(got.pixels, image.pixels)
    assert got.pixel_size == pytest.approx(size, rel=1e-3)
    again = tiff.read(written(got, DONE), "a.tif")
    assert_same(again, got)
    assert again.metadata["tiff"]["imagej"]["Info"].splitlines() == ["first", DONE]


@settings(deadline=None)
@given(st.sampled_from(["u1", "u2"]), st.sampled_from([0, 1, 2, 3, 4]), SIZES, SIZES, PIXEL_SIZES)
def test_png(dtype, samples, height, width, pixel_size):
    shape = (height, width, samples) if samples > 1 else (height, width)
    names = dict.fromkeys((3, 4), ("red", "green", "blue"))
    image = Image(
        pixels_of(shape, dtype, samples),
        "YXS" if samples > 1 else "YX",
        names.get(samples, ()),
        pixel_size,
        alpha=samples in (2, 4),
    )
    data = png.write(image, DONE)
    assert DONE.encode() in data
    assert_same(png.read(data, "a.png"), image)
    assert png.read(data, "a.png").pixels.shape == shape


def test_png_of_channels_first():
    pixels = pixels_of((3, 5, 6), "u1", 0)
    got = png.read(png.write(Image(pixels, "CYX")), "a.png")
    np.testing.assert_array_equal(got.pixels, pixels.transpose(1, 2, 0))


@pytest.mark.parametrize("count", [2, 4])
def test_a_stained_channel_never_becomes_opacity(count):
    with pytest.raises(ImageError, match="a PNG must be of one plane of one or three channels"):
        png.write(Image(pixels_of((count, 5, 6), "u1", 0), "CYX"))


@given(st.sampled_from(["u1", "i2", "u4", "f2", "f4", "f8"]), SIZES, SIZES)
def test_npy(dtype, height, width):
    image = Image(pixels_of((height, width), dtype, 1), "YX")
    assert_same(npy.read(npy.write(image), "a.npy"), image)


@pytest.mark.parametrize("compression", [None, "lzw", "zlib", "zstd", "packbits"])
@pytest.mark.parametrize("layout", [{}, {"tile": (16, 16)}, {"rowsperstrip": 5}])
def test_compressed_tiff_stays_compressed(compression, layout):
    pixels = pixels_of((3, 40, 33), "u2", 1) // 16  # 12 bits in 16
    data = encoded(pixels, compression=compression, metadata={"axes": "ZYX"}, **layout)
    image = tiff.read(data, "a.tif")
    assert_same(image, Image(pixels, "ZYX"))
    again = written(image)
    assert_same(tiff.read(again, "a.tif"), Image(pixels, "ZYX"))
    before, after = (tifffile.TiffFile(io.BytesIO(d)).pages[0].compression for d in (data, again))
    assert after == before


@pytest.mark.parametrize("options", [{"byteorder": ">"}, {"bigtiff": True}, {"predictor": True}])
def test_tiff_of_any_byte_order(options):
    pixels = pixels_of((9, 8), "f4", 2)
    compression = "zlib" if "predictor" in options else None
    image = tiff.read(encoded(pixels, compression=compression, **options), "a.tif")
    assert image.pixels.dtype == np.float32
    assert image.pixels.dtype.isnative
    np.testing.assert_array_equal(image.pixels, pixels)


@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_colour_tiff(planar):
    shape = (7, 9, 3) if planar == "contig" else (3, 7, 9)
    pixels = pixels_of(shape, "u1", 3)
    data = encoded(pixels, photometric="rgb", planarconfig=planar)
    image = tiff.read(data, "a.tif")
    assert image.axes == ("YXS" if planar == "contig" else "SYX")
    assert_same(tiff.read(written(image), "a.tif"), image)


def test_units_of_pixel_sizes():
    for unit, factor in {"INCH": 25400, "CENTIMETER": 1e4}.items():
        fine = (factor / 0.25, factor / 0.5)
        data = encoded(np.zeros((4, 5), "u1"), resolution=fine, resolutionunit=unit)
        assert tiff.read(data, "a.tif").pixel_size == pytest.approx((0.5, 0.25), rel=1e-6)
    assert tiff.read(encoded(np.zeros((4, 5), "u1")), "a.tif").pixel_size is None


def test_axes_that_a_file_does_not_say():
    pixels = np.zeros((5, 6, 7), "u1")
    data = encoded(pixels, metadata=None)
    with pytest.raises(AxesError, match=r"a\.tif: .*--axes"):
        tiff.read(data, "a.tif")
    assert tiff.read(data, "a.tif", "ZYX").axes == "ZYX"


def test_png_keeps_texts_and_size():
    plain = png.write(Image(pixels_of((4, 5), "u1", 0), "YX"))
    chunks = [
        (b"pHYs", struct.pack(">IIB", 4000000, 2000000, 1)),
        (b"tEXt", b"Comment\0plate 7"),
        (b"iTXt", b"Title\0\0\0\0\0well A1"),
        (b"tIME", bytes([7, 230, 1, 2, 3, 4, 5])),
    ]
    data = plain[:33] + b"".join(chunk(*parts) for parts in chunks) + plain[33:]
    image = png.read(data, "a.png")
    assert image.pixel_size == (0.5, 0.25)
    again = png.write(image, DONE)
    for kind, body in [*chunks, (b"tEXt", b"Unsmear\0" + DONE.encode())]:
        assert chunk(kind, body) in again
    assert_same(png.read(again, "a.png"), image)


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_png_of_few_bits_and_palettes(depth):
    """Hand-made, as cv2 and imagecodecs write 8 and 16 bit only."""
    rows, columns = 3, 8
    packed = pixels_of((rows, columns * depth // 8), "u1", depth)
    stream = zlib.compress(b"".join(b"\0" + row.tobytes() for row in packed))
    wanted = np.unpackbits(packed, axis=1).reshape(rows, columns, depth)
    wanted = wanted @ (1 << np.arange(depth)[::-1])
    for colour in (0, 3):
        header = struct.pack(">IIBBBBB", columns, rows, depth, colour, 0, 0, 0)
        palette = bytes(v for i in range(1 << depth) for v in (i, 0, 255 - i))
        parts = [(b"IHDR", header), (b"PLTE", palette), (b"IDAT", stream), (b"IEND", b"")]
        data = png.MAGIC + b"".join(chunk(*p) for p in parts if colour or p[0] != b"PLTE")
        got = png.read(data, "a.png").pixels
        if colour == 3:
            np.testing.assert_array_equal(got, np.dstack([wanted, wanted * 0, 255 - wanted]))
        else:
            np.testing.assert_array_equal(got, wanted * (255 // ((1 << depth) - 1)))


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (3, 4), (16, 17), (5, 5, 3)])
def test_interlaced_png(shape):
    pixels = pixels_of(shape, "u1", 4)
    samples = shape[2] if len(shape) > 2 else 1
    stream = b""
    for x, y, step_x, step_y in ADAM7:
        for row in pixels[y::step_y, x::step_x]:
            stream += b"\0" + row.tobytes() if row.size else b""
    header = struct.pack(">IIBBBBB", shape[1], shape[0], 8, 2 if samples == 3 else 0, 0, 0, 1)
    parts = [(b"IHDR", header), (b"IDAT", zlib.compress(stream)), (b"IEND", b"")]
    data = png.MAGIC + b"".join(chunk(*p) for p in parts)
    np.testing.assert_array_equal(png.read(data, "a.png").pixels, pixels)


def test_jpeg_is_read_as_grey_or_colour():
    plane = np.tile(np.arange(0, 160, 5, np.uint8), (24, 1))
    for pixels, axes in [(plane, "YX"), (np.dstack([plane] * 3), "YXS")]:
        image = jpeg.read(imagecodecs.jpeg8_encode(pixels, level=98), "a.jpg")
        assert image.axes == axes
        assert np.abs(image.pixels.astype(int) - pixels).max() < 5


@pytest.mark.parametrize("ending", [".png", ".tif", ".tiff", ".npy"])
def test_file_appears_whole_and_alone(tmp_path, ending):
    image = Image(pixels_of((4, 5), "u2", 0), "YX")
    images.write(tmp_path / f"sub/a{ending}", image)
    assert [path.name for path in (tmp_path / "sub").iterdir()] == [f"a{ending}"]
    assert_same(images.read(tmp_path / f"sub/a{ending}"), image)


def test_what_a_format_cannot_hold_is_refused(tmp_path):
    for pixels, axes in [(np.zeros((2, 3), "f4"), "YX"), (np.zeros((2, 3, 4), "u1"), "ZYX")]:
        with pytest.raises(ImageError, match=r"a PNG must be .*write a TIFF"):
            images.write(tmp_path / "a.png", Image(pixels, axes))
    with pytest.raises(ImageError, match=r"a\.jpg: an output file must end in"):
        images.write(tmp_path / "a.jpg", Image(np.zeros((2, 3), "u1"), "YX"))
    assert not list(tmp_path.iterdir())


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def encoded(pixels, **options):
    stream = io.BytesIO()
    options.setdefault("photometric", "minisblack")
    tifffile.imwrite(stream, pixels, **options)
    return stream.getvalue()


def whole_files():
    """Return (name, bytes) of one file of each kind."""
    rng = np.random.default_rng(7)
    rows, columns = np.mgrid[:24, :30]
    plane = np.sin(rows / 4) * np.cos(columns / 5) * 90 + 110 + rng.normal(0, 3, rows.shape)
    grey, deep = plane.astype(np.uint8), (plane * 16).astype(np.uint16)
    stack = np.stack([deep] * 6).reshape(2, 3, *deep.shape)
    files = {
        "grey.png": png.write(Image(grey, "YX", pixel_size=(0.1, 0.1)), DONE),
        "deep.png": png.write(Image(deep, "YX")),
        "colour.png": png.write(Image(np.dstack([grey] * 3), "YXS")),
        "grey.jpg": imagecodecs.jpeg8_encode(grey, level=90),
        "progressive.jpg": cv2.imencode(".jpg", grey, [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])[1],
        "a.npy": npy.write(Image(plane.astype(np.float32), "YX")),
        "ome.tif": encoded(stack, ome=True, metadata={"axes": "ZCYX"}),
        "imagej.tif": encoded(stack, imagej=True, metadata={"axes": "ZCYX"}),
        "big.tif": encoded(deep, bigtiff=True),
        "tiles.tif": encoded(deep, tile=(16, 16), compression="zlib"),
        "jpeg.tif": encoded(grey, compression="jpeg"),
    }
    for compression in ("none", "lzw", "zlib", "zstd", "packbits"):
        files[f"{compression}.tif"] = encoded(deep, compression=compression)
    return {name: bytes(data) for name, data in files.items()}


FILES = whole_files()


def outcome(path):
    """Return (pixels, "") or (None, the error's sentence)."""
    try:
        return images.read(path).pixels, ""
    except (ImageError, AxesError) as error:
        return None, str(error)


def is_sentence(text, name):
    return text.startswith(f"{name}: ") and text.endswith(".") and "\n" not in text


@pytest.mark.parametrize("name", FILES)
@pytest.mark.slow
def test_truncated_anywhere_is_an_error_or_the_whole_image(tmp_path, capfd, name):
    data = FILES[name]
    path = tmp_path / name
    path.write_bytes(data)
    whole = images.read(path).pixels
    cuts = {*range(0, len(data), max(1, len(data) // 150)), *range(len(data) - 30, len(data))}
    for cut in sorted(cuts):
        path.write_bytes(data[:cut])
        got, sentence = outcome(path)
        if got is not None:
            np.testing.assert_array_equal(got, whole)
        else:
            assert is_sentence(sentence, name)
    assert capfd.readouterr() == ("", "")


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_changed_bytes_are_an_error_or_an_image(tmp_path, capfd, name):
    rng = np.random.default_rng(11)
    path = tmp_path / name
    for _ in range(150):
        data = bytearray(FILES[name])
        for at in rng.integers(0, len(data), 3):
            data[at] = rng.integers(256)
        path.write_bytes(data)
        got, sentence = outcome(path)
        assert got is not None or is_sentence(sentence, name)
    assert capfd.readouterr() == ("", "")
