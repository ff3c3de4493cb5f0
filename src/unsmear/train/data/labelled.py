"""Labelled training images: sharp images of prepared pairs, a Kaggle folder, or synthetic cells.

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
from unsmear.data import hpa, lists, manifest, source, splits
from unsmear.data.labels import CHANNELS, LABELS
from unsmear.errors import DataError
from unsmear.images import Image
from unsmear.synthetic import draw_field, draw_labels
from unsmear.train.config.classifier import Examples
from unsmear.train.data.dataset import Labelled
from unsmear.train.data.rng import Stream, generator
from unsmear.train.data.sources import Cache

Colours = tuple[str, ...]
REPEAT = re.compile(r"_k\d+(?=(_y\d+_x\d+)?\.\w+$)")
"""Suffix that `unsmear prepare --repeats` adds to the names of an image's pairs."""
CACHE_BYTES = 2**31
"""Memory for resized images that each process may use, bytes."""


@dataclass(frozen=True, eq=False)
class Example:
    """An image (channel, y, x) float32, 0 black to 1 full scale, and its labels (label,)."""

    image: NDArray[np.float32]
    labels: NDArray[np.float32]


@dataclass(frozen=True)
class Entry:
    """A labelled image that is read on demand. id: unique; group: never split between two sides."""

    id: str
    group: str
    labels: tuple[int, ...]
    read: Callable[[], Image]


@dataclass(frozen=True)
class Labels:
    """The examples of one side, training or validation.

    entries: of this side. settings: the options. colours: the channels, in order.
    division: how the two sides were split, in words.
    """

    entries: tuple[Entry, ...]
    settings: Examples
    colours: Colours
    seed: int
    stream: Stream
    division: str
    conserves_flux = True
    make_batch = Labelled
    _cache: Cache = field(default_factory=partial(Cache, CACHE_BYTES), repr=False)

    def __len__(self) -> int:
        return len(self.entries)

    def draw(self, epoch: int, index: int) -> Example:
        """Return an image, or a random crop of it while training, and its labels.

        Raises an UnsmearError that names the file, for a file that cannot be used.
        """
        entry = self.entries[index]
        (levels,) = self._cache.get(entry.id, lambda: (self._read(entry),))
        random = generator(self.seed, self.stream, epoch, index)
        if self.stream == Stream.TRAINING and self.settings.crop is not None:
            side = self.settings.crop
            top, left = (int(random.integers(length - side + 1)) for length in levels.shape[1:])
            levels = levels[:, top : top + side, left : left + side]
        return Example(levels * np.float32(1 / np.iinfo(levels.dtype).max), self.truth(entry))

    def truth(self, entry: Entry) -> NDArray[np.float32]:
        """Return 1 for each learned label that an image has, else 0."""
        return np.isin(self.settings.labels, entry.labels).astype(np.float32)

    def counts(self) -> NDArray[np.int64]:
        """Return how many images have each label."""
        truth: NDArray[np.int64] = np.array([self.truth(entry) for entry in self.entries], np.int64)
        return np.asarray(truth.sum(axis=0))

    def describe(self) -> dict[str, Any]:
        """Return where the images come from, and the sha256 of their list."""
        settings = self.settings
        kind = "pairs" if settings.pairs else "images" if settings.images else "cells"
        names = [LABELS[number] for number in settings.labels]
        listed = sorted([entry.id, entry.group, list(entry.labels)] for entry in self.entries)
        description: dict[str, Any] = {
            "kind": kind,
            "images": len(self),
            "groups": len({entry.group for entry in self.entries}),
            "division": self.division,
            "size": settings.size,
            "labels": dict(zip(names, self.counts().tolist(), strict=True)),
        }
        if settings.pairs:
            written = (settings.pairs / manifest.FILE).read_bytes()
            return {**description, "hash": hashlib.sha256(written).hexdigest()}
        decisive = [listed, settings.pixel_size, self.seed] if kind == "cells" else [listed]
        return {**description, "hash": hashlib.sha256(json.dumps(decisive).encode()).hexdigest()}

    def _read(self, entry: Entry) -> NDArray[np.uint8 | np.uint16]:
        """Return the resized image as integers, which need less memory than floats: 8 bits where
        the image has 8, else 16.
        """
        image = entry.read()
        units = prepare_image(image, self.colours, self.settings.size, self.settings.data_range)
        if min(units.shape[1:]) < self.settings.size:
            raise DataError(
                f"{entry.id}: an image must be at least {self.settings.size} pixels on a side, got "
                f"{units.shape[2]}x{units.shape[1]}; give a smaller data.size."
            )
        dtype = np.uint8 if image.pixels.dtype == np.uint8 else np.uint16
        return np.asarray(np.rint(np.clip(units, 0, 1) * np.iinfo(dtype).max), dtype)


def open_examples(settings: Examples, seed: int) -> tuple[Labels, Labels]:
    """Return the images to train on and those to validate on.

    Raises DataError for images and labels that do not match, and for a label without a training
    image; OptionError for unknown channels.
    """
    colours = hpa.parse_channels(settings.channels)
    if settings.pairs is not None:
        sides, division = _of_pairs(settings, seed)
    elif settings.images:
        sides, division = _of_images(settings, seed)
    else:
        sides, division = _of_cells(settings, seed), "fields of different seeds"
    streams = (Stream.TRAINING, Stream.VALIDATION)
    training, validation = (
        Labels(tuple(entries), settings, colours, seed, stream, division)
        for entries, stream in zip(sides, streams, strict=True)
    )
    _check(training, validation)
    return training, validation


Sides = tuple[list[Entry], list[Entry]]


def _of_pairs(settings: Examples, seed: int) -> tuple[Sides, str]:
    assert settings.pairs is not None  # for mypy
    folder = settings.pairs
    rows: dict[tuple[str, str], manifest.Pair] = {}
    for row in manifest.read(folder):
        if row.split != "test":
            # Repeats share one sharp image; tiles and planes are images of their own.
            rows.setdefault((row.source, REPEAT.sub("", row.name)), row)
    unlabelled = [row.name for row in rows.values() if not row.labels]
    _refuse(settings, unlabelled, f"{folder / manifest.FILE}: every image must have labels")
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
        return _split(entries["train"], settings, seed)
    return (entries["train"], entries["val"]), "the manifest's splits train and val"


def _of_images(settings: Examples, seed: int) -> tuple[Sides, str]:
    items = source.find(settings.images, settings.axes, settings.channels)
    unlabelled = [item.id for item in items if not item.labels]
    _refuse(settings, unlabelled, "every image must have labels in a train.csv beside it")
    present = {name for item in items for file in item.files for name in lists.listed_names(file)}
    absent = sorted(lists.labels_beside(items).keys() - present)
    _refuse(settings, absent, "every ID of the train.csv must have its image")
    entries = [
        Entry(item.id, item.group or item.id, item.labels, item.read)
        for item in items
        if item.labels
    ]
    return _split(entries, settings, seed)


def _split(entries: Sequence[Entry], settings: Examples, seed: int) -> tuple[Sides, str]:
    """Return the entries split by group, so that every label has about its share on each side."""
    shares = {"train": 1 - settings.share, "val": settings.share}
    groups, labels = [entry.group for entry in entries], [entry.labels for entry in entries]
    parts = splits.split(groups, labels, shares, seed)
    sides = tuple(
        [entry for entry, part in zip(entries, parts, strict=True) if part == name]
        for name in shares
    )
    return (sides[0], sides[1]), f"{settings.share:g} of the images validate, whole groups"


def _of_cells(settings: Examples, seed: int) -> Sides:
    counts = (settings.epoch, settings.validation)
    streams = (Stream.TRAINING_FIELDS, Stream.VALIDATION_FIELDS)
    training, validation = (
        [_field(settings, seed, stream, number) for number in range(count)]
        for count, stream in zip(counts, streams, strict=True)
    )
    return training, validation


def _field(settings: Examples, seed: int, stream: Stream, number: int) -> Entry:
    labels = draw_labels(generator(seed, stream, number), 1, settings.labels)[0]
    name = f"field {number} of {stream.name.lower()}"
    read = partial(
        _draw, settings.size, settings.pixel_size, settings.labels, seed, int(stream), number
    )
    return Entry(name, name, labels, read)


def _draw(
    side: int, pixel_size: float, among: tuple[int, ...], seed: int, stream: int, number: int
) -> Image:
    random = generator(seed, Stream(stream), number)
    labels = draw_labels(random, 1, among)[0]
    drawn = draw_field(random, (side, side), labels, pixel_size)
    return Image(drawn.planes, "CYX", CHANNELS, (pixel_size, pixel_size))


def _check(training: Labels, validation: Labels) -> None:
    """Raise DataError for a label without a training image, for an empty side, and for validation
    images without any label, on which no score could be computed.
    """
    for side, word in ((training, "train"), (validation, "validate")):
        if not len(side):
            raise DataError(f"there must be labelled images to {word} on, got none.")
    empty = [
        LABELS[number]
        for number, count in zip(training.settings.labels, training.counts(), strict=True)
        if not count
    ]
    if empty:
        raise DataError(
            "every label must have a training image, got none of "
            f"{', '.join(empty)}; give data.labels without {'it' if len(empty) == 1 else 'them'}."
        )
    if not validation.counts().any():
        raise DataError(
            f"at least one of the {len(validation)} validation images must have a label that is "
            "learned, got none."
        )


def _refuse(settings: Examples, names: Sequence[str], requirement: str) -> None:
    """Raise DataError for missing labels or images, unless the options leave them out."""
    if names and settings.lacking == "refuse":
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        raise DataError(
            f"{requirement}, got none for {', '.join(names[:3])}{more}; to train without them give "
            "data.lacking leave-out."
        )
