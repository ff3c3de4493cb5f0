"""`unsmear blur` keeps everything but the pixels, and those it blurs as told."""

import numpy as np
import pytest

from unsmear import blur, images
from unsmear.blur import Defocus, Motion, Paper
from unsmear.images import Image
from unsmear.images.scaling import cast


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "in"
    counts = np.random.default_rng(0).integers(0, 4096, (2, 30, 40), np.uint16)
    ome = {"tiff": {"ome": {"SignificantBits": "12"}}}
    image = Image(counts, "CYX", ("dna", "actin"), (0.2, 0.1), metadata=ome)
    images.write(folder / "a.ome.tif", image)
    images.write(folder / "deeper" / "b.png", Image((counts[0] >> 4).astype(np.uint8), "YX"))
    return folder


def test_motion_blurs_every_image_and_keeps_the_rest(source, tmp_path, unsmear):
    out = tmp_path / "out"
    finished = unsmear("blur", source, "-o", out, "--length", 5, "--angle", 30)
    assert finished.code == 0
    assert "2 blurred, 0 failed." in finished.out
    sharp, blurred = images.read(source / "a.ome.tif"), images.read(out / "a.ome.tif")
    expected = cast(blur.convolve(sharp.pixels, Motion(5, 30).kernel()), np.uint16)
    np.testing.assert_array_equal(blurred.pixels, expected)
    assert (blurred.axes, blurred.channels) == ("CYX", ("dna", "actin"))
    assert blurred.pixel_size == pytest.approx((0.2, 0.1))
    assert blurred.metadata["tiff"]["ome"]["SignificantBits"] == "12"
    assert '"length": 5.0, "angle": 30.0' in blurred.metadata["tiff"]["ome"]["Description"]
    assert (out / "deeper" / "b.png").exists()


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        (("--radius", 3), Defocus(3)),
        (("--speed", 100, "--exposure", 0.02, "--pixel-size", 0.4, "--angle", 9), Motion(5, 9)),
        (("--degree", 6), Paper(6, -45)),
        (("--degree", 6, "--angle", 10, "--normalise"), Paper(6, 10, True)),
    ],
)
def test_each_family(options, wanted, source, tmp_path, unsmear):
    assert unsmear("blur", source / "deeper" / "b.png", "-o", tmp_path, *options).code == 0
    sharp = images.read(source / "deeper" / "b.png").pixels
    expected = cast(blur.apply(wanted, sharp), np.uint8)
    np.testing.assert_array_equal(images.read(tmp_path / "b.png").pixels, expected)


def test_the_stage_takes_the_pixel_size_of_the_image(tmp_path, unsmear):
    counts = np.random.default_rng(0).integers(0, 256, (20, 20), np.uint8)
    images.write(tmp_path / "in" / "a.tif", Image(counts, "YX", (), (0.5, 0.5)))
    arguments = ("--speed", 100, "--exposure", 0.02, "--angle", 0, "-o", tmp_path / "out")
    finished = unsmear("blur", tmp_path / "in" / "a.tif", *arguments)
    assert "linear motion of 4.00 px" in finished.out
    images.write(tmp_path / "in" / "b.png", Image(counts, "YX"))
    assert "give --pixel-size" in unsmear("blur", tmp_path / "in" / "b.png", *arguments).err


def test_noise_is_seeded_and_stays_in_the_cameras_depth(source, tmp_path, unsmear):
    arguments = ("--sigma", 1, "--photons", 50, "--bits", 12, "--read-noise", 2, "--seed", 4)
    for out in ("one", "two"):
        unsmear("blur", source / "a.ome.tif", "-o", tmp_path / out, *arguments)
    first, second = (images.read(tmp_path / out / "a.ome.tif").pixels for out in ("one", "two"))
    np.testing.assert_array_equal(first, second)
    assert 255 < first.max() <= 4095


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ((), "got none"),
        (("--length", 3), "--length must come with --angle"),
        (("--radius", 3, "--sigma", 1), "got 2"),
        (("--radius", -3), "radius must be 0 to"),
        (("--sigma", 1, "--read-noise", 1), "must come with --photons"),
        (("--kernel", "nowhere.txt"), "nowhere.txt"),
        (("--speed", 3, "--angle", 1), "must come together, got no --exposure; and --pixel-size"),
    ],
)
def test_options_that_name_no_blur_get_one_sentence(options, sentence, source, tmp_path, unsmear):
    finished = unsmear("blur", source / "a.ome.tif", "-o", tmp_path / "out", *options)
    assert finished.code == 1
    assert sentence in finished.err
    assert "Traceback" not in finished.err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("command", ["blur", "restore"])
@pytest.mark.parametrize("name", ["out.tif", "out.PNG"])
def test_an_output_with_the_name_of_an_image_is_no_folder(command, name, source, tmp_path, unsmear):
    given = ("--length", 3, "--angle", 1)
    finished = unsmear(command, source / "a.ome.tif", "-o", tmp_path / name, *given)
    assert finished.code == 1
    assert f"{name}: the output must be a folder, got the name of an image file" in finished.err
    assert not (tmp_path / name).exists()


def test_the_input_is_never_overwritten(source, unsmear):
    before = (source / "a.ome.tif").read_bytes()
    finished = unsmear("blur", source, "-o", source, "--sigma", 1)
    assert finished.code == 1
    assert "the output must be another folder than the input's" in finished.err
    assert (source / "a.ome.tif").read_bytes() == before
