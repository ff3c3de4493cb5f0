"""Training samples of a restorer: prepared pairs, blurred sharp images, or synthetic cells.

A sample depends on (seed, epoch, index) alone, so that neither the number of workers nor an
interruption changes a run.
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
    """A blurred and a sharp image, (channel, y, x) float32: 0 black, 1 the blurred full scale."""

    blurred: NDArray[np.float32]
    sharp: NDArray[np.float32]


def open_training(data: Data, seed: int, channels: int) -> Dataset[Sample]:
    """Return the training samples.

    seed: 0 or more. channels: of the network. An image with as many channels keeps all of them; of
    any other image one random channel is repeated, as the restorer does it.

    Raises DataError for files or a manifest that cannot be used, as far as a quick check shows.
    """
    return _open(data, seed, channels, Stream.TRAINING)


def open_validation(data: Data, seed: int, channels: int) -> Dataset[Sample]:
    """Return at most `data.validation` samples that are never trained on, each epoch the same.

    Of prepared pairs, the split "val". Without such a split, and for sharp images, every tenth
    group is held out (at least one); with a single group other crops of its images are taken, and
    `describe` says so. Synthetic cells come from another random stream.
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
    exposure = Exposure.of(data)
    return BlurredScenes(scenes, exposure, data.size, channels, seed, stream, length)


def _letters(channels: int) -> str:
    """Return the channels of synthetic cells: the paper's three for a network of three channels."""
    return "RGB" if channels == 3 else "RGBY"


@dataclass(frozen=True)
class Pairs:
    """Random crops of `size` pixels from prepared pairs."""

    files: PairFiles
    size: int
    channels: int
    seed: int
    stream: Stream
    make_batch = Batch

    @property
    def conserves_flux(self) -> bool:
        """Return whether no pair comes from the paper's recipe."""
        return "paper" not in self.files.families()

    def __len__(self) -> int:
        return len(self.files)

    def draw(self, epoch: int, index: int) -> Sample:
        """Return a crop of pair `index`, normalised as the whole blurred image is."""
        random = _generator(self, epoch, index)
        name, *both = self.files.read(index)
        check_size(name, both[0].shape, self.size)
        scaling = Scaling.of(both[0])
        plane = int(random.integers(len(both[0])))
        channels = _channels(both[0].shape[1], self.channels, random)
        blurred, sharp = (counts[plane, channels] for counts in both)
        window = draw_window(sharp, self.size, random)
        return _sample(blurred[:, *window], sharp[:, *window], scaling, self.channels)

    def describe(self) -> dict[str, Any]:
        """Return where the pairs come from."""
        return {**self.files.describe(), "size": self.size, "samples": len(self)}


@dataclass(frozen=True)
class BlurredScenes:
    """Crops of sharp scenes, each with its own random blur and noise.

    length: samples of an epoch.
    """

    scenes: Scenes
    exposure: Exposure
    size: int
    channels: int
    seed: int
    stream: Stream
    length: int
    make_batch = Batch

    @property
    def conserves_flux(self) -> bool:
        """Return whether all blurs conserve the flux."""
        return self.exposure.conserves_flux

    def __len__(self) -> int:
        return self.length

    def draw(self, epoch: int, index: int) -> Sample:
        """Return a crop, blurred with its surroundings, normalised as the whole scene is."""
        random = _generator(self, epoch, index)
        number = index if self.stream == Stream.VALIDATION else epoch * self.length + index
        name, counts = self.scenes.scene(number, random)
        check_size(name, counts.shape, self.size)
        index_of_plane = int(random.integers(len(counts)))
        planes = counts[index_of_plane, _channels(counts.shape[1], self.channels, random)]
        window = draw_window(planes, self.size, random)
        blurred, sharp = self.exposure.take(planes, window, random)
        return _sample(blurred, sharp, Scaling.of(planes), self.channels)

    def describe(self) -> dict[str, Any]:
        """Return where the scenes come from, and the parameters of their blurs."""
        return {
            **self.scenes.describe(),
            "blur": self.exposure.describe(),
            "size": self.size,
            "samples": self.length,
        }


def _generator(dataset: Pairs | BlurredScenes, epoch: int, index: int) -> np.random.Generator:
    if dataset.stream == Stream.VALIDATION:
        epoch = 0
    return generator(dataset.seed, dataset.stream, epoch, index)


def _channels(available: int, needed: int, random: np.random.Generator) -> slice:
    """Return all channels where their number is the network's, else one random channel."""
    if available == needed:
        return slice(None)
    chosen = int(random.integers(available))
    return slice(chosen, chosen + 1)


def _sample(blurred: Counts, sharp: Counts, scaling: Scaling, channels: int) -> Sample:
    def units(counts: Counts) -> NDArray[np.float32]:
        return np.repeat(scaling.to_units(counts), channels // len(counts), axis=0)

    return Sample(units(blurred), units(sharp))
