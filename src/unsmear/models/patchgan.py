"""PatchGAN: a discriminator that scores patches of 70 x 70 pixels independently.

Isola et al., "Image-to-Image Translation with Conditional Adversarial Networks", CVPR 2017, in
TensorFlow's own version, which the paper (section IV B) takes over: no convolution but the last
has a bias, and a slope of 0.3. 2,770,433 parameters by default, as in the paper, where Keras also
counts the running mean and variance of each normalisation (here: buffers).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from unsmear.models import keras


class Discriminator(nn.Module):
    """The discriminator: scores of patches, higher where a candidate looks like a sharp image.

    channels: of one image. filters: of the first layer; the last but one has eight times as many.
    slope: of the leaky ReLU below 0.
    norm: "batch" as in the paper, "instance" or "none". A gradient penalty asks for the slope at
        each image for itself, which "batch" makes depend on the others.

    Raises OptionError.
    """

    values = (-1.0, 1.0)

    def __init__(
        self,
        *,
        channels: int = 3,
        filters: int = 64,
        slope: float = 0.3,
        norm: keras.Norm = "batch",
    ) -> None:
        super().__init__()
        keras.check(norm, filters=filters, channels=channels)
        self.channels = channels
        bias = norm == "none"
        self.layers = nn.Sequential(
            keras.conv(2 * channels, filters, 4, stride=2, bias=False),
            nn.LeakyReLU(slope),
            keras.conv(filters, 2 * filters, 4, stride=2, bias=bias),
            keras.norm(norm, 2 * filters),
            nn.LeakyReLU(slope),
            keras.conv(2 * filters, 4 * filters, 4, stride=2, bias=bias),
            keras.norm(norm, 4 * filters),
            nn.LeakyReLU(slope),
            nn.Conv2d(4 * filters, 8 * filters, 4, padding=1, bias=bias),
            keras.norm(norm, 8 * filters),
            nn.LeakyReLU(slope),
            nn.Conv2d(8 * filters, 1, 4, padding=1),
        )
        keras.he_normal(self)

    def forward(self, blurred: Tensor, candidate: Tensor) -> Tensor:
        """Return the scores, (batch, 1, rows, columns), of 30 x 30 patches for 256 x 256 pixels.

        blurred, candidate: (batch, channels, y, x), black -1 and full scale 1; 24 pixels or more.
        The scores are not squashed.
        """
        scores: Tensor = self.layers(torch.cat([blurred, candidate], 1))
        return scores
