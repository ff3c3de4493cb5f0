"""Axes that are given for a file that says others: refused, or kept in mind; never guessed."""

import imagecodecs
import numpy as np
import pytest
import tifffile

from unsmear import images
from unsmear.errors import AxesError
from unsmear.images import Image

COLOURS = np.random.default_rng(0).integers(0, 250, (40, 30, 3), np.uint8)
STACK = np.random.default_rng(0).integers(0, 250, (5, 40, 30), np.uint8)


def write(folder, kind):
    path = folder / f"a{kind}"
    if kind == ".jpg":
        path.write_bytes(imagecodecs.jpeg8_encode(COLOURS))
    elif kind == ".tif":
        tifffile.imwrite(path, COLOURS, photometric="rgb")
    elif kind == "-stack.tif":
        tifffile.imwrite(path, STACK, imagej=True, metadata={"axes": "ZYX"})
    elif kind == ".ome.tif":
        tifffile.imwrite(path, STACK, metadata={"axes": "ZYX"})
    else:
        image = Image(COLOURS, "YXS") if kind == ".png" else Image(STACK, "ZYX")
        images.write(path, image)
    return path


@pytest.mark.parametrize("kind", [".tif", ".png", ".jpg"])
def test_samples_of_a_colour_image_are_no_columns(tmp_path, kind):
    path = write(tmp_path, kind)
    with pytest.raises(AxesError) as error:
        images.read(path, "ZYX")
    assert str(error.value) == (
        f"a{kind}: axes must have Y and X where the file has its rows and columns (40x30x3 is "
        "YXS), got ZYX; give them with --axes, for example --axes YXS."
    )
    assert images.read(path, "YXC").own_axes == ""  # samples may be stains
    assert images.read(path).own_axes == ""
    assert images.read(path, "YXZ").own_axes == "YXS"


@pytest.mark.parametrize("kind", ["-stack.tif", ".ome.tif", ".zarr"])
def test_metadata_that_name_the_axes(tmp_path, kind):
    path = write(tmp_path, kind)
    with pytest.raises(AxesError, match=r"\(5x40x30 is ZYX\), got YXZ; .* --axes ZYX\."):
        images.read(path, "YXZ")
    assert images.read(path, "ZYX").own_axes == ""
    read = images.read(path, "TYX")  # which the metadata may say wrongly
    assert (read.axes, read.own_axes) == ("TYX", "ZYX")


@pytest.mark.parametrize("axes", ["ZYX", "YXZ", "YXC", "TYX"])
def test_a_file_that_says_nothing_is_what_is_given(tmp_path, axes):
    np.save(tmp_path / "a.npy", STACK)
    tifffile.imwrite(tmp_path / "a.tif", STACK)
    for name in ("a.npy", "a.tif"):
        read = images.read(tmp_path / name, axes)
        assert (read.axes, read.own_axes) == (axes, "")


def test_colours_are_sure_where_the_other_dimensions_are_not(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.stack([COLOURS] * 2), photometric="rgb")
    with pytest.raises(AxesError, match=r"got TZYX; .* --axes ZYXS\."):
        images.read(tmp_path / "a.tif", "TZYX")
    assert images.read(tmp_path / "a.tif", "TYXS").own_axes == ""
