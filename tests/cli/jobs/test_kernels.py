"""Kernels from options: the pixel size that a speed needs, and kernels for parts of an image."""

import json

import numpy as np
import pytest

import unsmear as library
from tests.restoration.test_by_place import kernels, stack
from unsmear import images
from unsmear.blur import Given, Motion
from unsmear.cli.jobs.kernels import kernel_of, kernels_of, pixel_size_phrase
from unsmear.cli.options.kernel import KernelOptions
from unsmear.cli.options.place import PlaceOptions
from unsmear.errors import OptionError
from unsmear.images import Image


def image(size: float | None) -> Image:
    pixel_size = None if size is None else (size, size)
    pixels = np.zeros((8, 8), np.uint8)
    return Image(pixels, "YX", pixel_size=pixel_size, name="a.tif", pixel_size_from="OME-XML")


STAGE = {"speed": 100.0, "exposure": 0.02, "angle": 10.0}


def test_the_pixel_size_is_named_with_its_source() -> None:
    given = KernelOptions(**STAGE, pixel_size=0.5)
    assert pixel_size_phrase(given, image(0.325)) == "pixel size 0.5 um from --pixel-size"
    read = KernelOptions(**STAGE)
    assert pixel_size_phrase(read, image(0.325)) == "pixel size 0.325 um from OME-XML"
    assert pixel_size_phrase(KernelOptions(length=3.0, angle=0.0), image(0.325)) == ""


@pytest.mark.parametrize("size", [352.8, 0.001])
def test_a_pixel_size_of_no_microscope_is_asked_for(size: float) -> None:
    with pytest.raises(OptionError, match=r"0.005 to 20 um .* from OME-XML; give --pixel-size"):
        kernel_of(KernelOptions(**STAGE), image(size))
    assert kernel_of(KernelOptions(**STAGE, pixel_size=0.5), image(size)) is not None


def test_an_exposure_in_milliseconds_is_asked_about() -> None:
    wrong = {**STAGE, "exposure": 20.0}
    with pytest.raises(OptionError, match=r"^a.tif: --exposure must be in seconds; .*sure 0.02\.$"):
        kernel_of(KernelOptions(**wrong), image(0.5))
    slow = KernelOptions(speed=0.1, exposure=20.0, angle=10.0)
    assert kernel_of(slow, image(0.5)) == Motion(4, 10)


def test_one_speed_and_the_exposure_of_each_part():
    options = PlaceOptions(
        speed=100.0, exposure=("DAPI=0.01", "GFP=0.03"), angle=("20",), pixel_size=0.5
    )
    pair = Image(np.zeros((2, 8, 8), np.uint8), "CYX", ("DAPI", "GFP"))
    blurs = kernels_of(options, pair)
    assert {place: round(blur.length, 9) for place, blur in blurs.items()} == {"DAPI": 2, "GFP": 6}
    assert pixel_size_phrase(options, pair) == "pixel size 0.5 um from --pixel-size"


@pytest.fixture
def moved(tmp_path):
    pixels = stack(Motion(8, 30), None, Motion(12, 30))
    image = Image(pixels, "CYX", ("DAPI", "GFP", "RFP"), (0.2, 0.2))
    images.write(tmp_path / "a.ome.tif", image)
    return tmp_path / "a.ome.tif"


def pixels_of(path):
    return images.read(path).pixels


@pytest.mark.slow
def test_each_channel_by_its_own_file(moved, tmp_path, unsmear):
    np.savetxt(tmp_path / "d.txt", Motion(8, 30).kernel())
    fine = kernels(Motion(24, 30), pixel_size=(0.1, 0.1))
    images.write(
        tmp_path / "r.tif", Image(fine.pixels[0].astype(np.float32), "YX", pixel_size=(0.1, 0.1))
    )
    given = ("--kernel", f"DAPI={tmp_path / 'd.txt'}", "--kernel", f"2={tmp_path / 'r.tif'}")
    out = tmp_path / "out"
    done = unsmear(
        "restore", moved, "-o", out, *given, "--kernel", "GFP=none", "--method", "wiener"
    )
    assert (done.code, done.err) == (0, "")
    assert "DAPI: the kernel in d.txt (given); RFP: a kernel of " in done.out
    assert "GFP: no motion (given), left as it was" in done.out
    before, after = pixels_of(moved), pixels_of(out / "a.ome.tif")
    np.testing.assert_array_equal(after[1], before[1])
    alone = library.restore(before[0], Motion(8, 30), method="wiener").image
    np.testing.assert_allclose(after[0].astype(int), alone, atol=1)
    near = library.restore(before[2], Motion(12, 30), method="wiener").image.astype(float)
    assert np.abs(after[2] - near).mean() < 0.2 * np.abs(before[2] - near).mean()
    text = (out / "a.ome.tif").read_bytes().decode("utf-8", "replace")
    record, _ = json.JSONDecoder().raw_decode(text[text.index('{"unsmear"') :])
    assert [one["planes"] for one in record["exposures"]] == ["DAPI", "RFP", "GFP"]
    assert record["exposures"][0]["blur"]["family"] == "given"
    assert len(record["exposures"][1]["kernel_sha256"]) == 64
    assert record["exposures"][2]["blur"] is None


@pytest.mark.slow
def test_a_stack_of_kernels_in_a_file(moved, tmp_path, unsmear):
    given = kernels(Motion(8, 30), Motion(0), Motion(12, 30))
    images.write(tmp_path / "k.ome.tif", Image(given.pixels.astype(np.float32), "CYX"))
    out = tmp_path / "out"
    done = unsmear(
        "restore", moved, "-o", out, "--kernel", tmp_path / "k.ome.tif", "--method", "wiener"
    )
    assert (done.code, done.err) == (0, "")
    assert "DAPI: kernel 0 of k.ome.tif (given); GFP: kernel 1 of" in done.out
    stored = Given(str(tmp_path / "k.ome.tif"), 2)
    alone = library.restore(pixels_of(moved)[2], stored, method="wiener").image
    np.testing.assert_array_equal(pixels_of(out / "a.ome.tif")[2], alone)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            ("--length", "Cy5=8"),
            "a.ome.tif: a kernel must be for a part of the image ('DAPI', 'GFP', 'RFP',",
        ),
        (("--length", "0=8", "--length", "DAPI=9"), "got one for '0' and one for 'DAPI'."),
        (("--length", "t=0=8"), "got one for 't=0'."),
    ],
)
def test_a_part_that_is_not_there_is_one_sentence(options, sentence, moved, tmp_path, unsmear):
    done = unsmear("restore", moved, "-o", tmp_path / "out", *options, "--angle", 30)
    assert done.code == 1
    assert sentence in done.err
    assert done.err.count("\n") == 1
