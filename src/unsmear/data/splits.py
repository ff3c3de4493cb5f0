"""Train, validation and test splits: whole groups, stratified by label.

`split` is the rule for labelled images: for `unsmear prepare` (through `Selection`), a classifier's
validation, the folds of a cross-validation. `held_out` is the one for images without labels.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unsmear.errors import OptionError, shown

NAMES = {2: ("train", "val"), 3: ("train", "val", "test")}
"""Names of the parts of "80/20" and of "70/15/15"."""
ROUNDED = 1.0
"""What the parts of a split may be off 100 by their rounding, as 33/33/33 is."""
EVERY = 10
"""Step between the groups that `held_out` holds out, in the order of their names."""


def parse(text: str) -> dict[str, float]:
    """Return the shares in a text such as "70/15/15" or "80/20" by their names, summing to 1.

    Raises OptionError for another number of parts, or a part that is not above 0.
    """
    try:
        parts = [float(part) for part in text.split("/")]
    except ValueError:
        parts = []
    if len(parts) not in NAMES or not all(np.isfinite(part) and part > 0 for part in parts):
        raise OptionError(
            "split must be two or three parts above 0 such as 80/20 (train, val) or 70/15/15 "
            f"(train, val, test), got {shown(text)}."
        )
    if abs(sum(parts) - 100) > ROUNDED and abs(sum(parts) - 1) > ROUNDED / 100:
        raise OptionError(f"split must be parts of 100 together, got {text}: {sum(parts):g}.")
    return {name: part / sum(parts) for name, part in zip(NAMES[len(parts)], parts, strict=True)}


def held_out(groups: Iterable[str]) -> set[str]:
    """Return every tenth of the groups in the order of their names, at least one; of one, none.

    The rule for the training of restorers, on images without labels and without a given split.
    There is nothing to stratify, and adding images moves few of them. It is kept beside `split`,
    so that runs begun with it keep their samples.
    """
    names = sorted(set(groups))
    return set(names[EVERY - 1 :: EVERY] or names[1:][-1:])


@dataclass(frozen=True)
class Selection:
    """Selection of images and their split.

    shares: "70/15/15" (train, val, test) or "80/20" (train, val).
    test: number of images of a separate test set beside those two; 0 is none.
    limit: number of images in all, the test set included; None is all images.
    """

    shares: str = "70/15/15"
    test: int = 0
    limit: int | None = None

    def __post_init__(self) -> None:
        parts = parse(self.shares)
        if self.test < 0:
            raise OptionError(f"test must be 0 or more images, got {self.test}.")
        if self.test and "test" in parts:
            raise OptionError(
                "a separate test set must go with a split of two parts such as 80/20, "
                f"got {self.shares}, which has a test set."
            )
        if self.limit is not None and self.limit <= self.test:
            raise OptionError(
                f"limit must be above 0 and above the {self.test} images of the test set, "
                f"got {self.limit}."
            )

    def assign(
        self,
        ids: Sequence[str],
        groups: Sequence[str],
        labels: Sequence[Iterable[Hashable]],
        seed: int = 0,
    ) -> list[str]:
        """Return the split of each image, "" for those beyond the limit, stratified by label.

        ids: unique. groups: "" is a group of its own.

        Raises OptionError for a test set that is not smaller than the number of images.
        """
        count = len(ids) if self.limit is None else min(self.limit, len(ids))
        if self.test >= max(count, 1):
            raise OptionError(f"test must be below the {count} images, got {self.test}.")
        limited = split(ids, labels, {"kept": count, "": len(ids) - count}, seed)
        shares = {name: share * (count - self.test) for name, share in parse(self.shares).items()}
        if self.test:
            shares["test"] = self.test
        selected = [number for number, part in enumerate(limited) if part]
        named = [groups[number] or f"image {ids[number]}" for number in selected]
        parts = split(named, [labels[number] for number in selected], shares, seed)
        part_of = dict(zip(selected, parts, strict=True))
        return [part_of.get(number, "") for number in range(len(ids))]


def split(
    groups: Sequence[str],
    labels: Sequence[Iterable[Hashable]],
    shares: Mapping[str, float],
    seed: int = 0,
) -> list[str]:
    """Return a part's name for each item.

    groups: each item's group; a group is never divided.
    labels: each item's labels, none, one or many; every part gets its share of each of them.
    shares: parts by name, as shares or as counts; only their ratio matters.

    The same items give the same parts in any order. Where each group is one item the parts' sizes
    are exact; else they miss by less than the largest group. Iterative stratification (Sechidis,
    Tsoumakas and Vlahavas, ECML PKDD 2011, algorithm 1), with groups for examples: the rarest
    label left is shared out first, each group to the part that lacks this label most.
    """
    if not shares or not all(np.isfinite(share) and share >= 0 for share in shares.values()):
        raise OptionError(f"shares must be 0 or more, got {dict(shares)}.")
    if not groups or not sum(shares.values()):
        return [""] * len(groups)
    names, index = np.unique(np.asarray(groups, dtype=str), return_inverse=True)
    weights = np.array(list(shares.values())) / sum(shares.values())
    counts = _label_counts(index, labels, len(names))
    sizes = np.bincount(index, minlength=len(names))
    parts = _stratify(counts, sizes, weights, np.random.default_rng(seed))
    keys = list(shares)
    return [keys[part] for part in parts[index]]


def _label_counts(
    index: NDArray[np.intp], labels: Sequence[Iterable[Hashable]], count: int
) -> NDArray[np.int64]:
    """Return (group, label) counts; items without labels count as one further label."""
    held = [tuple(item_labels) or (None,) for item_labels in labels]
    distinct = sorted({label for item_labels in held for label in item_labels}, key=repr)
    column = {label: number for number, label in enumerate(distinct)}
    counts = np.zeros((count, len(distinct)), np.int64)
    for group, labels_of_group in zip(index, held, strict=True):
        for label in labels_of_group:
            counts[group, column[label]] += 1
    return counts


def _stratify(
    counts: NDArray[np.int64],
    sizes: NDArray[np.int64],
    weights: NDArray[np.float64],
    generator: np.random.Generator,
) -> NDArray[np.intp]:
    """Return the part of each group.

    counts: (group, label). sizes: (group,), in items. weights: (part,), summing to 1.
    """
    room = _whole(weights * sizes.sum(), int(sizes.sum()))
    lack = weights[:, None] * counts.sum(axis=0)  # (part, label)
    left = counts.sum(axis=0)
    parts = np.full(len(sizes), -1)
    # Large groups first: the small ones then even out what they did.
    order = generator.permutation(len(sizes))
    order = order[np.argsort(-sizes[order], kind="stable")]
    while left.any():
        label = int(np.argmin(np.where(left > 0, left, left.max() + 1)))
        for group in order[(counts[order, label] > 0) & (parts[order] < 0)]:
            part = _neediest(lack[:, label], room, int(sizes[group]), generator)
            parts[group] = part
            room[part] -= sizes[group]
            lack[part] -= counts[group]
            left -= counts[group]
    return parts


def _neediest(
    lack: NDArray[np.float64],
    room: NDArray[np.int64],
    size: int,
    generator: np.random.Generator,
) -> int:
    """Return the part with room that lacks the label most; ties go to the emptiest part."""
    fits = room >= size
    if not fits.any():
        fits = room == room.max()
    keys = [
        (fit, round(float(want), 9), int(free), generator.random())
        for fit, want, free in zip(fits, lack, room, strict=True)
    ]
    return max(range(len(keys)), key=keys.__getitem__)


def _whole(shares: NDArray[np.float64], total: int) -> NDArray[np.int64]:
    """Return the shares as whole numbers of the same total, by largest remainder."""
    integers = np.floor(shares + 1e-9).astype(np.int64)
    rest = np.argsort(-(shares - integers).round(9), kind="stable")[: total - int(integers.sum())]
    integers[rest] += 1
    return integers
