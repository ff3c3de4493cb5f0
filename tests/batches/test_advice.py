"""What to do about an image follows from what became of it."""

import pytest

from unsmear.batches import advice
from unsmear.batches.entry import Entry

STILL = {"restored": False, "kind": "none"}


@pytest.mark.parametrize(
    ("entry", "found", "words"),
    [
        (Entry("a", "left unchanged"), STILL, ""),
        (Entry("a", "unsure"), STILL | {"unsure": True}, "give its motion if you know it"),
        (Entry("a", "unsure"), {"unsure": True, "kind": "shake"}, "--shake restores it"),
        (Entry("a", "left unchanged"), STILL | {"kind": "defocus"}, "focus:"),
        (Entry("a", "left unchanged"), STILL | {"processed": "deconvolved"}, "camera recorded"),
        (Entry("a", "unsure"), STILL | {"processed": "compressed"}, "before its compression"),
        (Entry("a", "restored", tiles_replaced=0.02), {"restored": True}, ""),
        (Entry("a", "restored", tiles_replaced=0.4), {"restored": True}, "many tiles"),
        (Entry("a", "failed"), {}, ""),
    ],
)
def test_advice(entry, found, words):
    assert words in advice.of(entry, found)
    assert bool(words) == bool(advice.of(entry, found))
