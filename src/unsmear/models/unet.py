"""U-Net: an autoencoder whose decoder also sees the encoder's features of each level.

Ronneberger, Fischer and Brox, "U-Net: Convolutional Networks for Biomedical Image Segmentation",
MICCAI 2015, for images of the same size as the input: convolutions with padding "same", and
nearest-neighbour enlargement in place of transposed convolutions, so that no checkerboard can
appear (Odena et al., Distill, 2016).
"""

from __future__ import annotations

from torch import Tensor, cat, nn

from unsmear.models import keras, receptive_field


class UNet(nn.Module):
    """U-Net: blurred image to restored image, black 0 and full scale 1.

    channels: of the images. features: channels of the first level; each level has twice as many
        as the one above it, at half the side.
    levels: number of times that the side is halved; the original has 64 features and 4 levels.
    residual: the network predicts a correction to the blurred image, which is 0 at first.

    Raises OptionError.
    """

    values = (0.0, 1.0)

    def __init__(
        self, *, channels: int = 3, features: int = 32, levels: int = 3, residual: bool = True
    ) -> None:
        super().__init__()
        keras.check("none", channels=channels, features=features, levels=levels)
        self.channels, self.residual = channels, residual
        self.stride = 2**levels
        self.layers = layers(channels, channels, features, levels)
        keras.he_normal(self)
        if residual:
            keras.zero(self.layers[-1])
        self.halo = receptive_field.halo(receptive_layers(levels), self.stride)

    def forward(self, blurred: Tensor) -> Tensor:
        """Return the restored images, (batch, channels, y, x); sides multiples of `stride`."""
        output: Tensor = self.layers(blurred)
        return blurred + output if self.residual else output


def layers(before: int, after: int, features: int, levels: int) -> nn.Sequential:
    """Return the layers of a U-Net from `before` to `after` channels; the last one is linear."""
    return nn.Sequential(_Level(before, features, levels), nn.Conv2d(features, after, 1))


def receptive_layers(levels: int) -> list[receptive_field.Layer]:
    """Return the receptive fields of a U-Net's layers, from the first to the last."""
    conv, pool = receptive_field.conv(3), receptive_field.conv(2, 2)
    found = [conv, conv]
    for _ in range(levels):
        below = [pool, *found, receptive_field.nearest, conv]
        found = [conv, conv, receptive_field.beside([], below), conv, conv]
    return found


class _Level(nn.Module):
    """Two convolutions, `below` levels at half the side, and two convolutions of both results."""

    def __init__(self, before: int, width: int, below: int) -> None:
        super().__init__()
        wider = 2 * width
        inner = _Level(width, wider, below - 1) if below > 1 else _twice(width, wider)
        self.down = _twice(before, width)
        self.below = nn.Sequential(
            nn.MaxPool2d(2), inner, nn.Upsample(scale_factor=2), keras.conv(wider, width, 3)
        )
        self.up = _twice(wider, width)

    def forward(self, planes: Tensor) -> Tensor:
        skipped = self.down(planes)
        output: Tensor = self.up(cat([skipped, self.below(skipped)], 1))
        return output


def _twice(before: int, after: int) -> nn.Sequential:
    first, second = keras.conv(before, after, 3), keras.conv(after, after, 3)
    return nn.Sequential(first, nn.ReLU(), second, nn.ReLU())


NETWORKS = {"unet": UNet}
