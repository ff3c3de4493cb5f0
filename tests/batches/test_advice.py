"""What to do about an image follows from what became of it."""

import pytest

from unsmear.batches import advice
from unsmear.batches.entry import Entry

STILL = {"restored": False, "kind": "none"}


@pytest.mark.parametrize(
    ("entry", "found", "words"),
    [
        (Entry("a", "left unchanged"), STILL, ""),
        (Entry("a", "unsure"), STILL | {"unsure": True}, "does not tell whether it moved"),
        (Entry("a", "unsure"), {"unsure": True, "kind": "shake"}, "restore --kernel"),
        (Entry("a", "left unchanged"), STILL | {"kind": "defocus"}, "focus and record again"),
        (Entry("a", "left unchanged"), STILL | {"processed": "deconvolved"}, "camera wrote"),
        (Entry("a", "unsure"), STILL | {"processed": "compressed"}, "before its compression"),
        (Entry("a", "restored", tiles_replaced=0.02), {"restored": True}, ""),
        (Entry("a", "restored", tiles_replaced=0.4), {"restored": True}, "tiles were replaced"),
        (Entry("a", "left unchanged"), {"restored": False}, ""),
        (Entry("a", "left unchanged"), STILL | {"kind": "straight"}, "not be consistent"),
        (Entry("a", "estimated"), {"kind": "straight", "unsure": False}, ""),
        (Entry("a", "failed"), {}, ""),
    ],
)
def test_advice(entry, found, words):
    assert words in advice.of(entry, found)
    assert bool(words) == bool(advice.of(entry, found))
