"""Random augmentation of batches on the device, the same for blurred and sharp images.

Flips and rotations by 90 degrees only move pixels. The motion is rotated with its image, so a
rotated blurred image is an equally valid sample; a zoomed one is a sample of another motion length.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from kornia.geometry import transform
from numpy.typing import NDArray
from torch import Tensor

from unsmear.errors import OptionError
from unsmear.train.config.classifier import LabelAugment
from unsmear.train.config.restorer import Augment
from unsmear.train.data.rng import Stream, generator


class Augmentation:
    """Random flips, rotations by multiples of 90 degrees, and zooms.

    config: which of them to apply. seed: 0 or more; seed and batch number determine the result.
    """

    def __init__(self, config: Augment, seed: int) -> None:
        self._config, self._seed = config, seed

    def __call__(self, batch: Any, number: int) -> Any:
        """Return the batch with each sample changed on its own, all its channels alike.

        Raises OptionError for rotations of images that are not square.
        """
        images = batch.images()
        random = generator(self._seed, Stream.AUGMENTATION, number)
        low, high = np.log(self._config.zoom)
        flips = random.integers(2, size=(2, len(images)))
        turns = random.integers(4, size=len(images))
        zooms = np.exp(random.uniform(low, high, len(images)))
        if self._config.flips:
            images = _flip(images, flips)
        if self._config.rotations:
            images = _turn(images, turns)
        if self._config.zoom != (1, 1):
            images = _zoom(images, zooms)
        return batch.with_images(self._vary_intensity(images, random))

    def _vary_intensity(self, images: Tensor, random: np.random.Generator) -> Tensor:
        """Return the images with varied brightness and added noise, for a classifier only."""
        if not isinstance(self._config, LabelAugment):
            return images
        if self._config.gain != (1, 1):
            low, high = np.log(self._config.gain)
            gains = np.exp(random.uniform(low, high, (*images.shape[:2], 1, 1)))
            images = (images * _like(gains, images)).clamp(max=1)
        if self._config.noise:
            sigmas = random.uniform(0, self._config.noise, (len(images), 1, 1, 1))
            noise = random.standard_normal(tuple(images.shape), dtype=np.float32)
            images = images + _like(sigmas, images) * _like(noise, images)
        return images


def _like(numbers: NDArray[Any], images: Tensor) -> Tensor:
    return torch.as_tensor(numbers, dtype=images.dtype, device=images.device)


def _flip(images: Tensor, flips: NDArray[np.int64]) -> Tensor:
    images = _where(flips[0] == 1, transform.hflip(images), images)
    return _where(flips[1] == 1, transform.vflip(images), images)


def _turn(images: Tensor, turns: NDArray[np.int64]) -> Tensor:
    """Return each image rotated anticlockwise by its number of quarter turns."""
    if images.shape[-2] != images.shape[-1]:
        raise OptionError(
            f"images must be square for augment.rotations, got {tuple(images.shape[-2:])}."
        )
    images = _where(turns % 2 == 1, torch.rot90(images, 1, (-2, -1)), images)
    return _where(turns >= 2, transform.rot180(images), images)


def _zoom(images: Tensor, zooms: NDArray[np.float64]) -> Tensor:
    """Return each image magnified about its centre; beyond its border it is mirrored."""
    factors = torch.as_tensor(zooms, dtype=images.dtype, device=images.device)[:, None]
    return transform.scale(images, factors.expand(-1, 2), padding_mode="reflection")


def _where(chosen: NDArray[np.bool_], changed: Tensor, images: Tensor) -> Tensor:
    mask = torch.from_numpy(chosen).to(images.device, non_blocking=True)
    return torch.where(mask[:, None, None, None], changed, images)
