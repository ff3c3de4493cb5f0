"""Label statistics of a data set, and their tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import combinations
from pathlib import Path
from typing import Any

from unsmear import tables
from unsmear.data import hpa
from unsmear.data.item import Item
from unsmear.data.labels import LABELS
from unsmear.data.lists import labels_beside, listed_names
from unsmear.data.source import find
from unsmear.errors import DataError

Labels = Mapping[str, Sequence[int]]
"""Label numbers by image."""


@dataclass(frozen=True)
class LabelRow:
    """Number of images with a label, and their share of all labelled images.

    listed: number of entries in the list, which has a label twice for some images.
    """

    label: int
    name: str
    images: int
    share: float
    listed: int


@dataclass(frozen=True)
class CountRow:
    """Number of images with this number of labels.

    listed: the same counted in the list, which has some labels twice.
    """

    labels: int
    images: int
    listed: int


@dataclass(frozen=True)
class LabelPairRow:
    """Number of images with both labels; `expected` if the labels were independent."""

    first: str
    second: str
    images: int
    expected: float


@dataclass(frozen=True)
class Source:
    """The images of a source, and the labels that belong to it.

    labels: as listed, by item of the items that have any; of a label list alone, by ID.
    unused: labels in the lists for which there is no image.
    """

    items: list[Item]
    labels: dict[str, tuple[int, ...]]
    unused: int = 0


def read_source(source: str | Path, axes: str | None = None) -> Source:
    """Return the images and labels of a label list (`train.csv`), folder, zip file, glob or file.

    Raises DataError for a source that does not exist, holds no image or has a damaged label list.
    """
    path = Path(source)
    if path.is_file() and hpa.is_label_list(path):
        return Source([], hpa.read_labels(path))
    try:
        items = find([source], axes)
    except DataError:
        if not hpa.is_label_list(path / "train.csv"):
            raise
        return Source([], hpa.read_labels(path / "train.csv"))
    # As listed, where an item has each of its labels once.
    listed = labels_beside(items)
    names = {item.id: listed_names(item.files[0]) for item in items}
    labels = {
        id_: listed[name]
        for id_, spellings in names.items()
        for name in spellings
        if name in listed
    }
    used = {name for spellings in names.values() for name in spellings}
    return Source(items, labels, len(listed.keys() - used))


def label_counts(labels: Labels) -> list[LabelRow]:
    """Return the frequency of each of the 19 labels, in order."""
    counts = Counter(label for of_image in labels.values() for label in set(of_image))
    listed = Counter(label for of_image in labels.values() for label in of_image)
    total = max(len(labels), 1)
    return [
        LabelRow(number, name, counts[number], counts[number] / total, listed[number])
        for number, name in enumerate(LABELS)
    ]


def labels_per_image(labels: Labels) -> list[CountRow]:
    """Return how many images have one label, two, and so on."""
    counts = Counter(len(set(of_image)) for of_image in labels.values())
    listed = Counter(len(of_image) for of_image in labels.values())
    return [CountRow(number, counts[number], listed[number]) for number in sorted(counts | listed)]


def label_pairs(labels: Labels) -> list[LabelPairRow]:
    """Return the pairs of labels that occur together, the most frequent first."""
    counts = Counter(
        pair for of_image in labels.values() for pair in combinations(sorted(set(of_image)), 2)
    )
    alone = [row.images for row in label_counts(labels)]
    return [
        LabelPairRow(LABELS[a], LABELS[b], images, alone[a] * alone[b] / len(labels))
        for (a, b), images in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    ]


def write_rows(path: Path, rows: Sequence[Any]) -> None:
    """Write dataclasses of one kind as CSV, a header first; NaN becomes an empty cell."""
    columns = [field.name for field in fields(rows[0])]
    records = [{name: getattr(row, name) for name in columns} for row in rows]
    tables.write_csv(path, records, columns, tables.digits)
