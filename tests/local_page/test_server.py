"""What the server takes, within which bounds, and what it tells of images."""

import io
import json
import shutil
import subprocess
import threading
import time
import zipfile
from importlib.resources import files

import numpy as np
import pytest

from unsmear import images
from unsmear.data.item import Item
from unsmear.data.source import Survey
from unsmear.errors import OptionError, UnsmearError
from unsmear.estimate import Estimate
from unsmear.local_page.shelf import Place
from unsmear.local_page.work import Done, Finding, Wanted


def seen(shown):
    return shown.state in ("seen", "estimated") and not shown.busy


def restored(shown):
    return shown.state == "restored"


def png(answer):
    assert answer.headers["content-type"] == "image/png"
    return images.png.read(answer.content, "answer").pixels


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


def test_the_uncertainty_is_downloaded_with_the_result(served, tiff):
    served.drop(cell__tif=tiff())
    served.until("1", seen)
    served.client.post("/restore", json={"images": ["1"]})
    (result,) = served.until("1", restored).outputs
    band = result.with_name("cell.tif.error.tif")
    band.write_bytes(b"band")
    told = served.session.shelf.put("1", beside=(band,)).to_dict()
    assert told["results"] == ["cell.tif", "cell.tif.error.tif"]
    with zipfile.ZipFile(io.BytesIO(served.client.get("/images/1/result").content)) as file:
        assert file.namelist() == told["results"]
    assert served.client.get("/images/1/part/restored?pixels=24").status_code == 200


def test_results_of_one_name_are_all_downloaded(served, tiff):
    for seed, key in enumerate(("1", "2"), 1):
        served.drop(cell__tif=tiff(seed=seed))
        served.until(key, seen)
    served.client.post("/restore", json={"images": ["1", "2"]})
    results = [served.until(key, restored).outputs[0].read_bytes() for key in ("1", "2")]
    with zipfile.ZipFile(io.BytesIO(served.client.get("/results").content)) as file:
        assert file.namelist() == ["drop-1/cell.tif", "drop-2/cell.tif"]
        assert [file.read(name) for name in file.namelist()] == results
    assert results[0] != results[1]


def test_nothing_stays_of_a_zip_file_that_has_no_room(served, tiff, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    served.drop(cell__tif=tiff())
    served.until("1", seen)
    served.client.post("/restore", json={"images": ["1"]})
    served.until("1", restored)
    monkeypatch.setattr(zipfile.ZipFile, "write", full)
    answer = served.client.get("/results")
    assert answer.json()["error"] == (
        "the zip file of the results cannot be written (No space left on device)."
    )
    assert not list(served.session.folder.glob("*.zip"))


def test_an_image_with_a_channel_without_data_is_shown(served, tmp_path):
    pixels = np.random.default_rng(1).uniform(0, 99, (2, 48, 48)).astype(np.float32)
    pixels[1] = np.nan
    images.write(tmp_path / "made.tif", images.Image(pixels, "CYX"))
    served.drop(cell__tif=(tmp_path / "made.tif").read_bytes())
    served.until("1", seen)
    answer = served.client.get("/images/1/view")
    assert answer.status_code == 200
    assert [channel["before"] is None for channel in answer.json()["channels"]] == [False, True]


def test_the_four_files_of_a_field_are_one_image(served, tiff):
    field = {f"ID_{colour}__tif": tiff(seed=n) for n, colour in enumerate(("red", "green", "blue"))}
    assert served.drop(**field)["images"] == 1
    assert served.until("1", seen).channels == ("red", "green", "blue")


def test_a_damaged_file_is_named_with_the_reason_and_the_others_go_on(served, tiff):
    assert served.drop(bad__tif=tiff()[:2000], good__tif=tiff())["images"] == 2
    bad, good = served.until("1", lambda s: s.state == "failed"), served.until("2", seen)
    assert bad.sentences == ("bad.tif: the TIFF file is cut short after 2000 bytes.",)
    assert good.item.id == "good"
    for address in ("view", "part/recorded"):
        answer = served.client.get(f"/images/1/{address}")
        assert (answer.status_code, answer.json()["error"]) == (
            400,
            "bad: there is no picture yet.",
        )


def test_what_is_no_image_is_named_without_the_folder_it_came_to(served):
    told = served.drop(notes__txt=b"hello", empty__tif=b"")
    text = " ".join(told["remarks"]) + " ".join(
        served.until("1", lambda s: s.state == "failed").sentences
    )
    assert "notes.txt" in text
    assert "empty.tif: the file is empty" in text
    assert "/drops/" not in text
    assert served.drop(notes__txt=b"hello")["images"] == 0


@pytest.mark.parametrize(
    ("bound", "value", "sentence"),
    [
        ("largest", 100, "must have at most 9.54e-05 MiB"),
        ("all", 100, "all files that are dropped must have at most"),
        ("most", 0, "at most 0 files can be dropped"),
    ],
)
def test_uploads_are_bounded(served, bound, value, sentence):
    setattr(served.session.uploads, bound, value)
    drop = served.client.post("/drops").json()["drop"]

    def stream():
        yield b"x" * 90
        yield b"x" * 90

    for content in (b"x" * 180, stream()):  # with its size declared, and without
        answer = served.client.put(f"/drops/{drop}/a.tif", content=content)
        assert answer.status_code == 400
        assert sentence in answer.json()["error"]
        assert "unsmear open FOLDER" in answer.json()["error"]
    assert not list(served.session.folder.rglob("a.tif"))


@pytest.mark.parametrize(
    "name", ["../a.tif", "a/../../b.tif", "%2e%2e/a.tif", "/etc/a.tif", "a%00b.tif", "a%5Cb.tif",
             "c:a.tif", "a/b/c/d/e/f/g/h/i.tif", "x" * 201],
)  # fmt: skip
def test_names_that_lead_elsewhere_are_refused(served, name):
    drop = served.client.post("/drops").json()["drop"]
    answer = served.client.put(f"/drops/{drop}/{name}", content=b"x")
    assert answer.status_code in (400, 404, 405)
    assert not [path for path in served.session.folder.parent.rglob("*") if path.is_file()]


def test_a_name_is_taken_once_and_a_drop_ends(served):
    drop = served.client.post("/drops").json()["drop"]
    assert served.client.put(f"/drops/{drop}/f/a.tif", content=b"x").status_code == 200
    answer = served.client.put(f"/drops/{drop}/f/a.tif", content=b"y")
    assert answer.json()["error"] == "a.tif: a file of this name was dropped before."
    assert [path.read_bytes() for path in served.session.folder.rglob("a.tif")] == [b"x"]
    answer = served.client.put(f"/drops/{drop}/f/a.tif/b.tif", content=b"y")
    assert answer.json()["error"].startswith("b.tif: the file cannot be taken (")
    served.client.post(f"/drops/{drop}")
    for address in (f"/drops/{drop}/b.tif", "/drops/77/b.tif"):
        assert served.client.put(address, content=b"x").status_code == 400


def test_a_file_that_comes_after_the_end_of_its_drop_is_refused(served, monkeypatch):
    async def late(drop, *given):
        path = await receive(drop, *given)
        served.session.end_drop(drop)
        return path

    receive = served.session.uploads.receive
    monkeypatch.setattr(served.session.uploads, "receive", late)
    drop = served.client.post("/drops").json()["drop"]
    answer = served.client.put(f"/drops/{drop}/a.tif", content=b"x")
    assert answer.status_code == 400
    assert answer.json()["error"] == "The file came after the end of its drop; drop it again."
    assert not list(served.session.folder.rglob("a.tif"))


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{", b"[" * 10**5, b'{"images": 3}', b'{"images": [3]}', b"x" * 2**21]
)
def test_what_is_asked_must_be_understood(served, content):
    headers = {"Content-Type": "application/json"}
    answer = served.client.post("/restore", content=content, headers=headers)
    assert answer.status_code == 400
    assert "must be" in answer.json()["error"]


@pytest.mark.parametrize(
    "motion", [{}, 3, {"length": "long", "angle": 0}, {"length": 0, "angle": 0},
               {"length": 513, "angle": 0}, {"length": float("nan"), "angle": 0},
               {"length": 5, "angle": 1e9}, {"length": 5},
               {"length": 10**400, "angle": 0}],
)  # fmt: skip
def test_a_motion_must_be_one(motion):
    with pytest.raises(OptionError, match="must be"):
        Wanted.of({"motion": motion})


def test_a_motion_and_the_options_reach_the_work(served, tiff):
    served.drop(cell__tif=tiff())
    served.until("1", seen)
    asked = {"images": ["1"], "motion": {"length": 7.5, "angle": -150}, "shake": True, "force": 1}
    assert served.client.post("/restore", json=asked).json() == {"images": 1}
    served.until("1", restored)
    batch = served.session.jobs._worker.work.asked[0]
    assert batch.wanted == Wanted(7.5, 30.0, shake=True)
    assert batch.chosen == ("cell",)
    assert not batch.recorded


def test_what_waits_and_what_is_under_way_can_be_stopped(served, tiff):
    served.drop(slow__tif=tiff(), soon__tif=tiff(), slow_too__tif=tiff())
    for key in ("1", "2", "3"):
        served.until(key, seen)
    served.client.post("/restore", json={"images": ["1", "2", "3"]})
    served.until("1", lambda shown: shown.total == 4)
    served.client.post("/cancel", json={"images": ["3", "1"]})
    first = served.until("1", lambda shown: not shown.busy)
    assert first.sentences == ("Stopped; no result was written.",)
    assert served.session.shelf.shown["3"].busy == ""
    assert served.until("2", lambda shown: shown.total == 4).busy == "restoring"
    asked = served.session.jobs._worker.work.asked
    assert [batch.chosen for batch in asked] == [("slow", "slow_too", "soon"), ("slow_too",)]
    assert served.client.post("/restore", json={"images": ["2", "77"]}).json() == {"images": 0}


def test_an_image_that_waits_is_restored_once(served, tiff):
    def estimate(news, item, folder):
        clicked.wait(60)
        news("estimating the movement", 1, 4)
        told.set()
        again.wait(60)
        return []

    work = served.session.jobs._worker.work
    clicked, told, again = threading.Event(), threading.Event(), threading.Event()
    work.estimate = estimate
    served.drop(cell__tif=tiff())
    served.until("1", lambda shown: shown.busy == "estimating the movement")
    asked = {"images": ["1", "1"]}
    assert served.client.post("/restore", json=asked).json() == {"images": 1}
    clicked.set()
    assert told.wait(60)
    assert served.session.shelf.shown["1"].busy == "waiting"
    assert served.client.post("/restore", json=asked).json() == {"images": 0}
    again.set()
    served.until("1", restored)
    assert [batch.chosen for batch in work.asked if batch != "end"] == [("cell",)]


def test_a_batch_is_ended_though_its_last_image_was_stopped(served, tiff):
    served.drop(a__tif=tiff(), slow__tif=tiff())
    for key in ("1", "2"):
        served.until(key, seen)
    work, ended = served.session.jobs._worker.work, threading.Event()
    batches = []

    def end(news, batch):
        batches.append(batch.chosen)
        ended.set()
        raise UnsmearError("the record is not complete.")

    work.end = end
    served.client.post("/restore", json={"images": ["1", "2"]})
    served.until("2", lambda shown: shown.total == 4)
    served.client.post("/cancel", json={"images": ["2"]})
    assert ended.wait(60)
    assert batches == [("a", "slow")]
    told = served.until("2", lambda shown: len(shown.sentences) == 2)  # the last that was begun
    assert told.sentences[1] == "the record is not complete."
    assert served.session.shelf.shown["1"].sentences == ("Restored.",)


def test_an_image_is_looked_at_though_all_is_stopped(served, tiff):
    def see(news, item, folder):
        news("looking", 1, 2)
        go.wait(60)
        return looked(news, item, folder)

    work, go = served.session.jobs._worker.work, threading.Event()
    looked, work.see = work.see, see
    served.drop(cell__tif=tiff())
    served.until("1", lambda shown: shown.total == 2)
    served.client.post("/cancel", json={"images": ["1"]})
    go.set()
    shown = served.until("1", seen)
    assert shown.pictured > 0
    assert shown.state in ("seen", "estimated")  # so that it can be restored


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


def test_what_ends_the_worker_costs_one_image(served, tiff):
    served.drop(a_crash__tif=tiff(), b__tif=tiff(), c__tif=tiff())
    for key in ("1", "2", "3"):
        served.until(key, seen)
    served.client.post("/restore", json={"images": ["1", "2", "3"]})
    lost = served.until("1", lambda shown: shown.state == "failed")
    assert "perhaps for lack of memory" in lost.sentences[0]
    for key in ("2", "3"):
        served.until(key, restored)
    asked = served.session.jobs._worker.work.asked
    assert [batch.chosen for batch in asked if batch != "end"] == [
        ("a_crash", "b", "c"),
        ("b", "c"),
    ]


def test_an_error_that_was_not_foreseen_costs_one_image(served, tiff):
    def see(news, item, folder):
        if item.id == "odd":
            raise OSError(28, "No space left on device")
        return looked(news, item, folder)

    work = served.session.jobs._worker.work
    looked, work.see = work.see, see
    served.drop(odd__tif=tiff())
    odd = served.until("1", lambda shown: shown.state == "failed")
    assert odd.sentences == (
        "an error that was not foreseen (OSError: No space left on device); please report it.",
    )
    assert not odd.busy
    served.drop(cell__tif=tiff())
    served.until("2", seen)


def test_the_browser_is_opened_where_it_has_a_window(monkeypatch):
    import webbrowser

    from unsmear.local_page import server

    opened = []
    monkeypatch.setattr(webbrowser, "open", lambda address: opened.append(address) or True)
    monkeypatch.setattr(server.sys, "platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    assert not server._opened("http://x")  # there could only be a browser of text
    monkeypatch.setenv("DISPLAY", ":1")
    assert server._opened("http://x")
    assert opened == ["http://x"]


def test_a_change_is_told_at_once_and_the_end_lets_nobody_wait(served, tiff):
    served.drop(cell__tif=tiff())
    served.until("1", lambda shown: shown.state == "estimated")
    change = served.client.get("/images?since=0").json()["change"]
    served.session.shelf.close()
    began = time.monotonic()
    assert served.client.get(f"/images?since={change}").json()["images"] == []
    assert time.monotonic() - began < 5


def test_at_the_end_nothing_is_left(served, tiff):
    served.drop(cell__tif=tiff())
    served.until("1", seen)
    served.session.close()
    assert not served.session.folder.exists()


def test_a_part_is_that_of_the_image(served, tiff, tmp_path):
    served.drop(cell__tif=tiff())
    served.until("1", seen)
    recorded = images.read(tmp_path / "made.tif").pixels.astype(float)
    part = png(
        served.client.get("/images/1/part/recorded?top=4&left=6&bottom=20&right=22&pixels=99")
    )
    assert np.corrcoef(part.ravel(), recorded[4:20, 6:22].ravel())[0, 1] > 0.95
