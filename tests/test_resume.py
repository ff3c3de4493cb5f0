"""Resuming: what differs from what a run was begun with is named, and what may change is not."""

from unsmear.resume import differing


def test_what_differs_is_named_in_the_order_in_which_it_is_asked():
    begun = {"a": 1, "b": [1, 2], "old": 3, "none": None}
    asked = {"new": True, "b": [1, 3], "a": 1}
    assert differing(begun, asked) == ["new", "b", "old"]
    assert differing(begun, asked, ("b", "new")) == ["old"]
    assert differing(asked, asked) == []
