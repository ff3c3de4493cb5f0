"""NAFNet: a U-Net of blocks without activation functions, whose gates are products.

Chen, Chu, Zhang and Sun, "Simple Baselines for Image Restoration", ECCV 2022, as its authors wrote
it (github.com/megvii-research/NAFNet, MIT). 17,111,907 parameters with width 32, encoder (1, 1, 1,
28) and one block elsewhere, as published for GoPro; the defaults are small.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from unsmear.errors import OptionError
from unsmear.models import keras

EPSILON = 1e-6
"""Epsilon of the layer normalisations, the authors'."""


class NAFNet(nn.Module):
    """NAFNet: blurred image to restored image, black 0 and full scale 1.

    channels: of the images. width: channels of the first level; each level has twice as many as
        the one above it, at half the side.
    encoder, decoder: number of blocks of each level on the way down and on the way up, both from
        the first of that way to its last. middle: number of blocks at the turn.

    Every pixel depends on the whole image, through the channel attention's means. Tiles give each
    of them the means of its own surroundings, as the authors' own local version does for images
    that are larger than those of the training.

    Raises OptionError.
    """

    values = (0.0, 1.0)
    halo: int | None = None
    tile = 256
    overlap = 64

    def __init__(
        self,
        *,
        channels: int = 3,
        width: int = 16,
        encoder: tuple[int, ...] = (1, 1, 1, 4),
        middle: int = 1,
        decoder: tuple[int, ...] = (1, 1, 1, 1),
    ) -> None:
        super().__init__()
        _check(encoder, decoder, channels=channels, width=width)
        self.channels, self.stride = channels, 2 ** len(encoder)
        widths = [width * 2**level for level in range(len(encoder))]
        turned = widths[::-1]
        self.first = nn.Conv2d(channels, width, 3, padding=1)
        self.encoders = nn.ModuleList(map(_blocks, widths, encoder))
        self.downs = nn.ModuleList(nn.Conv2d(before, 2 * before, 2, 2) for before in widths)
        self.middle = _blocks(2 * widths[-1], middle)
        self.ups = nn.ModuleList(_up(after) for after in turned)
        self.decoders = nn.ModuleList(map(_blocks, turned, decoder))
        self.last = nn.Conv2d(width, channels, 3, padding=1)

    def forward(self, blurred: Tensor) -> Tensor:
        """Return the restored images, (batch, channels, y, x); sides multiples of `stride`."""
        planes, skipped = self.first(blurred), []
        for blocks, down in zip(self.encoders, self.downs, strict=True):
            skipped.append(blocks(planes))
            planes = down(skipped[-1])
        planes = self.middle(planes)
        for up, blocks in zip(self.ups, self.decoders, strict=True):
            planes = blocks(up(planes) + skipped.pop())
        output: Tensor = self.last(planes)
        return blurred + output


class _Block(nn.Module):
    """Two gated changes, in space and in channels, each scaled by what is 0 at first."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.space = nn.Sequential(
            _Norm(width),
            nn.Conv2d(width, 2 * width, 1),
            nn.Conv2d(2 * width, 2 * width, 3, padding=1, groups=2 * width),
            _Gate(),
            _Attention(width),
            nn.Conv2d(width, width, 1),
        )
        self.mixing = nn.Sequential(
            _Norm(width),
            nn.Conv2d(width, 2 * width, 1),
            _Gate(),
            nn.Conv2d(width, width, 1),
        )
        self.beta = nn.Parameter(torch.zeros(1, width, 1, 1))
        self.gamma = nn.Parameter(torch.zeros(1, width, 1, 1))

    def forward(self, planes: Tensor) -> Tensor:
        between: Tensor = planes + self.beta * self.space(planes)
        output: Tensor = between + self.gamma * self.mixing(between)
        return output


class _Norm(nn.Module):
    """Mean 0 and variance 1 over the channels of each pixel, then a learned scale and shift."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1, width, 1, 1))
        self.bias = nn.Parameter(torch.zeros(1, width, 1, 1))

    def forward(self, planes: Tensor) -> Tensor:
        centred = planes - planes.mean(1, keepdim=True)
        variance = centred.square().mean(1, keepdim=True)
        return self.weight * centred / (variance + EPSILON).sqrt() + self.bias


class _Gate(nn.Module):
    """The product of both halves of the channels."""

    def forward(self, planes: Tensor) -> Tensor:
        first, second = planes.chunk(2, dim=1)
        return first * second


class _Attention(nn.Module):
    """The channels, scaled by a linear function of their means over the image."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.linear = nn.Conv2d(width, width, 1)

    def forward(self, planes: Tensor) -> Tensor:
        scale: Tensor = self.linear(planes.mean((2, 3), keepdim=True))
        return planes * scale


def _blocks(width: int, count: int) -> nn.Sequential:
    return nn.Sequential(*(_Block(width) for _ in range(count)))


def _up(after: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(2 * after, 4 * after, 1, bias=False), nn.PixelShuffle(2))


def _check(encoder: tuple[int, ...], decoder: tuple[int, ...], **numbers: int) -> None:
    keras.check("none", levels=len(encoder), **numbers)
    if len(decoder) != len(encoder):
        raise OptionError(
            f"decoder must have as many levels as encoder, {len(encoder)}, got {len(decoder)}."
        )


NETWORKS = {"nafnet": NAFNet}
