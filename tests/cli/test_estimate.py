"""`unsmear estimate`: text, JSON, picture, broken files."""

import json

import cv2
import numpy as np
import pytest
import tifffile
from scipy import ndimage

from unsmear import images
from unsmear.blur import Motion, Paper
from unsmear.cli.jobs.estimate import values
from unsmear.estimate import Estimate
from unsmear.images import Image


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder of one blurred and one sharp image."""
    folder = tmp_path_factory.mktemp("images")
    noise = np.random.default_rng(0).standard_normal((128, 128))
    sharp = ndimage.gaussian_filter(noise, 1.2)
    sharp = ((sharp - sharp.min()) / np.ptp(sharp) * 250).astype(np.float32)
    cv2.imwrite(str(folder / "sharp.png"), np.rint(sharp))
    cv2.imwrite(str(folder / "smeared.png"), np.rint(cv2.filter2D(sharp, -1, kernel())))
    return folder


def kernel():
    return Motion(10, 40).kernel()


def test_text_is_a_sentence(unsmear, folder):
    done = unsmear("estimate", folder / "smeared.png")
    assert done.code == 0
    assert done.out.startswith("smeared: linear motion of 10.")
    assert " px at 40 degrees (confidence " in done.out


def test_sharp_says_no_motion(unsmear, folder):
    done = unsmear("estimate", folder / "sharp.png")
    assert done.code == 0
    assert done.out.startswith("sharp: no motion found (confidence ")


def test_json_of_one_image_is_one_object(unsmear, folder):
    done = unsmear("estimate", folder / "smeared.png", "--json")
    result = json.loads(done.out)
    assert result["image"] == "smeared"
    assert result["length"] == pytest.approx(10, abs=0.2)
    assert result["angle"] == pytest.approx(40, abs=1.5)
    assert 0 <= result["confidence"] <= 1


def test_json_says_the_kind(unsmear, folder):
    smeared, sharp = (
        json.loads(unsmear("estimate", folder / f"{name}.png", "--json").out)
        for name in ("smeared", "sharp")
    )
    assert smeared["kind"] == "straight"
    assert 0 < smeared["length_error"] < 1
    assert sharp["kind"] == "none"
    assert "radius" not in smeared


@pytest.mark.parametrize(
    ("result", "phrase"),
    [
        (Estimate(0.0, confidence=0.91), "no motion found (confidence 0.91)"),
        (
            Estimate(0.0, confidence=0.42),
            "unsure whether anything moved (confidence 0.42 that nothing did)",
        ),
        (
            Estimate(0.0, confidence=0.42, kind="defocus", radius=3.2),
            "perhaps out of focus by a disc of radius 3.2 px (confidence 0.42)",
        ),
        (Estimate(9.0, 40.0, 0.97), "linear motion of 9.0 px at 40 degrees (confidence 0.97)"),
        (Estimate(0.0, confidence=0.8, kind="defocus", radius=3.2), "radius 3.2 px"),
        (
            Estimate(14.0, 20.0, 0.6, kind="shake"),
            "irregular motion that extends 14 px at 20 degrees",
        ),
        (
            Estimate(5.6, 90.0, 0.9, recipe=Paper(6, -45)),
            "degrees, by the recipe of the paper (confidence 0.90)",
        ),
    ],
)
def test_every_kind_is_put_into_words(result, phrase):
    assert phrase in result.describe()


def test_json_has_the_radius_of_a_disc_and_the_recipe():
    disc = values(Estimate(0.0, confidence=0.8, kind="defocus", radius=3.2, radius_error=0.2))
    assert (disc["kind"], disc["radius"], disc["radius_error"]) == ("defocus", 3.2, 0.2)
    paper = values(Estimate(5.6, 90.0, 0.9, recipe=Paper(6, -45)))
    assert paper["recipe"] == {"degree": 6, "angle": -45, "normalise": False}
    json.dumps(paper)


def test_json_of_many_has_the_form_of_one_on_each_line(unsmear, folder):
    done = unsmear("estimate", folder, "--json")
    *rows, summary = map(json.loads, done.out.splitlines())
    assert [row["image"] for row in rows] == ["sharp", "smeared"]
    assert rows[1] == json.loads(unsmear("estimate", folder / "smeared.png", "--json").out)
    assert (rows[0]["length"], rows[0]["angle"], rows[0]["angle_error"]) == (0, None, None)
    assert summary["counts"] == {"estimated": 2, "failed": 0}


@pytest.mark.slow
def test_json_of_a_stack_is_one_object_with_its_exposures(unsmear, folder, tmp_path):
    smeared, sharp = (cv2.imread(str(folder / f"{n}.png"), -1) for n in ("smeared", "sharp"))
    tifffile.imwrite(
        tmp_path / "two.tif", np.stack([sharp, smeared]), imagej=True, metadata={"axes": "CYX"}
    )
    result = json.loads(unsmear("estimate", tmp_path / "two.tif", "--json").out)
    assert (result["image"], result["kind"]) == ("two", "straight")
    moved, still = result["exposures"]
    assert (moved["channels"], still["channels"]) == ([1], [0])
    assert moved["length"] == result["length"]
    assert still["length"] == 0


def test_broken_file_is_named_and_the_rest_goes_on(unsmear, folder, tmp_path):
    (tmp_path / "broken.png").write_bytes(b"hello")
    (tmp_path / "good.png").write_bytes((folder / "smeared.png").read_bytes())
    done = unsmear("estimate", tmp_path)
    assert done.code == 1
    assert "broken.png" in done.err
    assert "Traceback" not in done.err
    assert done.out.startswith("good: linear motion")


def test_broken_file_leaves_json_whole(unsmear, folder, tmp_path):
    (tmp_path / "broken.png").write_bytes(b"hello")
    (tmp_path / "good.png").write_bytes((folder / "smeared.png").read_bytes())
    done = unsmear("estimate", tmp_path, "--json")
    assert done.code == 1
    rows = [json.loads(line) for line in done.out.splitlines()]
    assert [(row.get("image"), row.get("action")) for row in rows[:2]] == [
        ("broken", "failed"), ("good", None),
    ]  # fmt: skip
    assert "broken.png" in done.err


@pytest.mark.slow
def test_picture_is_a_png(unsmear, folder, tmp_path):
    pytest.importorskip("matplotlib")
    for name in ("smeared", "sharp"):
        picture = tmp_path / "new" / f"{name}.png"
        assert unsmear("estimate", folder / f"{name}.png", "--picture", picture).code == 0
        assert cv2.imread(str(picture)).shape[1] > 500


@pytest.mark.slow
def test_picture_of_nothing(unsmear, tmp_path):
    pytest.importorskip("matplotlib")
    cv2.imwrite(str(tmp_path / "dark.png"), np.zeros((8, 8), np.uint8))
    done = unsmear("estimate", tmp_path / "dark.png", "--picture", tmp_path / "seen.png")
    assert done.code == 0
    assert "unsure whether anything moved (confidence 0.00 that nothing did)" in done.out


@pytest.mark.parametrize("picture", ["seen.jpg", "seen"])
def test_picture_must_be_a_png(unsmear, folder, tmp_path, picture):
    done = unsmear("estimate", folder / "smeared.png", "--picture", tmp_path / picture)
    assert done.code == 1
    assert "--picture must end in .png" in done.err


def test_picture_is_of_one_image(unsmear, folder, tmp_path):
    done = unsmear("estimate", folder, "--picture", tmp_path / "seen.png")
    assert done.code == 1
    assert "one image, got 2" in done.err


def test_estimates_of_another_origin_are_not_replaced(tmp_path, unsmear):
    images.write(tmp_path / "a.png", Image(np.zeros((64, 64), np.uint8), "YX"))
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "estimates.json").write_text("{}")
    done = unsmear("estimate", tmp_path / "a.png", "-o", tmp_path / "out")
    assert done.code == 1
    assert "got one with estimates.json of another origin." in done.err
    assert (tmp_path / "out" / "estimates.json").read_text() == "{}"
