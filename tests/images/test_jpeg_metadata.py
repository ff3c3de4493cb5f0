"""A JPEG becomes a PNG that says the same beside its pixels; a PNG keeps its chunks."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image as Picture
from PIL import ImageCms

from unsmear import images
from unsmear.images import jpeg, jpeg_metadata, png

GREY = np.random.default_rng(0).integers(0, 255, (24, 16)).astype("u1")
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def photo(mode="RGB", **options):
    stream = io.BytesIO()
    Picture.fromarray(GREY).convert(mode).save(stream, "JPEG", quality=95, **options)
    return stream.getvalue()


def orientation():
    exif = Picture.Exif()
    exif[274] = 6
    exif[271] = "Zeiss"
    return exif


def written(data, path):
    """Return the PNG that comes of a JPEG, as Pillow opens it."""
    image = images.read(path) if data is None else jpeg.read(data, "a.jpg")
    images.write(path.with_suffix(".png"), image, "note")
    picture = Picture.open(path.with_suffix(".png"))
    picture.load()
    np.testing.assert_array_equal(np.asarray(picture), image.pixels)
    return picture


def test_orientation_profile_and_comment_stay(tmp_path):
    data = photo(exif=orientation(), icc_profile=SRGB, comment="plate 3, µ".encode("latin-1"))
    picture = written(data, tmp_path / "a.jpg")
    assert dict(picture.getexif())[274] == 6
    assert dict(picture.getexif())[271] == "Zeiss"
    assert picture.info["icc_profile"] == SRGB
    assert picture.text["Comment"] == "plate 3, µ"
    assert picture.text["Unsmear"] == "note"


def test_a_long_profile_of_several_segments_stays(tmp_path):
    profile = SRGB + np.random.default_rng(0).bytes(100_000)
    profile = struct.pack(">I", len(profile)) + profile[4:]
    assert written(photo(icc_profile=profile), tmp_path / "a.jpg").info["icc_profile"] == profile


def test_a_resolution_stays_and_is_no_pixel_size(tmp_path):
    data = photo(dpi=(300, 150))
    assert jpeg.read(data, "a.jpg").pixel_size is None
    assert written(data, tmp_path / "a.jpg").info["dpi"] == pytest.approx((300, 150), rel=1e-3)


def test_a_jpeg_that_says_nothing_gives_no_chunks():
    assert jpeg_metadata.chunks(photo()) == b""


@pytest.mark.parametrize("at", range(2, 40, 3))
def test_cut_segments_give_what_is_whole(at):
    data = photo(exif=orientation(), icc_profile=SRGB)
    damaged = data[:at] + b"\xff\xff\0\1" + data[at:]
    for broken in (data[:at], damaged):
        chunks = jpeg_metadata.chunks(broken)
        while chunks:
            (size,) = struct.unpack(">I", chunks[:4])
            body, check, chunks = (
                chunks[4 : 8 + size],
                chunks[8 + size : 12 + size],
                chunks[12 + size :],
            )
            assert struct.unpack(">I", check) == (zlib.crc32(body),)


def test_a_profile_of_colours_is_not_given_to_a_grey_result(tmp_path):
    image = jpeg.read(photo(icc_profile=SRGB, exif=orientation()), "a.jpg")
    grey = images.Image(image.pixels[..., 0], "YX", metadata=image.metadata)
    images.write(tmp_path / "a.png", grey)
    with Picture.open(tmp_path / "a.png") as picture:
        assert "icc_profile" not in picture.info
        assert picture.getexif()[274] == 6


def chunks_of(data):
    return {kind: body for kind, body, _ in png._chunks(data, "a.png")}


def test_the_chunks_of_a_png_stay():
    kept = {
        b"cHRM": struct.pack(">8I", *range(1, 9)), b"gAMA": struct.pack(">I", 45455),
        b"sBIT": bytes([7, 7, 7]), b"sRGB": b"\0", b"eXIf": b"II*\0" + bytes(8),
        b"tEXt": b"Author\0me", b"pHYs": struct.pack(">IIB", 4_000_000, 4_000_000, 1),
    }  # fmt: skip
    stream = io.BytesIO()
    Picture.fromarray(np.dstack([GREY] * 3)).save(stream, "PNG")
    data = stream.getvalue()
    data = data[:33] + b"".join(jpeg_metadata.chunk(*one) for one in kept.items()) + data[33:]
    image = png.read(data, "a.png")
    assert image.pixel_size == (0.25, 0.25)
    again = chunks_of(png.write(image))
    assert {kind: again[kind] for kind in kept} == kept


def test_a_pixel_size_that_is_given_replaces_a_screens_dots():
    stream = io.BytesIO()
    Picture.fromarray(GREY).save(stream, "PNG", dpi=(72, 72))
    image = png.read(stream.getvalue(), "a.png")
    assert chunks_of(png.write(image))[b"pHYs"] == chunks_of(stream.getvalue())[b"pHYs"]
    given = images.Image(GREY, "YX", pixel_size=(0.5, 0.25), metadata=image.metadata)
    body = chunks_of(png.write(given))[b"pHYs"]
    assert struct.unpack(">IIB", body) == (4_000_000, 2_000_000, 1)


def test_a_damaged_profile_is_left_out():
    damaged = jpeg_metadata.chunk(b"iCCP", b"x\0\0" + zlib.compress(SRGB)[5:])
    image = images.Image(np.dstack([GREY] * 3), "YXS", metadata={"png": damaged})
    assert b"iCCP" not in chunks_of(png.write(image))
