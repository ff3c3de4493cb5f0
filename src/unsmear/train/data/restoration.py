"""Samples to train on: prepared pairs, sharp images blurred afresh, or drawn cells.

A sample depends on (seed, epoch, index) alone, so that neither the number of workers nor a pause
changes a run.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsmear.images.scaling import Scaling
from unsmear.train.config.restorer import Data
from unsmear.train.data.dataset import Batch, Dataset
from unsmear.train.data.exposure import Counts, Exposure, draw_window
from unsmear.train.data.rng import Stream, generator
from unsmear.train.data.sources import Cells, Images, PairFiles, Scenes, check_size


@dataclass(frozen=True, eq=False)
class Sample:
    """One image twice, (channel, y, x) float32 in units: black 0, the blurred one's white 1."""

    blurred: NDArray[np.float32]
    sharp: NDArray[np.float32]


def open_training(data: Data, seed: int, channels: int) -> Dataset[Sample]:
    """Return the samples to train on.

    seed: 0 or more. channels: of the network. An image with as many is taken whole; of any other
    one channel at random is repeated, as the restorer does it.

    Raises DataError for files or a manifest that cannot be used, where that is seen cheaply.
    """
    return _open(data, seed, channels, Stream.TRAINING)


def open_validation(data: Data, seed: int, channels: int) -> Dataset[Sample]:
    """Return at most `data.validation` samples that are never trained on, each epoch the same.

    Of prepared pairs, those of the split "val". Where there is none, and of sharp images, every
    tenth group is held out (at least one); with a single group other crops of its images are
    taken, and `describe` says so. Cells are drawn from another seed.
    """
    return _open(data, seed, channels, Stream.VALIDATION)


def _open(data: Data, seed: int, channels: int, stream: Stream) -> Dataset[Sample]:
    validating = stream == Stream.VALIDATION
    if data.pairs is not None:
        files = PairFiles.find(data.pairs, data.size, validating, data.validation)
        return Pairs(files, data.size, channels, seed, stream)
    scenes: Scenes
    if data.sharp:
        scenes = Images.find(data.sharp, data.axes, data.channels, validating)
    else:
        scenes = Cells.of(data.channels or _letters(channels), data.size, seed, validating)
    length = data.validation if validating else data.epoch
    return Drawn(scenes, Exposure.of(data), data.size, channels, seed, stream, length)


def _letters(channels: int) -> str:
    """Return the stains of drawn cells: for a network of three channels, the paper's three."""
    return "RGB" if channels == 3 else "RGBY"


@dataclass(frozen=True)
class Pairs:
    """Prepared pairs, cut at a random place where they are larger than `size` pixels."""

    files: PairFiles
    size: int
    channels: int
    seed: int
    stream: Stream
    together = Batch

    @property
    def conserves_flux(self) -> bool:
        """Return whether no pair comes from the paper's recipe."""
        return "paper" not in self.files.families()

    def __len__(self) -> int:
        return len(self.files)

    def draw(self, epoch: int, index: int) -> Sample:
        """Return a crop of pair `index`, in units of the whole blurred image."""
        random = _generator(self, epoch, index)
        name, *both = self.files.read(index)
        check_size(name, both[0].shape, self.size)
        scaling = Scaling.of(both[0])
        one = int(random.integers(len(both[0])))
        taken = _channels(both[0].shape[1], self.channels, random)
        blurred, sharp = (counts[one, taken] for counts in both)
        window = draw_window(sharp, self.size, random)
        return _sample(blurred[:, *window], sharp[:, *window], scaling, self.channels)

    def describe(self) -> dict[str, Any]:
        """Return where the pairs come from."""
        return {**self.files.describe(), "size": self.size, "samples": len(self)}


@dataclass(frozen=True)
class Drawn:
    """Crops of sharp scenes, each with a blur and noise of its own.

    length: samples of an epoch.
    """

    scenes: Scenes
    exposure: Exposure
    size: int
    channels: int
    seed: int
    stream: Stream
    length: int
    together = Batch

    @property
    def conserves_flux(self) -> bool:
        """Return whether the blurs keep the sum of the light."""
        return self.exposure.conserves_flux

    def __len__(self) -> int:
        return self.length

    def draw(self, epoch: int, index: int) -> Sample:
        """Return a crop, blurred by what lies around it, in units of the whole scene."""
        random = _generator(self, epoch, index)
        number = index if self.stream == Stream.VALIDATION else epoch * self.length + index
        name, counts = self.scenes.scene(number, random)
        check_size(name, counts.shape, self.size)
        one = int(random.integers(len(counts)))
        planes = counts[one, _channels(counts.shape[1], self.channels, random)]
        window = draw_window(planes, self.size, random)
        blurred, sharp = self.exposure.take(planes, window, random)
        return _sample(blurred, sharp, Scaling.of(planes), self.channels)

    def describe(self) -> dict[str, Any]:
        """Return where the scenes come from, and what blurs them."""
        return {
            **self.scenes.describe(),
            "blur": self.exposure.describe(),
            "size": self.size,
            "samples": self.length,
        }


def _generator(dataset: Pairs | Drawn, epoch: int, index: int) -> np.random.Generator:
    if dataset.stream == Stream.VALIDATION:
        epoch = 0
    return generator(dataset.seed, dataset.stream, epoch, index)


def _channels(there: int, wanted: int, random: np.random.Generator) -> slice:
    """Return all channels where they are as many as the network's, or one at random."""
    if there == wanted:
        return slice(None)
    one = int(random.integers(there))
    return slice(one, one + 1)


def _sample(blurred: Counts, sharp: Counts, scaling: Scaling, channels: int) -> Sample:
    def units(counts: Counts) -> NDArray[np.float32]:
        return np.repeat(scaling.to_units(counts), channels // len(counts), axis=0)

    return Sample(units(blurred), units(sharp))
