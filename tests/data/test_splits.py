import time
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unsmear.data.splits import Selection, parse, split
from unsmear.errors import OptionError

THREE = {"train": 0.7, "val": 0.15, "test": 0.15}
# PROTOCOL: the competition's own counts, by label number.
HPA = (
    *(8797, 1095, 2451, 1262, 1425, 1792, 775, 1846, 964, 1011),
    *(818, 78, 1734, 3216, 2013, 252, 5685, 621, 34),
)


def hpa_labels(seed=0):
    """Return the labels of 21,806 images with the competition's counts of each."""
    generator = np.random.default_rng(seed)
    labels = [set() for _ in range(21806)]
    for label, count in enumerate(HPA):
        for image in generator.choice(21806, count, replace=False):
            labels[image].add(label)
    return [tuple(sorted(some)) for some in labels]


@pytest.mark.parametrize(
    ("text", "shares"),
    [
        ("70/15/15", {"train": 0.7, "val": 0.15, "test": 0.15}),
        ("80/20", {"train": 0.8, "val": 0.2}),
        ("0.8/0.2", {"train": 0.8, "val": 0.2}),
        ("67/33", {"train": 0.67, "val": 0.33}),
    ],
)
def test_parse_names_the_parts(text, shares):
    assert parse(text) == pytest.approx(shares)


@pytest.mark.parametrize(
    "text", ["100", "70/15/10/5", "80/-20", "a/b", "", "80/0", "nan/1", "80/30", "4/1"]
)
def test_parse_refuses(text):
    with pytest.raises(OptionError, match="split must be"):
        parse(text)


@pytest.mark.slow
def test_every_label_of_the_competition_has_its_share_in_every_part():
    labels = hpa_labels()
    start = time.perf_counter()
    parts = split([str(n) for n in range(len(labels))], labels, THREE, seed=1)
    assert time.perf_counter() - start < 5
    assert Counter(parts) == {"train": 15264, "val": 3271, "test": 3271}
    counted = Counter(
        (label, part) for some, part in zip(labels, parts, strict=True) for label in some
    )
    for label, count in enumerate(HPA):
        for part, share in THREE.items():
            assert abs(counted[label, part] - share * count) <= max(1.5, 0.01 * count), label


@given(st.data())
@pytest.mark.slow
def test_groups_never_straddle_and_sizes_miss_by_less_than_a_group(data):
    sizes = data.draw(st.lists(st.integers(1, 6), min_size=1, max_size=30))
    groups = [f"g{number}" for number, size in enumerate(sizes) for _ in range(size)]
    labels = data.draw(
        st.lists(
            st.lists(st.integers(0, 4), max_size=3, unique=True),
            min_size=len(groups),
            max_size=len(groups),
        )
    )
    parts = split(groups, labels, THREE, seed=data.draw(st.integers(0, 5)))
    assert len({(group, part) for group, part in zip(groups, parts, strict=True)}) == len(sizes)
    for part, share in THREE.items():
        assert abs(parts.count(part) - share * len(groups)) < max(sizes) + 1


@settings(deadline=None)
@given(st.permutations(range(40)), st.integers(0, 3))
@pytest.mark.slow
def test_order_of_the_items_changes_nothing(order, seed):
    groups = [f"g{number // 2}" for number in range(40)]
    labels = [(number % 5, number % 3 + 5) for number in range(40)]
    expected = split(groups, labels, THREE, seed)
    shuffled = split([groups[i] for i in order], [labels[i] for i in order], THREE, seed)
    assert shuffled == [expected[i] for i in order]


def test_seeds_differ():
    groups = [str(number) for number in range(100)]
    labels = [(number % 4,) for number in range(100)]
    assert split(groups, labels, THREE, 0) != split(groups, labels, THREE, 1)


def test_rare_labels_of_groups_are_spread():
    # 90 groups of ten; ten groups hold the rare label.
    groups = [f"g{number // 10}" for number in range(900)]
    labels = [("rare",) if number < 100 else ("common",) for number in range(900)]
    parts = split(groups, labels, {"train": 0.8, "val": 0.2}, 3)
    assert Counter(parts[:100]) == {"train": 80, "val": 20}
    assert Counter(parts) == {"train": 720, "val": 180}


def test_no_items_and_no_labels():
    assert split([], [], THREE) == []
    assert Counter(split(list("abcdefghij"), [()] * 10, {"a": 1, "b": 1})) == {"a": 5, "b": 5}


@pytest.mark.slow
def test_selection_of_the_paper():
    labels = hpa_labels(2)
    ids = [f"image{number}" for number in range(len(labels))]
    parts = Selection("80/20", test=1000, limit=6000).assign(ids, [""] * len(ids), labels)
    assert Counter(parts) == {"train": 4000, "val": 1000, "test": 1000, "": 15806}
    rare = Counter(part for some, part in zip(labels, parts, strict=True) if 18 in some)
    assert rare["train"] + rare["val"] + rare["test"] == pytest.approx(34 * 6000 / 21806, abs=1.5)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"shares": "70/15/15", "test": 10}, "has a test set"),
        ({"shares": "80/20", "test": -1}, "test must be 0 or more"),
        ({"shares": "80/20", "test": 10, "limit": 10}, "limit must be above"),
        ({"limit": 0}, "limit must be above"),
    ],
)
def test_selection_refuses(options, sentence):
    with pytest.raises(OptionError, match=sentence):
        Selection(**options)


def test_test_set_must_leave_something():
    with pytest.raises(OptionError, match="test must be below the 3 images"):
        Selection("80/20", test=3).assign(["a", "b", "c"], [""] * 3, [()] * 3)
