"""DeblurGAN's generator and critic, as their authors published them in PyTorch.

Kupyn, Budzan, Mykhailych, Mishkin and Matas, "DeblurGAN: Blind motion deblurring using conditional
adversarial networks", CVPR 2018; github.com/KupynOrest/DeblurGAN at revision 7363c59, BSD licence.
11,378,179 and 2,764,737 parameters by default. The Keras version that Goncalves and Ferreira
trained is `gan`, whose residual blocks are these. Published weights:
`checkpoints.convert_deblurgan`.

A later revision, 68aa1b1, leaves one convolution in each residual block, by the precedence of
Python's conditional expression; the paper and the published weights have two.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from unsmear.models import keras
from unsmear.models.gan import Block
from unsmear.models.normalisation import InstanceNorm


class Generator(nn.Module):
    """The generator: blurred image to restored image, black -1 and full scale 1.

    channels: of the images. filters: of the first layer; the blocks in the middle have four times
        as many.
    blocks: number of residual blocks. dropout: dropout rate of each block in training.

    The network predicts a correction in (-1, 1), which is added to the image and cut off at black
    and at full scale. Each result depends on the whole image, by its statistics: the authors also
    restore with those of the image, not with statistics of the training. They do not switch
    dropout off then, which is off here.

    Raises OptionError.
    """

    values = (-1.0, 1.0)
    stride = 4
    halo = None

    def __init__(
        self, *, channels: int = 3, filters: int = 64, blocks: int = 9, dropout: float = 0.5
    ) -> None:
        super().__init__()
        keras.check("instance", dropout, filters=filters, channels=channels)
        self.channels = channels
        middle = 4 * filters
        self.first = nn.Sequential(
            keras.ReflectionPad(3),
            *_normed(nn.Conv2d(channels, filters, 7)),
            *_normed(nn.Conv2d(filters, 2 * filters, 3, stride=2, padding=1)),
            *_normed(nn.Conv2d(2 * filters, middle, 3, stride=2, padding=1)),
        )
        self.blocks = nn.Sequential(*(Block(middle, InstanceNorm, dropout) for _ in range(blocks)))
        self.last = nn.Sequential(
            *_normed(_doubled(middle, 2 * filters)),
            *_normed(_doubled(2 * filters, filters)),
            keras.ReflectionPad(3),
            nn.Conv2d(filters, channels, 7),
        )
        _initialise(self)

    def forward(self, blurred: Tensor) -> Tensor:
        """Return the restored images, (batch, channels, y, x); sides multiples of `stride`."""
        change = torch.tanh(self.last(self.blocks(self.first(blurred))))
        return torch.clamp(blurred + change, -1, 1)


class Critic(nn.Module):
    """The critic: scores of patches, higher where a candidate looks like a sharp image.

    channels: of an image. filters: of the first layer; the last but one has eight times as many.
    norm: "instance" as published, "batch" or "none".

    It is a PatchGAN that does not see the blurred image. Beside `patchgan`, which is TensorFlow's
    version, it has margins of two pixels, biases, and a slope of 0.2.

    Raises OptionError.
    """

    values = (-1.0, 1.0)

    def __init__(
        self, *, channels: int = 3, filters: int = 64, norm: keras.Norm = "instance"
    ) -> None:
        super().__init__()
        keras.check(norm, filters=filters, channels=channels)
        self.channels = channels
        self.layers = nn.Sequential(
            nn.Conv2d(channels, filters, 4, stride=2, padding=2),
            nn.LeakyReLU(0.2),
            *_scored(norm, filters, stride=2),
            *_scored(norm, 2 * filters, stride=2),
            *_scored(norm, 4 * filters, stride=1),
            nn.Conv2d(8 * filters, 1, 4, padding=2),
        )
        _initialise(self)

    def forward(self, blurred: Tensor, candidate: Tensor) -> Tensor:
        """Return the scores, (batch, 1, rows, columns), of 35 x 35 patches for 256 x 256 pixels.

        blurred: not used. candidate: (batch, channels, y, x), black -1 and full scale 1; 16 pixels
        or more. The scores are not squashed.
        """
        del blurred
        scores: Tensor = self.layers(candidate)
        return scores


def _normed(conv: nn.Conv2d | nn.ConvTranspose2d) -> list[nn.Module]:
    return [conv, InstanceNorm(conv.out_channels), nn.ReLU()]


def _doubled(before: int, after: int) -> nn.ConvTranspose2d:
    """Return a transposed convolution that doubles the side of a plane."""
    return nn.ConvTranspose2d(before, after, 3, stride=2, padding=1, output_padding=1)


def _scored(norm: keras.Norm, width: int, stride: int) -> list[nn.Module]:
    """Return a layer of the critic, which doubles the number of channels."""
    conv = nn.Conv2d(width, 2 * width, 4, stride=stride, padding=2, bias=norm != "batch")
    norms = {"instance": InstanceNorm, "batch": nn.BatchNorm2d, "none": nn.Identity}
    return [conv, norms[norm](2 * width), nn.LeakyReLU(0.2)]


def _initialise(network: nn.Module) -> None:
    """Draw all convolutions' weights with a deviation of 0.02, and set their biases to 0."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(module.weight, 0.0, 0.02)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


NETWORKS = {"deblurgan": Generator}
