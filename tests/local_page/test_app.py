"""What the addresses of the page answer: images, what was found in them, their parts."""

import io
import json
import shutil
import subprocess
import zipfile
from importlib.resources import files

import numpy as np
import pytest

from tests.local_page.states import png, restored, seen
from unsmear import images
from unsmear.data.item import Item
from unsmear.data.source import Survey
from unsmear.estimate import Estimate
from unsmear.local_page.shelf import Place
from unsmear.local_page.work import Done, Finding


def test_a_dropped_image_is_shown_restored_and_downloaded(served, tiff):
    assert served.drop(cell__tif=tiff(channels=2)) == {"images": 1, "remarks": []}
    shown = served.until("1", seen)
    assert shown.about == "48 x 48 px, uint16, 2 channels"
    told = served.client.get("/images?since=0").json()
    assert told["images"][0]["name"] == "cell"
    assert png(served.client.get("/images/1/thumbnail.png")).shape[:2] == (48, 48)
    values = served.client.get("/images/1/view").json()
    assert values["sides"] == [48, 48]
    assert png(served.client.get(values["pictures"]["recorded"])).shape == (48, 48, 3)
    assert served.client.get("/images/1/result").status_code == 404
    served.client.post("/restore", json={"images": ["1"]})
    (result,) = served.until("1", restored).outputs
    assert served.client.get("/images/1/result").content == result.read_bytes()
    with zipfile.ZipFile(io.BytesIO(served.client.get("/results").content)) as file:
        assert file.namelist() == ["cell.tif"]
    part = served.client.get("/images/1/part/restored?top=8&left=0&bottom=24&right=48&pixels=24")
    assert png(part).shape[:2] == (8, 24)


@pytest.mark.parametrize(
    ("estimate", "words"),
    [
        (Estimate(0.0, confidence=0.95), "left as it was: no movement found"),
        (Estimate(8.0, 30.0, 0.5), "left as it was: unsure"),
        (Estimate(0.0, confidence=0.9, kind="defocus"), "left as it was: out of focus"),
        (None, "left as it was"),
    ],
)
def test_what_is_left_as_it_was_keeps_its_verdict(served, tiff, estimate, words):
    def restore(news, item, folder):
        return Done("left unchanged", "Left.", (), (Finding("", "found", False, estimate),))

    served.session.jobs._worker.work.restore = restore
    served.drop(cell__tif=tiff())
    served.until("1", seen)
    served.client.post("/restore", json={"images": ["1"]})
    shown = served.until("1", lambda shown: shown.state == "unchanged")
    assert in_words(shown.to_dict()) == words


def in_words(told):
    """Return the words of the list of images for one that was told to the browser."""
    script = files("unsmear.local_page.static") / "images.js"
    source = script.read_text(encoding="utf-8").replace('import { make } from "./panels.js";', "")
    asked = f"{source}\nprocess.stdout.write(verdictOf({json.dumps(told)})[0]);"
    node = shutil.which("node") or pytest.skip("the words of the page need node")
    command = [node, "--input-type=module", "--eval", asked]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_an_image_that_has_a_result_already_says_so(served, tmp_path):
    survey = Survey([])
    place = Place((), survey, tmp_path, recorded=True, earlier=frozenset({"cell"}))
    item = Item("cell", (tmp_path / "cell.tif",), Item.read)
    (shown,) = served.session.shelf.add([item], place, tmp_path / "pictures")
    told = {**shown.to_dict(), "state": "estimated", "verdict": "moved"}
    assert in_words(told) == "moved; has a result already"
    assert in_words({**told, "state": "restored"}) == "restored"


def test_an_image_with_a_channel_without_data_is_shown(served, tmp_path):
    pixels = np.random.default_rng(1).uniform(0, 99, (2, 48, 48)).astype(np.float32)
    pixels[1] = np.nan
    images.write(tmp_path / "made.tif", images.Image(pixels, "CYX"))
    served.drop(cell__tif=(tmp_path / "made.tif").read_bytes())
    served.until("1", seen)
    answer = served.client.get("/images/1/view")
    assert answer.status_code == 200
    assert [channel["before"] is None for channel in answer.json()["channels"]] == [False, True]


def test_a_part_is_that_of_the_image(served, tiff, tmp_path):
    served.drop(cell__tif=tiff())
    served.until("1", seen)
    recorded = images.read(tmp_path / "made.tif").pixels.astype(float)
    part = png(
        served.client.get("/images/1/part/recorded?top=4&left=6&bottom=20&right=22&pixels=99")
    )
    assert np.corrcoef(part.ravel(), recorded[4:20, 6:22].ravel())[0, 1] > 0.95


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{", b"[" * 10**5, b'{"images": 3}', b'{"images": [3]}', b"x" * 2**21]
)
def test_what_is_asked_must_be_understood(served, content):
    headers = {"Content-Type": "application/json"}
    answer = served.client.post("/restore", content=content, headers=headers)
    assert answer.status_code == 400
    assert "must be" in answer.json()["error"]


@pytest.mark.parametrize(
    "address",
    ["part/recorded?top=0&left=0&bottom=99&right=9&pixels=9", "part/recorded?plane=1&pixels=9",
     "part/recorded?channel=1", "part/restored?pixels=9", "result", "report", "secret.png",
     "view.json", "..%2Fmade.tif"],
)  # fmt: skip
def test_what_an_image_does_not_have_is_refused_in_words(served, tiff, address):
    served.drop(cell__tif=tiff())
    served.until("1", seen)
    answer = served.client.get(f"/images/1/{address}")
    assert answer.status_code in (400, 404)
    assert (
        served.client.get("/images/77/view").json()["error"].startswith("This image is no longer")
    )
