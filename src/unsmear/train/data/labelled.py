"""Labelled images to learn from: prepared pairs' sharp side, a Kaggle folder, or drawn cells.

An example depends on (seed, epoch, index) alone, as a restorer's samples do.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsmear import images
from unsmear.classify.preprocessing import prepare_image
from unsmear.data import hpa, manifest, source, splits
from unsmear.data.labels import CHANNELS, LABELS
from unsmear.errors import DataError
from unsmear.images import Image
from unsmear.synthetic import draw_field, draw_labels
from unsmear.train.config.classifier import Examples
from unsmear.train.data.dataset import Labelled
from unsmear.train.data.rng import Stream, generator
from unsmear.train.data.sources import Kept

Colours = tuple[str, ...]
REPEAT = re.compile(r"_k\d+(?=(_y\d+_x\d+)?\.\w+$)")
"""What `unsmear prepare --repeats` adds to the names of one image's pairs."""
KEPT = 2**31
"""Bytes of reduced images that each process keeps."""


@dataclass(frozen=True, eq=False)
class Example:
    """An image (channel, y, x) float32 in units, 0 black to 1 white, and its labels (label,)."""

    image: NDArray[np.float32]
    labels: NDArray[np.float32]


@dataclass(frozen=True)
class Entry:
    """A labelled image that is read when it is wanted. id: unique; group: never divided."""

    id: str
    group: str
    labels: tuple[int, ...]
    read: Callable[[], Image]


@dataclass(frozen=True)
class Labels:
    """One side of the examples.

    entries: of this side. asked: the options. colours: the channels, in order.
    division: how the sides were parted, in words.
    """

    entries: tuple[Entry, ...]
    asked: Examples
    colours: Colours
    seed: int
    stream: Stream
    division: str
    conserves_flux = True
    together = Labelled
    _kept: Kept = field(default_factory=partial(Kept, KEPT), repr=False)

    def __len__(self) -> int:
        return len(self.entries)

    def draw(self, epoch: int, index: int) -> Example:
        """Return an image, or a random crop of it while training, and which labels it has.

        Raises an UnsmearError that names the file, for one that cannot be used.
        """
        entry = self.entries[index]
        (levels,) = self._kept.get(entry.id, lambda: (self._read(entry),))
        random = generator(self.seed, self.stream, epoch, index)
        if self.stream == Stream.TRAINING and self.asked.crop is not None:
            side = self.asked.crop
            top, left = (int(random.integers(length - side + 1)) for length in levels.shape[1:])
            levels = levels[:, top : top + side, left : left + side]
        return Example(levels * np.float32(1 / np.iinfo(levels.dtype).max), self.truth(entry))

    def truth(self, entry: Entry) -> NDArray[np.float32]:
        """Return 1 for each of the asked labels that an image has, else 0."""
        return np.isin(self.asked.labels, entry.labels).astype(np.float32)

    def counts(self) -> NDArray[np.int64]:
        """Return how many images have each label."""
        truth: NDArray[np.int64] = np.array([self.truth(one) for one in self.entries], np.int64)
        return np.asarray(truth.sum(axis=0))

    def describe(self) -> dict[str, Any]:
        """Return where the images come from, and the sha256 of their list."""
        asked = self.asked
        kind = "pairs" if asked.pairs else "images" if asked.images else "cells"
        names = [LABELS[number] for number in asked.labels]
        listed = sorted([one.id, one.group, list(one.labels)] for one in self.entries)
        found: dict[str, Any] = {
            "kind": kind,
            "images": len(self),
            "groups": len({entry.group for entry in self.entries}),
            "division": self.division,
            "size": asked.size,
            "labels": dict(zip(names, self.counts().tolist(), strict=True)),
        }
        if asked.pairs:
            written = (asked.pairs / manifest.FILE).read_bytes()
            return {**found, "hash": hashlib.sha256(written).hexdigest()}
        decided = [listed, asked.pixel_size, self.seed] if kind == "cells" else [listed]
        return {**found, "hash": hashlib.sha256(json.dumps(decided).encode()).hexdigest()}

    def _read(self, entry: Entry) -> NDArray[np.uint8 | np.uint16]:
        """Return the reduced image in whole levels, of which more are kept than of floats: in 8
        bits where the image has 8, else in 16.
        """
        image = entry.read()
        units = prepare_image(image, self.colours, self.asked.size, self.asked.data_range)
        if min(units.shape[1:]) < self.asked.size:
            raise DataError(
                f"{entry.id}: an image must be at least {self.asked.size} pixels on a side to be "
                f"learned from, got {units.shape[2]}x{units.shape[1]}; give a smaller data.size."
            )
        kept = np.uint8 if image.pixels.dtype == np.uint8 else np.uint16
        return np.asarray(np.rint(np.clip(units, 0, 1) * np.iinfo(kept).max), kept)


def open_examples(asked: Examples, seed: int) -> tuple[Labels, Labels]:
    """Return the images to train on and those to validate on.

    Raises DataError for images and labels that do not fit each other or leave a label without an
    image to learn from, and OptionError for unknown channels.
    """
    colours = hpa.parse_channels(asked.channels)
    if asked.pairs is not None:
        sides, division = _of_pairs(asked, seed)
    elif asked.images:
        sides, division = _of_images(asked, seed)
    else:
        sides, division = _of_cells(asked, seed), "fields of different seeds"
    streams = (Stream.TRAINING, Stream.VALIDATION)
    training, validation = (
        Labels(tuple(entries), asked, colours, seed, stream, division)
        for entries, stream in zip(sides, streams, strict=True)
    )
    _check(training, validation)
    return training, validation


Sides = tuple[list[Entry], list[Entry]]


def _of_pairs(asked: Examples, seed: int) -> tuple[Sides, str]:
    assert asked.pairs is not None  # for mypy
    folder = asked.pairs
    rows: dict[tuple[str, str], manifest.Pair] = {}
    for row in manifest.read(folder):
        if row.split != "test":
            # Of several blurs of one image the sharp side is one; tiles and planes are images.
            rows.setdefault((row.source, REPEAT.sub("", row.name)), row)
    unlabelled = [row.name for row in rows.values() if not row.labels]
    _refuse(asked, unlabelled, f"{folder / manifest.FILE}: every image must have labels")
    entries = {
        split: [
            Entry(
                row.name,
                row.group or row.source,
                row.labels,
                partial(images.read, row.files(folder)[0]),
            )
            for row in rows.values()
            if row.labels and (row.split or "train") == split
        ]
        for split in ("train", "val")
    }
    if not entries["val"]:
        return _parted(entries["train"], asked, seed)
    return (entries["train"], entries["val"]), "the manifest's splits train and val"


def _of_images(asked: Examples, seed: int) -> tuple[Sides, str]:
    items = source.find(asked.images, asked.axes, asked.channels)
    unlabelled = [item.id for item in items if not item.labels]
    _refuse(asked, unlabelled, "every image must have labels in a train.csv beside it")
    there = {name for item in items for file in item.files for name in source.listed_names(file)}
    absent = sorted(source.labels_beside(items).keys() - there)
    _refuse(asked, absent, "every ID of the train.csv must have its image")
    entries = [
        Entry(item.id, item.group or item.id, item.labels, item.read)
        for item in items
        if item.labels
    ]
    return _parted(entries, asked, seed)


def _parted(entries: Sequence[Entry], asked: Examples, seed: int) -> tuple[Sides, str]:
    """Return the entries parted by group, with each label in its share."""
    shares = {"train": 1 - asked.share, "val": asked.share}
    groups, labels = [one.group for one in entries], [one.labels for one in entries]
    parts = splits.split(groups, labels, shares, seed)
    sides = tuple(
        [entry for entry, part in zip(entries, parts, strict=True) if part == name]
        for name in shares
    )
    return (sides[0], sides[1]), f"{asked.share:g} of the images validate, whole groups"


def _of_cells(asked: Examples, seed: int) -> Sides:
    counts = (asked.epoch, asked.validation)
    streams = (Stream.TRAINING_FIELDS, Stream.VALIDATION_FIELDS)
    training, validation = (
        [_drawn(asked, seed, stream, number) for number in range(count)]
        for count, stream in zip(counts, streams, strict=True)
    )
    return training, validation


def _drawn(asked: Examples, seed: int, stream: Stream, number: int) -> Entry:
    labels = draw_labels(generator(seed, stream, number), 1, asked.labels)[0]
    name = f"field {number} of {stream.name.lower()}"
    read = partial(_draw, asked.size, asked.pixel_size, asked.labels, seed, int(stream), number)
    return Entry(name, name, labels, read)


def _draw(
    side: int, pixel_size: float, among: tuple[int, ...], seed: int, stream: int, number: int
) -> Image:
    random = generator(seed, Stream(stream), number)
    labels = draw_labels(random, 1, among)[0]
    drawn = draw_field(random, (side, side), labels, pixel_size)
    return Image(drawn.planes, "CYX", CHANNELS, (pixel_size, pixel_size))


def _check(training: Labels, validation: Labels) -> None:
    """Raise DataError for a label without an image to learn it from, for an empty side, and for
    images to validate on that have none of the labels: nothing would be there to be found.
    """
    for side, word in ((training, "train"), (validation, "validate")):
        if not len(side):
            raise DataError(f"there must be labelled images to {word} on, got none.")
    empty = [
        LABELS[number]
        for number, count in zip(training.asked.labels, training.counts(), strict=True)
        if not count
    ]
    if empty:
        raise DataError(
            "every label must have an image to learn it from, got none of "
            f"{', '.join(empty)}; give data.labels without {'it' if len(empty) == 1 else 'them'}."
        )
    if not validation.counts().any():
        raise DataError(
            f"of the {len(validation)} images to validate on one at least must have a label that "
            "is learned, got none."
        )


def _refuse(asked: Examples, names: Sequence[str], wanted: str) -> None:
    """Raise DataError for what is lacking, unless it is to be left out."""
    if names and asked.lacking == "refuse":
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        raise DataError(
            f"{wanted}, got none for {', '.join(names[:3])}{more}; data.lacking leave-out goes on "
            "without them."
        )
