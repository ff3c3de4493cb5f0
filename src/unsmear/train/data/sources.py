"""What samples are cut from: the files of prepared pairs, sharp images, drawn cells."""

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
from unsmear.data.labels import CHANNELS
from unsmear.data.manifest import Pair
from unsmear.data.splits import held_out
from unsmear.errors import DataError, UnsmearError
from unsmear.images import Image
from unsmear.synthetic import draw_field, draw_labels
from unsmear.train.data.rng import Stream, generator

Counts = NDArray[Any]

KEPT = 512 * 2**20
"""Bytes of decoded images that each process keeps."""
SIDE, MARGIN = 512, 64
"""Pixels on a side of a drawn field, at least; and what it has beyond a sample, at least."""
PIXEL_SIZE = (0.08, 0.32)
"""Micrometres, of drawn cells."""
POOL, LASTING = 64, 256
"""Drawn fields in use at a time, and the samples after which one of them gives way to a new one."""
PER_FIELD = 4
"""Validation samples of a drawn field."""


class Kept:
    """The arrays read last, up to `most` bytes; another process begins with none."""

    def __init__(self, most: int = KEPT) -> None:
        self._most, self._size = most, 0
        self._held: OrderedDict[Hashable, tuple[Counts, ...]] = OrderedDict()

    def get(self, key: Hashable, read: Callable[[], tuple[Counts, ...]]) -> tuple[Counts, ...]:
        """Return what `read` gave for this key, or gives now."""
        if key not in self._held:
            self._held[key] = read()
            self._size += _bytes(self._held[key])
        self._held.move_to_end(key)
        while self._size > self._most and len(self._held) > 1:
            self._size -= _bytes(self._held.popitem(last=False)[1])
        return self._held[key]

    def __reduce__(self) -> tuple[type[Kept], tuple[int]]:
        return Kept, (self._most,)


def _bytes(arrays: tuple[Counts, ...]) -> int:
    return sum(array.nbytes for array in arrays)


class Scenes(Protocol):
    """Sharp images of any size."""

    def scene(self, number: int, random: np.random.Generator) -> tuple[str, Counts]:
        """Return the name and the counts, (batch, channel, y, x), of sample `number`'s image."""
        ...

    def describe(self) -> dict[str, Any]:
        """Return where they come from, as plain values, with a "hash"."""
        ...


@dataclass(frozen=True)
class Images:
    """Sharp image files, taken in turn."""

    items: tuple[source.Item, ...]
    division: str
    _kept: Kept = field(default_factory=Kept, repr=False)

    @classmethod
    def find(
        cls, inputs: Sequence[str], axes: str | None, channels: str, validating: bool
    ) -> Images:
        """Return one side of the images in `inputs`; raises as `source.find` does."""
        items = source.find(inputs, axes, channels)
        groups = [item.group or item.id for item in items]
        numbers, division = _one_side(groups, validating)
        return cls(tuple(items[number] for number in numbers), division)

    def scene(self, number: int, random: np.random.Generator) -> tuple[str, Counts]:
        """Return an image's counts; raises ImageError or AxesError, which name the file."""
        item = self.items[number % len(self.items)]
        (counts,) = self._kept.get(item.id, lambda: (_counts(item.read()),))
        return item.id, counts

    def describe(self) -> dict[str, Any]:
        """Return how many there are, and the sha256 of the list of their files."""
        listed = [[item.id, item.group, [file.name for file in item.files]] for item in self.items]
        return {
            "kind": "sharp",
            "hash": _sha256(listed),
            "images": len(self.items),
            "division": self.division,
        }


@dataclass(frozen=True)
class Cells:
    """Synthetic fields, drawn when they are wanted.

    channels: those taken, by name. side: pixels. pool: fields in use at a time. lasting: samples
    after which one of them gives way to the next.
    """

    channels: tuple[str, ...]
    side: int
    seed: int
    stream: Stream
    pool: int = POOL
    lasting: int = LASTING
    _kept: Kept = field(default_factory=Kept, repr=False)

    @classmethod
    def of(cls, channels: str, size: int, seed: int, validating: bool) -> Cells:
        """Return fields for samples of `size` pixels; raises OptionError for other channels."""
        names = hpa.parse_channels(channels) or CHANNELS
        side = max(SIDE, size + 2 * MARGIN)
        stream = Stream.VALIDATION_FIELDS if validating else Stream.TRAINING_FIELDS
        pool, lasting = (1, PER_FIELD) if validating else (POOL, LASTING)
        return cls(tuple(names), side, seed, stream, pool, lasting)

    def scene(self, number: int, random: np.random.Generator) -> tuple[str, Counts]:
        """Return the counts of one field of the pool."""
        chosen = number // self.lasting + int(random.integers(self.pool))
        return f"field {chosen}", self._kept.get(chosen, lambda: (self._draw(chosen),))[0]

    def _draw(self, number: int) -> Counts:
        random = generator(self.seed, self.stream, number)
        labels = draw_labels(random, 1)[0]
        pixel_size = float(np.exp(random.uniform(*np.log(PIXEL_SIZE))))
        drawn = draw_field(random, (self.side, self.side), labels, pixel_size)
        return drawn.planes[None, [CHANNELS.index(name) for name in self.channels]]

    def describe(self) -> dict[str, Any]:
        """Return what decides the fields, and the sha256 of that."""
        decided = {
            "seed": [self.seed, self.stream.name.lower()],
            "side": self.side,
            "pixel_size": list(PIXEL_SIZE),
            "channels": list(self.channels),
            "fields at a time": self.pool,
            "samples for a new field": self.lasting,
        }
        return {"kind": "cells", "hash": _sha256(decided), **decided}


@dataclass(frozen=True)
class PairFiles:
    """Prepared pairs of one side of a split, taken in turn."""

    folder: Path
    rows: tuple[Pair, ...]
    division: str
    _kept: Kept = field(default_factory=Kept, repr=False)

    @classmethod
    def find(cls, folder: Path, size: int, validating: bool, most: int) -> PairFiles:
        """Return the pairs of a folder's manifest to train on, or at most `most` to validate on.

        Raises DataError for a manifest that is damaged or has none, and for a pair without both
        files or, as far as the manifest says, smaller than `size`.
        """
        rows = manifest.read(folder)
        training = [row for row in rows if row.split == "train"] or [
            row for row in rows if not row.split
        ]
        if not training:
            raise DataError(
                f"{folder / manifest.FILE}: a manifest must have pairs of the split train, got "
                f"{len(rows)} pairs and none of them."
            )
        kept = [row for row in rows if row.split == "val"]
        division = "the manifest's split " + ("val" if validating else "train")
        chosen = kept if validating else training
        if not kept:
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

        Raises ImageError for a damaged file, DataError for two files that are no pair.
        """
        row = self.rows[index]
        blurred, sharp = self._kept.get(row.name, lambda: _read_pair(self.folder, row))
        return row.name, blurred, sharp

    def describe(self) -> dict[str, Any]:
        """Return how many there are, with which blurs, and the manifest's sha256."""
        written = (self.folder / manifest.FILE).read_bytes()
        return {
            "kind": "pairs",
            "hash": hashlib.sha256(written).hexdigest(),
            "pairs": len(self.rows),
            "division": self.division,
            "blurs": sorted(self.families()),
        }

    def families(self) -> set[str]:
        """Return the families of blurs, "unknown" where the manifest does not say."""
        return {str((row.blur or {}).get("family", "unknown")) for row in self.rows}


def _one_side(groups: Sequence[str], validating: bool) -> tuple[list[int], str]:
    """Return the numbers of the items that are trained or validated on, and the rule in words."""
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
    """Raise DataError for an image with a side below that of a sample."""
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
    except UnsmearError as error:  # both files of a pair have the same name
        raise type(error)(f"{file.parent.name}/{error}") from error


def _counts(image: Image) -> Counts:
    """Return (batch, channel, y, x) in a dtype that OpenCV takes, without an opaque alpha."""
    return resampling.for_opencv(resampling.without_alpha(image.planes(), image.channels))


def _sha256(value: Any) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()
