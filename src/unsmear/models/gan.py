"""The generator of the paper's GAN, after DeblurGAN.

Goncalves and Ferreira, "Generative Image Deblurring for Human Protein Cell Classification",
section IV B, which follows Kupyn et al., "DeblurGAN", CVPR 2018, as it was written in Keras.
11,399,171 parameters by default, as in the paper, where Keras also counts the running mean and
variance of each normalisation (here: buffers). Its discriminator is in `patchgan`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Literal

import torch
from torch import Tensor, nn

from unsmear.errors import OptionError
from unsmear.models import keras, receptive_field


class Generator(nn.Module):
    """The GAN's generator: blurred image to restored image, black -1 and full scale 1.

    channels: of the images. filters: of the first layer; the blocks in the middle have four times
        as many.
    blocks: number of residual blocks. dropout: dropout rate of each block in training.
    norm: "batch" as in the paper, "instance" or "none". The statistics of a batch of one image
        are not those that the restorer uses afterwards; the other two know no difference.
    skip: "half" as in the paper, the mean of the image and the network's output; or "residual":
        the network predicts a correction to the image, which is 0 at first.

    With "instance" each result depends on the whole image, which must have 8 pixels or more.

    Raises OptionError.
    """

    values = (-1.0, 1.0)
    stride = 4

    def __init__(
        self,
        *,
        channels: int = 3,
        filters: int = 64,
        blocks: int = 9,
        dropout: float = 0.5,
        norm: keras.Norm = "batch",
        skip: Literal["half", "residual"] = "half",
    ) -> None:
        super().__init__()
        keras.check(norm, dropout, filters=filters, channels=channels)
        if skip not in ("half", "residual"):
            raise OptionError(f"skip must be half or residual, got {skip}.")
        self.channels, self.skip = channels, skip
        self.first = nn.Sequential(
            keras.ReflectionPad(3),
            nn.Conv2d(channels, filters, 7),
            *_normed(norm, filters),
            *_conv(norm, filters, 2 * filters, stride=2),
            *_conv(norm, 2 * filters, 4 * filters, stride=2),
        )
        normalise = partial(keras.norm, norm)
        changes = [Block(4 * filters, normalise, dropout) for _ in range(blocks)]
        self.blocks = nn.Sequential(*changes)
        self.last = nn.Sequential(
            nn.Upsample(scale_factor=2),
            *_conv(norm, 4 * filters, 2 * filters),
            nn.Upsample(scale_factor=2),
            *_conv(norm, 2 * filters, filters),
            keras.ReflectionPad(3),
            nn.Conv2d(filters, channels, 7),
        )
        keras.he_normal(self)
        if skip == "residual":
            keras.zero(self.last[-1])
        if norm == "none":  # each block would double the variance, and nothing would halve it
            for change in changes:
                keras.zero(change.layers[-2])
        self.halo: int | None = None if norm == "instance" else _halo(blocks)

    def forward(self, blurred: Tensor) -> Tensor:
        """Return the restored images, (batch, channels, y, x); sides multiples of `stride`."""
        output: Tensor = self.last(self.blocks(self.first(blurred)))
        return blurred + output if self.skip == "residual" else (torch.tanh(output) + blurred) / 2


class Block(nn.Module):
    """Residual block of DeblurGAN: two convolutions, added to their input; no ReLU after the sum.

    width: number of channels. norm: makes the normalisation of so many channels. dropout: rate.
    """

    def __init__(self, width: int, norm: Callable[[int], nn.Module], dropout: float) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            keras.ReflectionPad(1),
            nn.Conv2d(width, width, 3),
            norm(width),
            nn.ReLU(),
            nn.Dropout(dropout),
            keras.ReflectionPad(1),
            nn.Conv2d(width, width, 3),
            norm(width),
        )

    def forward(self, planes: Tensor) -> Tensor:
        """Return the planes (batch, width, y, x) with their correction."""
        change: Tensor = self.layers(planes)
        return planes + change


def _conv(norm: keras.Norm, before: int, after: int, stride: int = 1) -> list[nn.Module]:
    return [keras.conv(before, after, 3, stride=stride), *_normed(norm, after)]


def _normed(norm: keras.Norm, width: int) -> list[nn.Module]:
    return [keras.norm(norm, width), nn.ReLU()]


def _halo(blocks: int) -> int:
    wide, conv, half = receptive_field.conv(7), receptive_field.conv(3), receptive_field.conv(3, 2)
    up = [receptive_field.nearest, conv]
    layers = [wide, half, half] + [conv, conv] * blocks + up + up + [wide]
    return receptive_field.halo(layers, Generator.stride)


NETWORKS = {"gan": Generator}
