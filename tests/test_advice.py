"""What to do is said in one wording, whoever says it."""

from typing import get_args

import pytest

from unsmear import advice
from unsmear.advice import NAPARI, PAGE, TERMINAL, Reason


@pytest.mark.parametrize("why", get_args(Reason))
@pytest.mark.parametrize("door", [NAPARI, PAGE, TERMINAL])
def test_each_reason_has_a_sentence_at_each_door(why, door):
    sentence = advice.sentence(why, door)
    assert sentence.endswith(".")
    assert "{" not in sentence


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        (("none", "", "", False), "still"),
        (("none", "", "", True), "unknown"),
        (("none", "compressed", "", True), "compressed"),
        (("none", "jittered", "", True), "jittered"),
        (("straight", "deconvolved", "", False), "deconvolved"),
        (("straight", "", "", True), "perhaps"),
        (("straight", "", "not the same in all parts", False), "doubtful"),
        (("straight", "", "", False), "inconsistent"),
        (("shake", "", "", True), "shake"),
        (("shake", "", "", False), "inconsistent"),
        (("defocus", "", "", True), "defocus"),
    ],
)
def test_the_reason_follows_from_the_estimate(facts, why):
    assert advice.reason(*facts) == why
