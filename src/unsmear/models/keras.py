"""Keras-compatible layers in torch, where the two libraries differ.

The paper's networks were written in Keras: https://keras.io/api/layers/. Padding "same" of a
stride of 2 lies right and below, not around; a transposed convolution doubles a side exactly.
"""

from __future__ import annotations

import math
from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional

from unsmear.errors import OptionError

Norm = Literal["batch", "instance", "none"]


class SamePad(nn.Module):
    """Zeros around planes, so that a convolution gives ceil(side / stride) pixels.

    Where the zeros are odd in number, the odd one lies right and below.
    """

    def __init__(self, size: int, stride: int) -> None:
        super().__init__()
        self.size, self.stride = size, stride

    def forward(self, planes: Tensor) -> Tensor:
        """Return the planes (batch, channels, y, x) with their margin."""
        (top, bottom), (left, right) = (self._margin(side) for side in planes.shape[2:])
        return functional.pad(planes, (left, right, top, bottom))

    def _margin(self, side: int) -> tuple[int, int]:
        missing = max((-(-side // self.stride) - 1) * self.stride + self.size - side, 0)
        return missing // 2, missing - missing // 2


class ReflectionPad(nn.Module):
    """A margin that mirrors the planes; planes too small for that repeat their edge."""

    def __init__(self, margin: int) -> None:
        super().__init__()
        self.margin = margin

    def forward(self, planes: Tensor) -> Tensor:
        """Return the planes (batch, channels, y, x) with their margin."""
        mode = "reflect" if min(planes.shape[2:]) > self.margin else "replicate"
        return functional.pad(planes, (self.margin,) * 4, mode=mode)


class Crop(nn.Module):
    """Without the last row and column: what Keras leaves of a transposed convolution."""

    def forward(self, planes: Tensor) -> Tensor:
        """Return the planes (batch, channels, y - 1, x - 1)."""
        return planes[..., :-1, :-1]


def conv(before: int, after: int, size: int, *, stride: int = 1, bias: bool = True) -> nn.Module:
    """Return a convolution with padding "same"."""
    if stride == 1 and size % 2:
        return nn.Conv2d(before, after, size, padding=size // 2, bias=bias)
    inner = nn.Conv2d(before, after, size, stride=stride, bias=bias)
    return nn.Sequential(SamePad(size, stride), inner)


def transposed(before: int, after: int) -> nn.Module:
    """Return a transposed convolution 3x3 of stride 2 with padding "same": twice the side.

    A pixel i goes to the pixels 2i, 2i + 1 and 2i + 2.
    """
    return nn.Sequential(nn.ConvTranspose2d(before, after, 3, stride=2), Crop())


def norm(kind: Norm, width: int) -> nn.Module:
    """Return a normalisation of `width` channels.

    batch: of the batch in training and of running statistics afterwards, as Keras has it: epsilon
    1e-3; its momentum of 0.99 is torch's 0.01. instance: of each image's own, always. none.
    """
    if kind == "batch":
        return nn.BatchNorm2d(width, eps=1e-3, momentum=0.01)
    if kind == "instance":
        return nn.InstanceNorm2d(width, affine=True)
    return nn.Identity()


def check(norm: str, dropout: float = 0.0, **numbers: int) -> None:
    """Raise OptionError for options that no network can have.

    norm: must be known. dropout: a share. numbers: by name, each 1 or more.
    """
    if norm not in get_args(Norm):
        raise OptionError(f"norm must be batch, instance or none, got {norm}.")
    if not 0 <= dropout < 1:
        raise OptionError(f"dropout must be 0 or more and below 1, got {dropout}.")
    for name, number in numbers.items():
        if number < 1:
            raise OptionError(f"{name} must be 1 or more, got {number}.")


def he_normal(network: nn.Module) -> None:
    """Draw all convolutions' weights as Keras's `he_normal`, and set their biases to 0.

    A normal distribution cut off at two sigma, whose standard deviation after the cut is
    sqrt(2 / fan in); source: He et al., ICCV 2015, and keras.initializers.VarianceScaling. In
    both libraries the fan in of a transposed convolution counts its output channels.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            fan_in = module.weight[0].numel()
            sigma = math.sqrt(2 / fan_in) / 0.87962566103423978
            with torch.no_grad():
                nn.init.trunc_normal_(module.weight, 0, sigma, -2 * sigma, 2 * sigma)
                if module.bias is not None:
                    module.bias.zero_()


def zero(layer: nn.Module) -> None:
    """Set all of a layer's weights to 0, so that its output is 0 at first."""
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)
