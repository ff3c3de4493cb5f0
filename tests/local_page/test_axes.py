"""Axes that a file does not say are given on the page."""

import io
import threading

import numpy as np
import pytest


@pytest.fixture
def array():
    """Return a NumPy file of three dimensions, whose axes nobody knows."""
    file = io.BytesIO()
    np.save(file, np.random.default_rng(1).integers(0, 999, (3, 48, 40)).astype(np.uint16))
    return file.getvalue()


def unnamed(shown):
    return shown.unnamed and not shown.busy


def test_axes_are_asked_for_given_and_used(served, array, tiff):
    served.drop(a__npy=array, b__npy=array, cell__tif=tiff())
    first = served.until("1", unnamed)
    served.until("2", unnamed)
    assert (
        "(3x48x40) does not say what they are; give them below, for example" in (first.sentences[0])
    )
    told = served.client.get("/images?since=0").json()["images"]
    assert [image["unnamed"] for image in told] == [True, True, False]
    asked = {"images": ["1", "3"], "axes": " cyx "}  # the third needs none
    assert served.client.post("/axes", json=asked).json() == {"images": 1}
    shown = served.until("1", lambda shown: shown.pictured)
    assert (shown.about, shown.axes) == ("40 x 48 px, uint16, 3 channels", "CYX")
    served.client.post("/axes", json={"images": ["2"], "axes": "ZYX"})
    assert served.until("2", lambda shown: shown.pictured).planes == 3
    work, ended = served.session.jobs._worker.work, threading.Semaphore(0)
    work.end = lambda *_: ended.release()
    served.client.post("/restore", json={"images": ["1", "2", "3"]})
    for _ in range(3):
        assert ended.acquire(timeout=60)
    batches = {batch.axes: batch.chosen for batch in work.asked}
    assert batches == {"CYX": ("a",), "ZYX": ("b",), "": ("cell",)}


@pytest.mark.parametrize("axes", ["", None, 3, "CQX", "CCYX", "CZ", "AB" * 99])
def test_axes_that_no_image_has_are_refused_in_a_sentence(served, array, axes):
    served.drop(a__npy=array)
    served.until("1", unnamed)
    answer = served.client.post("/axes", json={"images": ["1"], "axes": axes})
    assert answer.status_code == 400
    assert "axes must be" in answer.json()["error"]
    assert served.session.shelf.shown["1"].unnamed


def test_axes_that_do_not_fit_can_be_put_right(served, array):
    served.drop(a__npy=array)
    served.until("1", unnamed)
    served.client.post("/axes", json={"images": ["1"], "axes": "TCYX"})
    again = served.until("1", lambda shown: unnamed(shown) and shown.axes)
    assert "must name each of the 3 dimensions (3x48x40)" in again.sentences[0]
    served.client.post("/axes", json={"images": ["1"], "axes": "ZYX"})
    served.until("1", lambda shown: shown.pictured)
