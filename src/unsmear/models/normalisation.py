"""Normalisation of each image by its own statistics, for planes of any size."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class InstanceNorm(nn.InstanceNorm2d):
    """Instance normalisation that also takes planes of one pixel, which have no deviation.

    affine: whether each channel has a learned factor and offset. Every image is normalised by its
    own mean and variance, in training and afterwards (Ulyanov et al., 2016): what batch
    normalisation does in training with one image a batch.
    """

    def __init__(self, width: int, *, affine: bool = False) -> None:
        super().__init__(width, affine=affine)

    def forward(self, planes: Tensor) -> Tensor:
        """Return the planes (batch, channels, y, x), each of mean 0 and variance 1 before its
        factor and offset; a plane of one pixel is 0.
        """
        return torch.instance_norm(
            planes, self.weight, self.bias, None, None, True, 0.0, self.eps, True
        )
