"""Multi-scale network: restores a small copy of the image first, then ever larger ones.

Nah, Kim and Lee, "Deep Multi-scale Convolutional Neural Network for Dynamic Scene Deblurring", CVPR
2017, in its authors' PyTorch version (github.com/SeungjunNah/DeepDeblur-PyTorch, MSResNet).
11,721,321 parameters with 64 features, 19 blocks, kernels of 5 pixels and 3 scales, as published.
The published network gets a Gaussian pyramid as its input; here it halves the image itself, by
means over 2x2 pixels.
"""

from __future__ import annotations

from torch import Tensor, cat, nn
from torch.nn.functional import avg_pool2d

from unsmear.errors import OptionError
from unsmear.models import keras, receptive_field
from unsmear.models.receptive_field import Layer

UP = 5
"""Kernel size of the learned enlargement between two scales, pixels."""


class MultiScale(nn.Module):
    """Coarse-to-fine: blurred image to the images of all scales, black 0 and full scale 1.

    channels: of the images. features: channels of every layer in between. blocks: residual blocks
        of each scale. size: kernel size, pixels, odd.
    scales: number of scales; each has half the side of the next.
    residual: each scale predicts a correction to its blurred image, which is 0 at first; the
        published network predicts the image itself.

    Raises OptionError.
    """

    values = (0.0, 1.0)

    def __init__(
        self,
        *,
        channels: int = 3,
        features: int = 32,
        blocks: int = 6,
        size: int = 5,
        scales: int = 3,
        residual: bool = False,
    ) -> None:
        super().__init__()
        keras.check("none", channels=channels, features=features, blocks=blocks, scales=scales)
        if size < 1 or size % 2 == 0:
            raise OptionError(f"size must be odd and 1 or more, got {size}.")
        self.channels, self.residual = channels, residual
        self.stride = 2 ** (scales - 1)
        given = [channels, *[2 * channels] * (scales - 1)]
        networks = [_resnet(before, channels, features, blocks, size) for before in given]
        self.networks = nn.ModuleList(networks)
        self.ups = nn.ModuleList(_up(channels) for _ in given[1:])
        if residual:
            for network in networks:
                keras.zero(network[-1])
        self.halo = receptive_field.halo(_receptive_layers(blocks, size, scales), self.stride)

    def forward(self, blurred: Tensor) -> list[Tensor]:
        """Return the images of all scales, (batch, channels, y, x), the result last.

        blurred: sides multiples of `stride`.
        """
        middle = sum(self.values) / 2
        pyramid = [blurred - middle]
        for _ in self.ups:
            pyramid.insert(0, avg_pool2d(pyramid[0], 2))
        restored = [self._restore(0, pyramid[0], pyramid[0])]
        for scale, (image, up) in enumerate(zip(pyramid[1:], self.ups, strict=True), 1):
            restored.append(self._restore(scale, image, cat([image, up(restored[-1])], 1)))
        return [image + middle for image in restored]

    def _restore(self, scale: int, blurred: Tensor, given: Tensor) -> Tensor:
        output: Tensor = self.networks[scale](given)
        return blurred + output if self.residual else output


class _Block(nn.Module):
    """Two convolutions, added to what they get; no ReLU after the sum."""

    def __init__(self, width: int, size: int) -> None:
        super().__init__()
        first, second = keras.conv(width, width, size), keras.conv(width, width, size)
        self.layers = nn.Sequential(first, nn.ReLU(), second)

    def forward(self, planes: Tensor) -> Tensor:
        change: Tensor = self.layers(planes)
        return planes + change


def _resnet(before: int, after: int, width: int, blocks: int, size: int) -> nn.Sequential:
    between = [_Block(width, size) for _ in range(blocks)]
    first, last = keras.conv(before, width, size), keras.conv(width, after, size)
    return nn.Sequential(first, *between, last)


def _up(channels: int) -> nn.Sequential:
    return nn.Sequential(keras.conv(channels, 4 * channels, UP), nn.PixelShuffle(2))


def _receptive_layers(blocks: int, size: int, scales: int) -> list[Layer]:
    pool, resnet = receptive_field.conv(2, 2), [receptive_field.conv(size)] * (2 * blocks + 2)
    enlarge = [receptive_field.conv(UP), receptive_field.nearest]
    pyramid = [[pool] * halvings for halvings in reversed(range(scales))]
    found = [*pyramid[0], *resnet]
    for image in pyramid[1:]:
        found = [receptive_field.beside(image, [*found, *enlarge]), *resnet]
    return found


NETWORKS = {"multi-scale": MultiScale}
