"""DeblurGAN-v2's generator with its light backbone: a feature pyramid on MobileNetV2.

Kupyn, Martyniuk, Wu and Wang, "DeblurGAN-v2: Deblurring (orders-of-magnitude) faster and better",
ICCV 2019; github.com/VITA-Group/DeblurGANv2 at revision c16bd9f, BSD licence. Backbone: Sandler et
al., "MobileNetV2", CVPR 2018. Published weights: `checkpoints.convert_deblurgan`.

The authors train one image a batch, and restore with the statistics of the image too (their
predict.py keeps the network in training mode), so that the backbone's batch normalisation is
instance normalisation with factors and offsets; here it is called so. The backbone's last three
layers, which they keep though nothing uses them, are left out: 2,106,627 of 3,312,707
parameters stay by default.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from unsmear.models import keras
from unsmear.models.normalisation import InstanceNorm

STEM = 32
"""Number of channels of the backbone's first convolution."""
STAGES = (
    ((1, 16, 1, 1),),
    ((6, 24, 2, 2),),
    ((6, 32, 3, 2),),
    ((6, 64, 4, 2),),
    ((6, 96, 3, 1), (6, 160, 2, 2)),
)
"""The backbone's blocks by the level of the pyramid, from 1/2 to 1/32 of the side: factor by which
a block widens its input, channels of its output, number of blocks, and stride of the first."""


class Mobile(nn.Module):
    """The generator: blurred image to restored image, black -1 and full scale 1.

    channels: of the images. filters: channels of each level of the pyramid where the levels are
        joined; within the pyramid each has twice as many.

    The network predicts a correction in (-1, 1), which is added to the image and cut off at black
    and at full scale. Each result depends on the whole image, by its statistics.

    Raises OptionError.
    """

    values = (-1.0, 1.0)
    stride = 32
    halo = None

    def __init__(self, *, channels: int = 3, filters: int = 64) -> None:
        super().__init__()
        keras.check("instance", channels=channels, filters=filters)
        self.channels = channels
        self.stages = _backbone(channels)
        pyramid = 2 * filters
        self.laterals = nn.ModuleList(
            nn.Conv2d(stage[-1][1], pyramid if level else filters, 1, bias=False)
            for level, stage in enumerate(STAGES)
        )
        self.merges = nn.ModuleList(_smooth(pyramid, pyramid) for _ in range(3))
        self.heads = nn.ModuleList(_head(pyramid, filters) for _ in range(4))
        self.smooth = _smooth(4 * filters, filters)
        self.smooth2 = _smooth(filters, filters // 2)
        self.final = nn.Conv2d(filters // 2, channels, 3, padding=1)

    def forward(self, blurred: Tensor) -> Tensor:
        """Return the restored images, (batch, channels, y, x); sides multiples of `stride`."""
        finest, *levels = self._pyramid(blurred)
        heads = [head(level) for head, level in zip(self.heads, levels, strict=True)]
        joined = [_enlarged(maps, 2**level) for level, maps in enumerate(heads)]
        maps = self.smooth(torch.cat(joined[::-1], 1))
        maps = self.smooth2(_enlarged(maps, 2) + finest)
        change = torch.tanh(self.final(_enlarged(maps, 2)))
        return torch.clamp(blurred + change, -1, 1)

    def _pyramid(self, blurred: Tensor) -> list[Tensor]:
        """Return the levels of the pyramid, from 1/2 to 1/32 of the side."""
        maps, levels = blurred, []
        for stage, lateral in zip(self.stages, self.laterals, strict=True):
            maps = stage(maps)
            levels.append(lateral(maps))
        for level, merge in zip((3, 2, 1), self.merges, strict=True):
            levels[level] = merge(levels[level] + _enlarged(levels[level + 1], 2))
        return levels


class InvertedResidual(nn.Module):
    """MobileNetV2's block: widen, convolve each channel by itself, narrow without a ReLU.

    The input is added where input and output have the same shape.
    """

    def __init__(self, before: int, after: int, factor: int, stride: int) -> None:
        super().__init__()
        wide = before * factor
        widen = _conv(before, wide, 1) if factor > 1 else []
        narrow = nn.Conv2d(wide, after, 1, bias=False)
        self.layers = nn.Sequential(
            *widen,
            *_conv(wide, wide, 3, stride, groups=wide),
            narrow,
            InstanceNorm(after, affine=True),
        )
        self.adds = stride == 1 and before == after

    def forward(self, maps: Tensor) -> Tensor:
        """Return maps (batch, after, y, x), of half the side with a stride of 2."""
        change: Tensor = self.layers(maps)
        return maps + change if self.adds else change


def _backbone(channels: int) -> nn.ModuleList:
    """Return MobileNetV2's stages, each of which halves the side."""
    stem = nn.Sequential(*_conv(channels, STEM, 3, 2))
    stages, before = [], STEM
    for level, blocks in enumerate(STAGES):
        layers: list[nn.Module] = [] if level else [stem]
        for factor, after, count, stride in blocks:
            for number in range(count):
                layers.append(InvertedResidual(before, after, factor, 1 if number else stride))
                before = after
        stages.append(nn.Sequential(*layers))
    network = nn.ModuleList(stages)
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            fan_out = module.kernel_size[0] * module.kernel_size[1] * module.out_channels
            nn.init.normal_(module.weight, 0.0, math.sqrt(2 / fan_out))
    return network


def _conv(before: int, after: int, size: int, stride: int = 1, groups: int = 1) -> list[nn.Module]:
    conv = nn.Conv2d(before, after, size, stride, size // 2, groups=groups, bias=False)
    return [conv, InstanceNorm(after, affine=True), nn.ReLU6()]


def _smooth(before: int, after: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(before, after, 3, padding=1), InstanceNorm(after), nn.ReLU())


def _head(before: int, after: int) -> nn.Sequential:
    first = nn.Conv2d(before, after, 3, padding=1, bias=False)
    second = nn.Conv2d(after, after, 3, padding=1, bias=False)
    return nn.Sequential(first, nn.ReLU(), second, nn.ReLU())


def _enlarged(maps: Tensor, factor: int) -> Tensor:
    return functional.interpolate(maps, scale_factor=factor, mode="nearest") if factor > 1 else maps


NETWORKS = {"deblurgan-v2-mobile": Mobile}
