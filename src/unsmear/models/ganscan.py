"""The generator of GANscan, as far as it could be known: that of pix2pix.

Fanous and Popescu, "GANscan: continuous scanning microscopy using deep learning deblurring", Light:
Science & Applications 11, 265 (2022): frames of a stage that does not stop are restored by a
generative adversarial network. Of the publication only the introduction could be read here, not
the description of the network. What is taken instead is the usual network of that kind for pairs
of images, pix2pix: Isola et al., "Image-to-Image Translation with Conditional Adversarial
Networks", CVPR 2017, appendix 6.1, with the critic of `patchgan`, the cross-entropy of
`losses.adversarial` and the L1 loss with its weight of 100 (preset `ganscan`).

Three things differ from pix2pix. It halves the side eight times, to a single pixel of its images
of 256 x 256; here six times by default, so that frames are padded to multiples of 64 at most (with
eight the network has 54,413,955 parameters, as in its authors' PyTorch version). When an image is
restored nothing is dropped, and normalisations use the statistics that they gathered in training,
not those of the image.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from unsmear.errors import OptionError
from unsmear.models import keras, receptive_field

MOST = 8
"""Largest width of a level, in filters of the first."""
SLOPE = 0.2
"""Slope of the encoder's leaky ReLU below 0."""
DROPPING = 3
"""Number of the deepest levels but one whose decoders drop features in training."""
DEVIATION = 0.02
"""Standard deviation of the weights at first."""


class GANscan(nn.Module):
    """GANscan's generator: blurred image to restored image, black -1 and full scale 1.

    channels: of the images. filters: of the first level; each level has twice as many as the one
        above it, at most eight times as many, at half the side.
    levels: number of times that the side is halved, 3 or more. dropout: rate of the deepest levels
        but one in training.
    norm: "batch" as in pix2pix, "instance" or "none". With "instance" each result depends on the
        whole image.

    Raises OptionError.
    """

    values = (-1.0, 1.0)

    def __init__(
        self,
        *,
        channels: int = 3,
        filters: int = 64,
        levels: int = 6,
        dropout: float = 0.5,
        norm: keras.Norm = "batch",
    ) -> None:
        super().__init__()
        keras.check(norm, dropout, filters=filters, channels=channels, levels=levels)
        if levels < 3:
            raise OptionError(f"levels must be 3 or more, got {levels}.")
        self.channels = channels
        self.stride = 2**levels
        widths = [filters * min(2**level, MOST) for level in range(levels)]
        self.first = nn.Conv2d(channels, filters, 4, 2, 1, bias=False)
        self.below = _Level(widths, dropout, norm)
        self.last = nn.Sequential(nn.ReLU(), nn.ConvTranspose2d(2 * filters, channels, 4, 2, 1))
        self.apply(_draw)
        self.halo: int | None = None if norm == "instance" else _halo(levels)

    def forward(self, blurred: Tensor) -> Tensor:
        """Return the restored images, (batch, channels, y, x); sides multiples of `stride`."""
        return torch.tanh(self.last(self.below(self.first(blurred))))


class _Level(nn.Module):
    """Features beside what the levels below make of them.

    widths: of this level and of those below it.
    """

    def __init__(self, widths: list[int], dropout: float, norm: keras.Norm) -> None:
        super().__init__()
        width, wider, *deeper = widths
        down = nn.Conv2d(width, wider, 4, 2, 1, bias=False)
        up = nn.ConvTranspose2d(2 * wider if deeper else wider, width, 4, 2, 1, bias=False)
        layers: list[nn.Module] = [nn.LeakyReLU(SLOPE), down]
        if deeper:  # the deepest level may be a single pixel, which no statistics can normalise
            layers += [keras.norm(norm, wider), _Level(widths[1:], dropout, norm)]
        layers += [nn.ReLU(), up, keras.norm(norm, width)]
        if 1 <= len(deeper) <= DROPPING and width == wider:
            layers.append(nn.Dropout(dropout))
        self.layers = nn.Sequential(*layers)

    def forward(self, features: Tensor) -> Tensor:
        return torch.cat([features, self.layers(features)], 1)


def _halo(levels: int) -> int:
    """Return the radius of the receptive field, pixels."""
    down, up = receptive_field.conv(4, 2), receptive_field.transposed_by_four
    found = [down, up]
    for _ in range(levels - 2):
        found = [down, receptive_field.beside([], found), up]
    return receptive_field.halo([down, receptive_field.beside([], found), up], 2**levels)


def _draw(layer: nn.Module) -> None:
    """Draw a layer's weights as pix2pix does."""
    if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(layer.weight, 0, DEVIATION)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
    elif isinstance(layer, nn.BatchNorm2d | nn.InstanceNorm2d):
        nn.init.normal_(layer.weight, 1, DEVIATION)


NETWORKS = {"ganscan": GANscan}
