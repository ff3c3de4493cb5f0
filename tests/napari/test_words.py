"""What the widgets say of what was found, and of what became of an image."""

from dataclasses import replace

import numpy as np
import pytest

from unsmear.estimate import Estimate
from unsmear.estimate.exposures import Exposure
from unsmear.estimate.processed import COMPRESSED
from unsmear.images import Image
from unsmear.restoration.restored import Restored

pytest.importorskip("napari.layers", reason="needs unsmear[napari]")

from unsmear.napari import words
from unsmear.napari.arrows import Found


def found(estimate, restored=None):
    return Found(Exposure(np.array([(0, 0)]), estimate), "", {}, True, restored)


@pytest.mark.parametrize(
    ("confidence", "word"),
    [
        (1.0, "almost certain: 99 of 100"), (0.95, "almost certain: 95 of 100"),
        (0.8, "sure: 80 of 100"), (0.7, "sure: 70 of 100"), (0.69, "unsure: 69 of 100"),
        (0.4, "unsure: 40 of 100"), (0.1, "hardly more than a guess: 10 of 100"),
        (0.0, "hardly more than a guess: 0 of 100"),
    ],
)  # fmt: skip
def test_a_confidence_in_words(confidence, word):
    said = words.certainty(Estimate(9.0, 10.0, confidence))
    assert said == f"{word} such findings are right"


@pytest.mark.parametrize(
    ("estimate", "outcome"),
    [
        (Estimate(9.0, 10.0, 0.9), ""),
        (Estimate(9.0, 10.0, 0.5), "A wrong movement would make the image worse"),
        (Estimate(0.0, 0.0, 0.9), "an image that did not move is left as it is"),
        (Estimate(0.0, 0.0, 0.42), "does not tell whether it moved"),
        (Estimate(0.0, 0.0, 0.9, kind="defocus", radius=2.0), "focus and record again"),
        (Estimate(9.0, 10.0, 0.9, kind="shake"), "unsmear restore --kernel"),
    ],
)
def test_what_follows_from_an_estimate(estimate, outcome):
    follows = "left as it is" if outcome else "will be restored"
    assert words.sentences(found(estimate))[2] == follows
    (_, _), *what_to_do = words.paragraphs([found(estimate)])
    assert [outcome in sentence for _, (sentence,) in what_to_do] == [True] * bool(outcome)


def test_what_is_said_of_all_exposures_is_said_once():
    compressed = Estimate(0.0, confidence=0.4, processed=COMPRESSED)
    *each, of_the_file, what_to_do = words.paragraphs([found(compressed)] * 5)
    assert each == [("", ("whether anything moved is not known", *each[0][1][1:]))] * 5
    assert of_the_file == ("", (COMPRESSED.sentence,))
    assert "before its compression" in what_to_do[1][0]


def test_what_became_of_it():
    moved = Estimate(9.0, 10.0, 0.9)
    assert words.sentences(found(moved, True))[2] == "restored"
    assert words.sentences(found(moved, False))[2] == "left as it was"
    assert "would not be consistent with the recorded" in words.what_to_do(found(moved, False))
    assert words.what_to_do(found(moved, True)) == ""


def test_a_movement_is_told_in_micrometres_where_pixels_are_square():
    estimate = Estimate(10.0, 41.0, 0.97)
    plain = "linear motion of 10.0 px at 41 degrees"
    assert words.movement(estimate) == plain
    assert words.movement(estimate, (0.16, 0.16)) == f"{plain}; 1.6 µm"
    assert words.movement(estimate, (0.16, 0.3)) == plain
    assert words.movement(Estimate(0.0, 0.0, 0.9), (0.16, 0.16)) == "no motion found"


def test_a_sentence_on_a_result():
    image = Image(np.zeros((64, 64), np.uint16), "YX")
    left = Restored(image, False, "no motion found (confidence 0.90)")
    assert words.done("cells", left) == "cells: left as it was (no motion found (confidence 0.90))."
    verdicts = np.array([[[[0, 2], [1, 0]]]], np.uint8)
    result = Restored(image, True, "linear motion", verdicts=verdicts, clipped=1200, outliers=2)
    assert words.done("cells", result) == (
        "cells: linear motion; restored, 50.0% of the tiles refused, 2 hot or dead pixels "
        "replaced, 1,200 pixels clipped at the end of the range."
    )
    none = replace(result, verdicts=np.zeros((1, 1, 2, 2), np.uint8), clipped=0, outliers=0)
    assert words.done("cells", none) == "cells: linear motion; restored."
