"""What the page asks of its worker: in turn, once, and stopped; what fails costs one image."""

import threading

import pytest

from tests.local_page.states import restored, seen
from unsmear.errors import OptionError, UnsmearError
from unsmear.local_page.work import Wanted


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
    asked = {"images": ["1"], "motion": {"length": 7.5, "angle": -150}, "floats": True, "force": 1}
    assert served.client.post("/restore", json=asked).json() == {"images": 1}
    served.until("1", restored)
    batch = served.session.jobs._worker.work.asked[0]
    assert batch.wanted == Wanted(7.5, 30.0, floats=True)
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
