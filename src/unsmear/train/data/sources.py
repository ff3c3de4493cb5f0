"""Sources of training samples: prepared pairs, sharp images, synthetic cells."""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from unsmear import images
from unsmear.data import hpa, manifest, resampling, source
from unsmear.data.item import Item
from unsmear.data.labels import CHANNELS
from unsmear.data.manifest import Pair
from unsmear.data.splits import held_out
from unsmear.errors import DataError, UnsmearError
from unsmear.images import Image
from unsmear.synthetic import draw_field, draw_labels
from unsmear.train.data.rng import Stream, generator

Counts = NDArray[Any]

CACHE_BYTES = 512 * 2**20
"""Memory for decoded images that each process may use, bytes."""
SIDE, MARGIN = 512, 64
"""Smallest side of a synthetic field, and its smallest margin around a sample, pixels."""
PIXEL_SIZE = (0.08, 0.32)
"""Range of the pixel size of synthetic cells, micrometres."""
POOL, LASTING = 64, 256
"""Number of synthetic fields in use at a time, and of samples until a new field replaces one."""
PER_FIELD = 4
"""Number of validation samples from each synthetic field."""


class Cache:
    """The arrays read last, up to `most` bytes; a new process starts with an empty cache."""

    def __init__(self, most: int = CACHE_BYTES) -> None:
        self._most, self._size = most, 0
        self._held: OrderedDict[Hashable, tuple[Counts, ...]] = OrderedDict()

    def get(self, key: Hashable, read: Callable[[], tuple[Counts, ...]]) -> tuple[Counts, ...]:
        """Return the cached arrays of this key; call `read` where there are none."""
        if key not in self._held:
            self._held[key] = read()
            self._size += _bytes(self._held[key])
        self._held.move_to_end(key)
        while self._size > self._most and len(self._held) > 1:
            self._size -= _bytes(self._held.popitem(last=False)[1])
        return self._held[key]

    def __reduce__(self) -> tuple[type[Cache], tuple[int]]:
        return Cache, (self._most,)


def _bytes(arrays: tuple[Counts, ...]) -> int:
    return sum(array.nbytes for array in arrays)


class Scenes(Protocol):
    """Sharp images of any size."""

    def scene(self, number: int, random: np.random.Generator) -> tuple[str, Counts]:
        """Return the name and the counts, (batch, channel, y, x), of sample `number`'s image."""
        ...

    def describe(self) -> dict[str, Any]:
        """Return where the images come from, as plain values, with a "hash"."""
        ...


@dataclass(frozen=True)
class Images:
    """Sharp image files, taken in turn."""

    items: tuple[Item, ...]
    division: str
    _cache: Cache = field(default_factory=Cache, repr=False)

    @classmethod
    def find(
        cls, inputs: Sequence[str], axes: str | None, channels: str, validating: bool
    ) -> Images:
        """Return the training or validation images of `inputs`; raises as `source.find` does."""
        items = source.find(inputs, axes, channels)
        groups = [item.group or item.id for item in items]
        numbers, division = _one_side(groups, validating)
        return cls(tuple(items[number] for number in numbers), division)

    def scene(self, number: int, random: np.random.Generator) -> tuple[str, Counts]:
        """Return an image's counts; raises ImageError or AxesError, which name the file."""
        item = self.items[number % len(self.items)]
        (counts,) = self._cache.get(item.id, lambda: (_counts(item.read()),))
        return item.id, counts

    def describe(self) -> dict[str, Any]:
        """Return the number of images, and the sha256 of the list of their files."""
        listed = [[item.id, item.group, [file.name for file in item.files]] for item in self.items]
        return {
            "kind": "sharp",
            "hash": _sha256(listed),
            "images": len(self.items),
            "division": self.division,
        }


@dataclass(frozen=True)
class Cells:
    """Synthetic fields of cells, drawn on demand.

    channels: names of the channels. side: of a field, pixels. pool: number of fields in use at a
    time. lasting: number of samples until a new field replaces one of them.
    """

    channels: tuple[str, ...]
    side: int
    seed: int
    stream: Stream
    pool: int = POOL
    lasting: int = LASTING
    _cache: Cache = field(default_factory=Cache, repr=False)

    @classmethod
    def of(cls, channels: str, size: int, seed: int, validating: bool) -> Cells:
        """Return fields for samples of `size` pixels; raises OptionError for unknown channels."""
        names = hpa.parse_channels(channels) or CHANNELS
        side = max(SIDE, size + 2 * MARGIN)
        stream = Stream.VALIDATION_FIELDS if validating else Stream.TRAINING_FIELDS
        pool, lasting = (1, PER_FIELD) if validating else (POOL, LASTING)
        return cls(tuple(names), side, seed, stream, pool, lasting)

    def scene(self, number: int, random: np.random.Generator) -> tuple[str, Counts]:
        """Return the counts of one field of the pool."""
        chosen = number // self.lasting + int(random.integers(self.pool))
        return f"field {chosen}", self._cache.get(chosen, lambda: (self._draw(chosen),))[0]

    def _draw(self, number: int) -> Counts:
        random = generator(self.seed, self.stream, number)
        labels = draw_labels(random, 1)[0]
        pixel_size = float(np.exp(random.uniform(*np.log(PIXEL_SIZE))))
        drawn = draw_field(random, (self.side, self.side), labels, pixel_size)
        return drawn.planes[None, [CHANNELS.index(name) for name in self.channels]]

    def describe(self) -> dict[str, Any]:
        """Return the parameters of the fields, and their sha256."""
        parameters = {
            "seed": [self.seed, self.stream.name.lower()],
            "side": self.side,
            "pixel_size": list(PIXEL_SIZE),
            "channels": list(self.channels),
            "fields at a time": self.pool,
            "samples for a new field": self.lasting,
        }
        return {"kind": "cells", "hash": _sha256(parameters), **parameters}


@dataclass(frozen=True)
class PairFiles:
    """Prepared pairs of one side of a split, taken in turn."""

    folder: Path
    rows: tuple[Pair, ...]
    division: str
    _cache: Cache = field(default_factory=Cache, repr=False)

    @classmethod
    def find(cls, folder: Path, size: int, validating: bool, most: int) -> PairFiles:
        """Return the training pairs of a folder's manifest, or at most `most` validation pairs.

        Raises DataError for a manifest that is damaged or has no such pairs, and for a pair that
        lacks a file or that the manifest says is smaller than `size`.
        """
        rows = manifest.read(folder)
        training = [row for row in rows if row.split == "train"] or [
            row for row in rows if not row.split
        ]
        if not training:
            raise DataError(
                f"{folder / manifest.FILE}: a manifest must have pairs of the split train, got "
                f"{len(rows)} pairs, none of them in train."
            )
        validation = [row for row in rows if row.split == "val"]
        division = "the manifest's split " + ("val" if validating else "train")
        chosen = validation if validating else training
        if not validation:
            groups = [row.group or row.source for row in training]
            numbers, division = _one_side(groups, validating)
            chosen = [training[number] for number in numbers]
        if validating and len(chosen) > most:
            chosen = [chosen[number * len(chosen) // most] for number in range(most)]
        for row in chosen:
            _check_pair(folder, row, size)
        return cls(folder, tuple(chosen), division)

    def __len__(self) -> int:
        return len(self.rows)

    def read(self, index: int) -> tuple[str, Counts, Counts]:
        """Return a pair's name and its blurred and sharp counts, (batch, channel, y, x).

        Raises ImageError for a damaged file, DataError for files of different shape or dtype.
        """
        row = self.rows[index]
        blurred, sharp = self._cache.get(row.name, lambda: _read_pair(self.folder, row))
        return row.name, blurred, sharp

    def describe(self) -> dict[str, Any]:
        """Return the number of pairs, their families of blurs, and the manifest's sha256."""
        written = (self.folder / manifest.FILE).read_bytes()
        return {
            "kind": "pairs",
            "hash": hashlib.sha256(written).hexdigest(),
            "pairs": len(self.rows),
            "division": self.division,
            "blurs": sorted(self.families()),
        }

    def families(self) -> set[str]:
        """Return the families of blurs, "unknown" where the manifest does not state them."""
        return {str((row.blur or {}).get("family", "unknown")) for row in self.rows}


def _one_side(groups: Sequence[str], validating: bool) -> tuple[list[int], str]:
    """Return the numbers of the training or validation items, and the rule in words."""
    out = held_out(groups)
    if not out:
        return list(range(len(groups))), "one group alone: other crops of it are validated on"
    numbers = [number for number, group in enumerate(groups) if (group in out) == validating]
    words = "every tenth group, at least one" if validating else "all but every tenth group"
    return numbers, f"{words} ({len(out)} of {len(set(groups))} groups are held out)"


def _check_pair(folder: Path, row: Pair, size: int) -> None:
    for file in row.files(folder):
        if not file.is_file():
            raise DataError(f"{file}: a pair of the manifest must have both files, got none here.")
        if not file.stat().st_size:
            raise DataError(f"{file}: a pair must have two images, got an empty file.")
    if row.width and row.height:
        check_size(row.name, (row.height, row.width), size)


def check_size(name: str, shape: tuple[int, ...], size: int) -> None:
    """Raise DataError for an image that is smaller than a sample."""
    if min(shape[-2:]) < size:
        raise DataError(
            f"{name}: an image must be at least {size}x{size} pixels to cut samples of that size, "
            f"got {shape[-1]}x{shape[-2]}; give a smaller size."
        )


def _read_pair(folder: Path, row: Pair) -> tuple[Counts, Counts]:
    files = row.files(folder)
    sharp, blurred = (_counts(_read(file)) for file in files)
    if sharp.shape != blurred.shape or sharp.dtype != blurred.dtype:
        raise DataError(
            f"{row.name}: the files of a pair must be alike, got {_alike(sharp)} for sharp/ and "
            f"{_alike(blurred)} for blur/."
        )
    return blurred, sharp


def _alike(counts: Counts) -> str:
    return f"{'x'.join(map(str, counts.shape))} of {counts.dtype}"


def _read(file: Path) -> Image:
    try:
        return images.read(file)
    except UnsmearError as error:  # both files of a pair have the same name: add the folder's
        raise type(error)(f"{file.parent.name}/{error}") from error


def _counts(image: Image) -> Counts:
    """Return (batch, channel, y, x) in a dtype of `resampling.PLAIN`."""
    return resampling.plain(image.planes())


def _sha256(value: Any) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()
