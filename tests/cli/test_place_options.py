"""Kernels for parts of an image on the command line: --kernel DAPI=beads.tif, --length 1=8."""

import json
from pathlib import Path

import numpy as np
import pytest

import unsmear as library
from tests.restoration.test_by_place import kernels, stack
from unsmear import images
from unsmear.blur import Given, Motion
from unsmear.cli.kernel_options import KernelOptions
from unsmear.cli.place_options import PlaceOptions
from unsmear.errors import OptionError
from unsmear.images import Image


def test_values_for_all_parts_and_for_each():
    options = PlaceOptions(length=("DAPI=4", "GFP=8"), angle=("30",))
    assert options.by_place() == {"DAPI": KernelOptions(4, 30), "GFP": KernelOptions(8, 30)}
    options = PlaceOptions(length=("10",), angle=("t=0=30", "t=1=50"))
    assert options.by_place() == {"t=0": KernelOptions(10, 30), "t=1": KernelOptions(10, 50)}
    assert PlaceOptions(length=("10",), angle=("30",)).by_place() == {"": KernelOptions(10, 30)}
    assert PlaceOptions().by_place() == {"": KernelOptions()}


def test_kernels_and_lengths_and_what_did_not_move():
    options = PlaceOptions(
        length=("GFP=8", "RFP=0"), angle=("30",), kernel=("DAPI=a.txt", "Cy5=none")
    )
    assert options.by_place() == {
        "GFP": KernelOptions(8, 30), "RFP": None, "DAPI": KernelOptions(kernel=Path("a.txt")),
        "Cy5": None,
    }  # fmt: skip


def test_one_speed_and_the_exposure_of_each_part():
    options = PlaceOptions(
        speed=100.0, exposure=("DAPI=0.01", "GFP=0.03"), angle=("20",), pixel_size=0.5
    )
    image = Image(np.zeros((2, 8, 8), np.uint8), "CYX", ("DAPI", "GFP"))
    blurs = options.blur(image)
    assert {place: round(blur.length, 9) for place, blur in blurs.items()} == {"DAPI": 2, "GFP": 6}
    assert options.pixel_size_phrase(image) == "pixel size 0.5 um from --pixel-size"


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"length": ("8", "9"), "angle": ("3",)}, "--length must be given once, got 8 and 9"),
        ({"kernel": ("A=a.txt", "A=b.txt")}, "--kernel must be given once for A, got A=a.txt and"),
        ({"length": ("8", "A=9"), "angle": ("3",)}, "once, or once for each part by its name"),
        ({"length": ("A=8",), "angle": ("A=3", "B=4")}, "B: --angle must come with --length"),
        ({"length": ("A=8",)}, "A: --length must come with --angle"),
        ({"length": ("A=x",), "angle": ("3",)}, "--length must be a number, got 'A=x'"),
        ({"kernel": ("none",)}, "--kernel must name the part that did not move: PART=none"),
        ({"kernel": ("A=a.txt",), "length": ("A=8",), "angle": ("3",)}, "given in one way"),
    ],
)
def test_what_does_not_go_together_is_one_sentence(options, sentence):
    with pytest.raises(OptionError, match=sentence):
        PlaceOptions(**options).by_place()


def test_a_file_whose_name_holds_an_equals_sign(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("a=b.txt").write_text("1")
    assert list(PlaceOptions(kernel=("a=b.txt",)).by_place()) == [""]
    found = PlaceOptions(kernel=("t=2=a=b.txt",)).by_place()
    assert found == {"t=2": KernelOptions(kernel=Path("a=b.txt"))}


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
