"""Data sets of Micro-Manager's NDTiff, whole in one file or spread over several."""

import json
import struct

import numpy as np
import pytest

from unsmear import images
from unsmear.errors import AxesError
from unsmear.images import tiff

SIDE = 16
PLACES = [{"time": t, "channel": c, "z": z} for t in (0, 1) for z in (-1, 0, 1) for c in (0, 1)]


def planes(count):
    return np.random.default_rng(0).integers(0, 4000, (count, SIDE, SIDE)).astype("<u2")


def write(path, places, pixels, stains=("DAPI", "Cy5")):
    """Write an NDTiff file; return its part of the index."""
    summary = json.dumps({"PixelSize_um": 0.65}).encode()
    start = 28 + len(summary)
    head = struct.pack("<2sHI", b"II", 42, start)
    head += struct.pack("<5I", 483729, 3, 0, 2355492, len(summary)) + summary
    body, index = b"", b""
    for number, (place, plane) in enumerate(zip(places, pixels, strict=True)):
        at = start + len(body)
        said = {"Axes": place, "PixelSizeUm": 0.65, "Channel": stains[int(number) % 2]}
        text = json.dumps(said).encode() + b"\0"
        data_at = at + 2 + 12 * 10 + 4
        text_at = data_at + plane.nbytes
        tags = [(256, 4, 1, SIDE), (257, 4, 1, SIDE), (258, 3, 1, 16), (259, 3, 1, 1),
                (262, 3, 1, 1), (273, 4, 1, data_at), (277, 3, 1, 1), (278, 3, 1, SIDE),
                (279, 4, 1, plane.nbytes), (51123, 2, len(text), text_at)]  # fmt: skip
        end = text_at + len(text) + len(text) % 2
        body += struct.pack("<H", len(tags))
        body += b"".join(struct.pack("<HHII", *tag) for tag in tags)
        body += struct.pack("<I", 0 if number == len(places) - 1 else end)
        body += plane.tobytes() + text + bytes(len(text) % 2)
        axes, name = json.dumps(place).encode(), path.name.encode()
        index += struct.pack("<I", len(axes)) + axes + struct.pack("<I", len(name)) + name
        index += struct.pack("<8I", data_at, SIDE, SIDE, 1, 0, text_at, len(text), 0)
    path.write_bytes(head + body)
    return index


@pytest.mark.parametrize("indexed", [False, True])
@pytest.mark.parametrize("shuffled", [False, True])
def test_pages_say_where_they_stand(indexed, shuffled, tmp_path):
    pixels, places = planes(12), list(PLACES)
    order = np.random.default_rng(1).permutation(6) * 2 if shuffled else np.arange(6) * 2
    order = np.stack([order, order + 1], axis=1).ravel()  # channels alternate
    path = tmp_path / "run_NDTiffStack.tif"
    index = write(path, [places[n] for n in order], pixels[order])
    if indexed:
        (tmp_path / "NDTiff.index").write_bytes(index)
    image = images.read(path)
    assert (image.axes, image.channels) == ("TCZYX", ("DAPI", "Cy5"))
    wanted = pixels.reshape(2, 3, 2, SIDE, SIDE).swapaxes(1, 2)
    np.testing.assert_array_equal(image.pixels, wanted)
    assert (image.pixel_size, image.pixel_size_from) == ((0.65, 0.65), "Micro-Manager metadata")
    out = tmp_path / "out" / path.name
    images.write(out, image.with_planes(image.planes() + 1), "note")
    again = images.read(out)
    np.testing.assert_array_equal(again.pixels, wanted + 1)
    assert (again.axes, again.channels) == (image.axes, image.channels)


def test_channels_that_are_named_and_one_position(tmp_path):
    path = tmp_path / "run_NDTiffStack.tif"
    places = [{"channel": name, "position": 0} for name in ("GFP", "BF")]
    write(path, places, planes(2))
    image = images.read(path)
    assert (image.axes, image.channels) == ("CYX", ("GFP", "BF"))


def test_a_data_set_of_several_files(tmp_path):
    pixels = planes(12)
    names = ["run_NDTiffStack.tif", "run_NDTiffStack_1.tif"]
    places = [place | {"channel": ("DAPI", "Cy5")[place["channel"]]} for place in PLACES]
    index = write(tmp_path / names[0], places[:6], pixels[:6])
    index += write(tmp_path / names[1], places[6:], pixels[6:])
    (tmp_path / "NDTiff.index").write_bytes(index)
    for name in names:
        image = images.read(tmp_path / name)
        assert sorted(image.axes) == sorted("TCZYX")
        assert image.channels == ("DAPI", "Cy5")
        order = tuple(image.axes.index(letter) for letter in "TZCYX")
        moved = image.pixels.transpose(order)
        np.testing.assert_array_equal(moved, pixels.reshape(2, 3, 2, SIDE, SIDE))
        assert image.unkept == ("its set of several files",)
        assert tiff.members(tmp_path / name) == tuple(names)
        images.write(tmp_path / "out.tif", image, "note")
        assert images.read(tmp_path / "out.tif").channels == image.channels


def test_axes_of_another_kind_are_asked_for(tmp_path):
    path = tmp_path / "run_NDTiffStack.tif"
    write(path, [{"row": n} for n in range(3)], planes(3))
    with pytest.raises(AxesError, match="--axes ZYX"):
        images.read(path)
    assert images.read(path, "ZYX").pixels.shape == (3, SIDE, SIDE)


def test_planes_that_were_not_recorded_are_asked_about(tmp_path):
    path = tmp_path / "run_NDTiffStack.tif"
    write(path, PLACES[:-1], planes(11))
    with pytest.raises(AxesError, match="give them with --axes"):
        images.read(path)
