"""Training samples with a teacher's results, drawn once and kept on disk.

To draw a sample and to ask the teacher takes as long as several steps of a small network, so a run
draws some thousand, and reuses them turned and mirrored. Neither changes what was measured on the
whole plane. Intensities need no change: the networks are homogeneous.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import save as to_bytes

from recipes.weights.restorer_samples import Array, Sample, Samples
from unsmear.atomic import write_aside
from unsmear.restoration.learned.inference import Network

PART = 64
"""Samples of a file."""
TURNS = 8
"""Ways to turn and mirror a plane."""


@dataclass(frozen=True)
class Taught:
    """A sample, with the teacher's restored plane and its scale of the error, (2, y, x)."""

    sample: Sample
    taught: Array

    def turned(self, turn: int) -> Taught:
        """Return the sample turned by `turn % 4` quarters, and mirrored from 4 on."""

        def of(planes: Array) -> Array:
            planes = np.rot90(planes, turn % 4, (1, 2))
            return np.ascontiguousarray(planes[:, :, ::-1] if turn >= 4 else planes)

        own = self.sample
        return Taught(Sample(of(own.versions), own.constants, of(own.sharp)), of(self.taught))


def draw(samples: Samples, teacher: Network, folder: Path, count: int) -> Iterator[int]:
    """Write the first `count` samples (rounded up to whole files), and yield how many are there.

    Files that are there are kept. The planes are stored in half precision, which adds an error of
    at most 0.0005 of a value.
    """
    for part in range(-(-count // PART)):
        path = _file(folder, part)
        if not path.exists():
            numbers = range(part * PART, (part + 1) * PART)
            tensors = [_tensors(teach(samples[number], teacher), number) for number in numbers]
            write_aside(path, to_bytes({k: v for each in tensors for k, v in each.items()}))
        yield (part + 1) * PART


def complete(folder: Path, count: int) -> bool:
    """Return whether the first `count` samples are there."""
    return all(_file(folder, part).exists() for part in range(-(-count // PART)))


def teach(sample: Sample, teacher: Network) -> Taught:
    """Return the sample with the teacher's results."""
    return Taught(sample, np.stack(teacher(sample.versions, sample.constants)))


def read(folder: Path, number: int) -> Taught:
    """Return a sample that was drawn."""
    with safe_open(_file(folder, number // PART), "numpy") as file:
        planes = file.get_tensor(f"{number}.planes").astype(np.float32)
        constants = file.get_tensor(f"{number}.constants")
    return Taught(Sample(planes[:-3], constants, planes[-3:-2]), planes[-2:])


def order(seed: int, count: int, first: int, last: int) -> Sequence[tuple[int, int]]:
    """Return (sample, turn) of the places `first` to `last` of an endless series over `count`
    samples: all of them in a random order, each time in another, and turned at random.
    """
    epochs = range(first // count, -(-last // count))
    places = [place for epoch in epochs for place in _epoch(seed, count, epoch)]
    return places[first % count :][: last - first]


def _epoch(seed: int, count: int, epoch: int) -> list[tuple[int, int]]:
    generator = np.random.default_rng([seed, epoch])
    numbers, turns = generator.permutation(count), generator.integers(TURNS, size=count)
    return list(zip(numbers.tolist(), turns.tolist(), strict=True))


def _tensors(taught: Taught, number: int) -> dict[str, NDArray[np.generic]]:
    own = taught.sample
    planes = np.concatenate([own.versions, own.sharp, taught.taught]).astype(np.float16)
    return {f"{number}.planes": planes, f"{number}.constants": own.constants}


def _file(folder: Path, part: int) -> Path:
    return folder / f"part-{part:04}.safetensors"
