"""Batches of samples as tensors, and the protocol of a dataset."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import torch

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, eq=False)
class Batch:
    """Samples of a restorer: (sample, channel, y, x) float32, normalised, on the device.

    number: of this micro-batch among those of all ranks, n * world + r; its first sample has the
    running number `number` * samples.
    """

    blurred: Tensor
    sharp: Tensor
    number: int

    def images(self) -> Tensor:
        """Return all images that augmentation changes, as channels of one image."""
        return torch.cat([self.blurred, self.sharp], dim=1)

    def with_images(self, images: Tensor) -> Batch:
        """Return the batch with augmented `images`."""
        channels = self.blurred.shape[1]
        blurred, sharp = images[:, :channels], images[:, channels:]
        return replace(self, blurred=blurred.contiguous(), sharp=sharp.contiguous())


@dataclass(frozen=True, eq=False)
class Labelled:
    """Samples of a classifier: images as above, and labels (sample, label) float32, 1 if present.

    number: as in `Batch`.
    """

    image: Tensor
    labels: Tensor
    number: int

    def images(self) -> Tensor:
        """Return the images."""
        return self.image

    def with_images(self, images: Tensor) -> Labelled:
        """Return the batch with augmented images."""
        return replace(self, image=images.contiguous())


S = TypeVar("S", covariant=True)


class Dataset(Protocol[S]):
    """A series of samples of one kind and size, which can be sent to another process.

    A sample is a dataclass of arrays.
    """

    @property
    def make_batch(self) -> Callable[..., Any]:
        """Return the batch's constructor, called with the samples' stacked tensors and a number."""
        ...

    @property
    def seed(self) -> int:
        """Return the random seed of the samples and of their order."""
        ...

    @property
    def conserves_flux(self) -> bool:
        """Return whether every blur conserves the flux; the paper's recipe darkens."""
        ...

    def __len__(self) -> int:
        """Return the number of samples of an epoch."""
        ...

    def draw(self, epoch: int, index: int) -> S:
        """Return a sample; raises an UnsmearError that names a file which cannot be used."""
        ...

    def describe(self) -> dict[str, Any]:
        """Return where the samples come from, for a model card; "hash" identifies the data."""
        ...
