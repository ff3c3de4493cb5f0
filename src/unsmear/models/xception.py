"""Xception, the paper's classifier.

Chollet, "Xception: Deep learning with depthwise separable convolutions", CVPR 2017, as
keras.applications has it: 20,900,411 numbers with 19 labels and 3 channels, where Keras counts the
running statistics of BatchNorm too. Blocks 1 (`stem`), 2 to 13 (`blocks`) and 14 (`tail`) of
Keras; `checkpoints.convert_xception` reads published weights.
"""

from __future__ import annotations

from collections import OrderedDict
from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional

from unsmear.models import keras

HALVING = ((64, 128, 128), (128, 256, 256), (256, 728, 728))
MIDDLE = ((728, 728, 728, 728),) * 8
LAST = ((728, 728, 1024),)
BLOCKS = (*HALVING, *MIDDLE, *LAST)
"""Numbers of channels before each block and after each of its convolutions. A block that changes
the number halves the side."""
STEM, TAIL = 64, 2048
"""Numbers of channels after the first and the last block."""


class Xception(nn.Module):
    """A classifier: (batch, channel, y, x) in [-1, 1] -> logits (batch, label).

    labels: number of labels, each present or absent. channels: of the image.

    Raises OptionError.
    """

    values = (-1.0, 1.0)
    stride = 1
    smallest = 7
    """Smallest side, pixels: below it nothing is left after the first block. Keras requires 71."""

    def __init__(self, *, labels: int = 19, channels: int = 3) -> None:
        super().__init__()
        keras.check("batch", labels=labels, channels=channels)
        self.labels, self.channels = labels, channels
        self.stem = _twice(
            nn.Conv2d(channels, 32, 3, stride=2, bias=False), nn.Conv2d(32, STEM, 3, bias=False)
        )
        self.blocks = nn.Sequential(*(Block(*widths) for widths in BLOCKS))
        self.tail = _twice(Separable(BLOCKS[-1][-1], 1536), Separable(1536, TAIL))
        self.head = nn.Linear(TAIL, labels)
        keras.he_normal(self)
        nn.init.xavier_uniform_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits."""
        maps = self.tail(self.blocks(self.stem(images)))
        logits: Tensor = self.head(maps.mean((-2, -1)))
        return logits


class Separable(nn.Sequential):
    """A 3x3 convolution of each channel by itself, then one of 1x1 over all of them."""

    def __init__(self, before: int, after: int) -> None:
        depthwise = nn.Conv2d(before, before, 3, padding=1, groups=before, bias=False)
        pointwise = nn.Conv2d(before, after, 1, bias=False)
        super().__init__(OrderedDict(depthwise=depthwise, pointwise=pointwise))
        self.out_channels = after


class Block(nn.Module):
    """Repeated ReLU, separable convolution and BatchNorm, with a skip connection.

    widths: channels before the block and after each convolution. Where the last differ from the
    first the sides are halved, by the largest of 3x3 pixels and on the way past by every second.

    Keras leaves out the first ReLU of its block 2, which gets the output of one: it is the same.
    """

    def __init__(self, *widths: int) -> None:
        super().__init__()
        before, *after = widths
        self.convs = nn.ModuleList(Separable(*pair) for pair in pairwise(widths))
        self.norms = nn.ModuleList(keras.norm("batch", width) for width in after)
        self.skip = _skip(before, after[-1]) if before != after[-1] else None

    def forward(self, maps: Tensor) -> Tensor:
        """Return maps of half the side, or of the same."""
        change = maps
        for conv, norm in zip(self.convs, self.norms, strict=True):
            change = norm(conv(functional.relu(change)))
        return change + maps if self.skip is None else _pool(change) + self.skip(maps)


def _twice(first: nn.Conv2d | Separable, second: nn.Conv2d | Separable) -> nn.Sequential:
    """Return two convolutions, each with BatchNorm and ReLU behind it."""
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    for number, conv in enumerate((first, second), start=1):
        layers[f"conv{number}"] = conv
        layers[f"norm{number}"] = keras.norm("batch", conv.out_channels)
        layers[f"relu{number}"] = nn.ReLU(inplace=True)
    return nn.Sequential(layers)


def _skip(before: int, after: int) -> nn.Sequential:
    # A kernel of one pixel needs no padding "same": pixels 0, 2, 4 ... in both libraries.
    conv = nn.Conv2d(before, after, 1, stride=2, bias=False)
    return nn.Sequential(OrderedDict(conv=conv, norm=keras.norm("batch", after)))


def _pool(maps: Tensor) -> Tensor:
    """Return the largest of 3x3 pixels at every second, as Keras's padding "same" has it.

    An odd side has a margin of one pixel on both ends, an even one only right or below; a margin
    is never the largest.
    """
    margin = [side % 2 for side in maps.shape[2:]]
    return functional.max_pool2d(maps, 3, stride=2, padding=margin, ceil_mode=True)


CLASSIFIERS = {"xception": Xception}
