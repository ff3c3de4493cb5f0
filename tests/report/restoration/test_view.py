"""The view has both images, the movements, the tiles, the counts and the light."""

import json

import numpy as np
import pytest

from unsmear import Image, images
from unsmear.blur import Motion
from unsmear.estimate import Estimate
from unsmear.report.restoration import movements, page, view
from unsmear.report.restoration.content import Detail, Report
from unsmear.report.restoration.display import Stretch
from unsmear.restoration import consistency
from unsmear.restoration.restored import Restored


def report(size=(70, 100), channels=2, **changed):
    generator = np.random.default_rng(4)
    blurred = generator.integers(10, 200, (1, channels, *size)).astype(np.uint16)
    tiles = (1, channels, *(-(-side // consistency.TILE) for side in size))
    verdicts = np.zeros(tiles, np.uint8)
    verdicts[0, 0, 1, 2] = consistency.INPUT
    misfit = np.ones(tiles, np.float32)
    misfit[0, 0, 1, 2] = 9
    estimate = Estimate(6.0, 30.0, 0.93)
    image = Image(blurred, "ZCYX")
    given = {
        "title": "cells.tif",
        "movement": "linear motion",
        "blurred": blurred,
        "restored": blurred + np.uint16(1),
        "kernel": Motion(6, 30).kernel(),
        "verdicts": verdicts,
        "misfit": misfit,
        "empty": np.zeros((1, channels), bool),
        "method": "deep-wiener",
        "movements": movements.of(image, Restored(image, estimate=estimate, blur=estimate.blur())),
    }
    return Report(**{**given, **changed})


def picture(shown, name):
    return images.png.read(shown.pictures[name], name).pixels


def test_both_images_have_one_stretch():
    shown = view.of(report(channels=1))
    recorded, restored = (picture(shown, name).astype(int) for name in ("recorded", "restored"))
    assert recorded.shape == restored.shape == (70, 100)
    inside = (recorded > 0) & (restored < 255)
    assert set(np.unique((restored - recorded)[inside])) <= {1, 2}


def test_values_are_json_and_name_what_is_shown():
    shown = view.of(report())
    values = json.loads(json.dumps(shown.at(lambda name: f"{name}.png")))
    assert set(values["pictures"]) == {"recorded", "restored", "verdicts", "misfit", "kernel"}
    assert values["sides"] == [70, 100]
    assert values["kernel"] == {"side": 7, "of": ""}
    (line,) = values["movements"]["lines"]
    assert line["words"] == "6.0 px at 30 degrees"
    length = np.hypot(*np.subtract(line["to"], line["from"]))
    assert length == pytest.approx(6 * values["movements"]["times"], abs=0.2)
    assert line["to"][1] < line["from"][1]


def test_light_and_histograms_count_the_pixels():
    channel = view.of(report()).values["channels"][1]
    assert channel["after"] - channel["before"] == pytest.approx(1)
    before, after = channel["histogram"]["counts"]
    assert sum(before) == sum(after) == 70 * 100
    assert (channel["histogram"]["from"], channel["histogram"]["to"]) == (10, 200)


def test_replaced_tiles_are_coloured_and_counted():
    shown = view.of(report())
    tiles = picture(shown, "verdicts")
    assert tiles.shape == (3, 4, 4)
    assert np.argwhere(tiles[..., 3]).tolist() == [[1, 2]]
    assert shown.values["trust"]["covers"] == [96, 128]
    counts = {part["words"]: part["tiles"] for part in shown.values["trust"]["legend"]}
    assert counts == {"restored, kept": 11, "replaced by the recorded image": 1}
    heat = picture(shown, "misfit")
    assert tuple(heat[1, 2]) == (200, 0, 60, 200)
    assert (heat[..., 3] > 0).all()


def test_an_image_left_unchanged_is_shown_alone():
    left = report(method="", kernel=None, movements=())
    shown = view.of(left)
    assert set(shown.pictures) == {"recorded"}
    assert shown.values["trust"] is None
    assert len(shown.values["channels"][0]["histogram"]["counts"]) == 1


def test_a_large_image_is_smaller_and_has_an_enlarged_part():
    large = report(size=(40, 1500), verdicts=None, misfit=None)
    assert picture(view.of(large), "recorded").shape[1] == 1024
    detail = view.of_detail(large)
    assert picture(detail, "restored").shape[:2] == (40, 192)
    assert view.of_detail(report()) is None
    part = (slice(0, 1), slice(0, 2))
    pixels = np.ones((2, 32, 64), np.uint16)
    slide = report(scale=32, detail=Detail(part, pixels, pixels))
    assert view.of_detail(slide).values["sides"] == [32, 64]
    assert view.of(slide).values["sides"] == [32 * 70, 32 * 100]


def test_missing_data_and_even_images_are_drawn():
    planes = np.full((1, 1, 40, 40), 7, np.float32)
    planes[..., :9] = np.nan
    shown = view.of(report(blurred=planes, restored=planes, verdicts=None, misfit=None))
    assert picture(shown, "recorded").shape == (40, 40)
    assert sum(shown.values["channels"][0]["histogram"]["counts"][0]) == 40 * 31


def test_a_channel_without_data_has_no_counts():
    planes = np.full((1, 2, 40, 40), 7, np.float32)
    planes[:, 1] = np.nan
    shown = view.of(report(blurred=planes, restored=planes, verdicts=None, misfit=None))
    first, second = json.loads(json.dumps(shown.values, allow_nan=False))["channels"]
    assert (first["before"], first["after"], first["change"]) == (7, 7, 0)
    assert (second["before"], second["after"], second["change"]) == (None, None, None)


def test_a_channel_without_data_leaves_the_others_in_the_picture():
    planes = np.random.default_rng(0).uniform(0, 9, (1, 2, 40, 40)).astype(np.float32)
    planes[:, 1] = np.nan
    given = {"verdicts": None, "misfit": None, "movements": ()}
    shown = view.of(report(blurred=planes, restored=planes, **given))
    alone = view.of(report(blurred=planes[:, :1], restored=planes[:, :1], **given))
    levels = picture(shown, "recorded")
    assert (levels[..., 0] == picture(alone, "recorded")).all()
    assert levels[..., 0].max() == 255
    assert (levels[..., 1:] == 0).all()


def test_the_report_of_a_channel_without_data_says_so(tmp_path):
    pytest.importorskip("matplotlib", reason="the report needs the extra `report`")
    planes = np.full((1, 2, 40, 40), 7, np.float32)
    planes[:, 1] = np.nan
    made = report(blurred=planes, restored=planes + 1, verdicts=None, misfit=None)
    for name in ("a.html", "a.png"):
        page.write(tmp_path / name, made)
    text = (tmp_path / "a.html").read_text()
    assert "no data</td>" in text
    assert "nan" not in text.split("<table", 1)[1].split("</table>")[0]


def test_one_channel_is_grey_with_its_own_stretch():
    planes = np.array([[[0, 50]], [[100, 200]]])
    stretch = Stretch((0, 100), (100, 300))
    assert stretch.paint(planes)[0, 1].tolist() == [0.5, 0.5, 0]
    assert stretch.paint(planes[1:], 1)[0, 1].tolist() == [0.5, 0.5, 0.5]
