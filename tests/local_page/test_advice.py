"""Each reason to leave an image alone has a sentence that says what to do."""

import pytest

from unsmear.estimate import Estimate
from unsmear.estimate.processed import COMPRESSED, DECONVOLVED
from unsmear.local_page import advice
from unsmear.local_page.work import Finding


@pytest.mark.parametrize(
    ("estimate", "words", "verdict"),
    [
        (Estimate(0.0, confidence=0.95), "an image that did not move", "still"),
        (Estimate(0.0, confidence=0.42), "does not tell whether it moved", "unsure"),
        (Estimate(8.0, 30.0, 0.5), "wrong movement would make the image worse", "unsure"),
        (Estimate(8.0, 30.0, 0.9, kind="shake"), "trace of a small bright object", "unsure"),
        (Estimate(0.0, confidence=0.9, kind="defocus", radius=3.0), "out of focus", "defocus"),
        (Estimate(8.0, 30.0, 0.9, processed=DECONVOLVED), "file that the camera wrote", "unsure"),
        (Estimate(0.0, confidence=0.9, processed=COMPRESSED), "before its compression", "unsure"),
        (Estimate(8.0, 30.0, 0.5, doubt="saturated"), "If you know the movement", "unsure"),
        (None, "along another streak", ""),
    ],
)
def test_what_is_left_alone_is_explained(estimate, words, verdict):
    finding = Finding("", "whatever was found", moved=False, estimate=estimate)
    assert words in advice.of(finding)
    assert advice.verdict([finding]) == verdict


def test_what_moved_needs_no_advice():
    moved = Finding("DAPI", "linear motion", moved=True, estimate=Estimate(8.0, 30.0, 0.9))
    still = Finding("GFP", "no motion found", moved=False, estimate=Estimate(0.0, confidence=0.9))
    assert advice.of(moved) == ""
    assert advice.verdict([still, moved]) == "moved"
    assert advice.sentences([moved, still]) == ("DAPI: linear motion.", "GFP: no motion found.")


def test_what_is_said_of_the_file_is_said_once():
    compressed = [Estimate(0.0, confidence=n / 10, processed=COMPRESSED) for n in range(5)]
    stack = [Finding(f"slice {n}", one.describe(), False, one) for n, one in enumerate(compressed)]
    *each, last = advice.sentences(stack)
    assert each[4] == "Slice 4: whether anything moved is not known (confidence 0.40)."
    assert last == f"Blocks{COMPRESSED.sentence.removeprefix('blocks')}."
