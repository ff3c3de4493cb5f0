"""Samples as tensors, and the datasets that they are drawn from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import torch

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, eq=False)
class Batch:
    """Samples of a restorer, (sample, channel, y, x) float32 in units, on the device.

    number: of this micro-batch among those of all ranks, n * world + r; its first sample has the
    running number `number` * samples.
    """

    blurred: Tensor
    sharp: Tensor
    number: int

    def images(self) -> Tensor:
        """Return all that moves with the pixels, as channels of one image."""
        return torch.cat([self.blurred, self.sharp], dim=1)

    def moved(self, images: Tensor) -> Batch:
        """Return the batch with what has become of `images`."""
        channels = self.blurred.shape[1]
        blurred, sharp = images[:, :channels], images[:, channels:]
        return replace(self, blurred=blurred.contiguous(), sharp=sharp.contiguous())


@dataclass(frozen=True, eq=False)
class Labelled:
    """Samples of a classifier: images as above, and (sample, label) float32, 1 where it is there.

    number: as in `Batch`.
    """

    image: Tensor
    labels: Tensor
    number: int

    def images(self) -> Tensor:
        """Return the images."""
        return self.image

    def moved(self, images: Tensor) -> Labelled:
        """Return the batch with other images."""
        return replace(self, image=images.contiguous())


S = TypeVar("S", covariant=True)


class Dataset(Protocol[S]):
    """A series of samples of one kind and size; it can be sent to another process.

    A sample is a dataclass of arrays.
    """

    @property
    def together(self) -> Callable[..., Any]:
        """Return what makes a batch: of the samples' arrays as tensors, in order, and a number."""
        ...

    @property
    def seed(self) -> int:
        """Return the seed of its samples and of their order."""
        ...

    @property
    def conserves_flux(self) -> bool:
        """Return whether every blur keeps the sum of the light; the paper's recipe darkens."""
        ...

    def __len__(self) -> int:
        """Return the samples of an epoch."""
        ...

    def draw(self, epoch: int, index: int) -> S:
        """Return a sample; raises an UnsmearError that names the file it cannot be made of."""
        ...

    def describe(self) -> dict[str, Any]:
        """Return where the samples come from, for a model card; "hash" tells it from others."""
        ...
