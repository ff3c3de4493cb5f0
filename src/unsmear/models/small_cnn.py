"""Light, a small classifier that two processor cores train in minutes.

Residual blocks of plain 3x3 convolutions (He et al., CVPR 2016, the later order of BatchNorm and
ReLU), the first of which works on a fourth of the image's sides. Plain, because depthwise
convolutions, which Xception and its small relatives save their arithmetic with, wait for memory on
a processor: with separable convolutions in place of its own, which do 10 of their 78 million
multiplications, the blocks still take two thirds of the time (forward and backward on one core, 16
images of 192x192, channels last). The last maps are averaged, and their largest values are taken
too: a centrosome is one bright spot in a cell, which a mean hides.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from unsmear.models import keras


class Light(nn.Module):
    """A classifier: (batch, channel, y, x) in [-1, 1] -> logits (batch, label).

    labels: number of labels, each present or absent. channels: of the image. features: of the first
    stage; each of the `stages` has twice as many on half the side. dropout: before the last layer.

    Raises OptionError.
    """

    values = (-1.0, 1.0)
    stride = 1
    smallest = 32

    def __init__(
        self,
        *,
        labels: int = 19,
        channels: int = 3,
        features: int = 24,
        stages: int = 4,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        keras.check(
            "batch", dropout, labels=labels, channels=channels, features=features, stages=stages
        )
        self.labels, self.channels = labels, channels
        widths = [features * 2**stage for stage in range(stages)]
        self.stem = nn.Conv2d(channels, features, 7, stride=2, padding=3, bias=False)
        self.blocks = nn.Sequential(
            *(
                Block(before, after)
                for before, after in zip([features, *widths[:-1]], widths, strict=True)
            )
        )
        self.norm = nn.BatchNorm2d(widths[-1])
        self.drop = nn.Dropout(dropout)
        self.head = nn.Linear(2 * widths[-1], labels)

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits."""
        maps = functional.relu(self.norm(self.blocks(self.stem(images))))
        pooled = torch.cat([maps.mean((-2, -1)), maps.amax((-2, -1))], dim=1)
        logits: Tensor = self.head(self.drop(pooled))
        return logits


class Block(nn.Module):
    """Half the side and `after` channels: two convolutions beside a mean of 2x2 pixels."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(before)
        self.conv1 = nn.Conv2d(before, after, 3, stride=2, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(after)
        self.conv2 = nn.Conv2d(after, after, 3, padding=1, bias=False)
        self.skip = nn.Conv2d(before, after, 1, bias=False)

    def forward(self, maps: Tensor) -> Tensor:
        """Return the smaller maps."""
        active = functional.relu(self.norm1(maps))
        change = self.conv2(functional.relu(self.norm2(self.conv1(active))))
        # Nothing is padded, so the option changes nothing here; with it, ONNX Runtime before 1.30
        # divides the last row and column of odd sides by all four.
        shrunk = functional.avg_pool2d(active, 2, ceil_mode=True, count_include_pad=False)
        smaller: Tensor = change + self.skip(shrunk)
        return smaller


CLASSIFIERS = {"light": Light}
