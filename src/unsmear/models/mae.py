"""Masked autoencoder, which pretrains the encoder of a vision transformer without labels.

He et al., "Masked autoencoders are scalable vision learners", CVPR 2022. The encoder gets a few
patches of an image; a smaller decoder predicts the pixels of all patches from their features. With
a blurred image and a sharp target it is the deblurring masked autoencoder of Kang et al.,
"Deblurring masked autoencoder is better recipe for ultrasound image recognition", MICCAI 2023: the
same network, whose training differs (`train.tasks.pretraining`). The published size, ViT-B/16, is
that of `models.vit` with a decoder of width 512, depth 8 and heads 16: 111,655,680 parameters, and
252,160 numbers of fixed positions in a file for images of 224 pixels.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from unsmear.models.vit import EPSILON, VALUES, Block, Encoder, check_sizes, positions, xavier


class MaskedAutoencoder(nn.Module):
    """The patches of a whole image from some of them, in [-1, 1] as the image.

    channels: of the image. patch: side of a patch, pixels. width, depth, heads: of the encoder;
    decoder_...: of the decoder.

    Raises OptionError.
    """

    values = VALUES
    pretrains = ("vit",)
    """Classifiers that have the same encoder."""

    def __init__(
        self,
        *,
        channels: int = 3,
        patch: int = 16,
        width: int = 192,
        depth: int = 6,
        heads: int = 3,
        decoder_width: int = 96,
        decoder_depth: int = 2,
        decoder_heads: int = 3,
    ) -> None:
        super().__init__()
        self.channels, self.stride = channels, patch
        self.encoder = Encoder(channels, patch, width, depth, heads)
        self.decoder = Decoder(
            width, channels * patch**2, decoder_width, decoder_depth, decoder_heads
        )

    def forward(self, images: Tensor, shown: Tensor) -> Tensor:
        """Return the predicted patches, (batch, patch, value), as `to_patches` orders them.

        images: (batch, channel, y, x). shown: (batch, number), the patches that the encoder gets.
        """
        rows, columns = (side // self.stride for side in images.shape[-2:])
        predicted: Tensor = self.decoder(self.encoder(images, shown), shown, rows, columns)
        return predicted


class Decoder(nn.Module):
    """Predicted patches from the features of some of them; a learned token stands for the others.

    width: of the features. values: numbers in a patch. own_width, depth, heads: of the decoder.
    """

    def __init__(self, width: int, values: int, own_width: int, depth: int, heads: int) -> None:
        super().__init__()
        check_sizes("decoder_", own_width, depth, heads)
        self.width = own_width
        self.enter = nn.Linear(width, own_width)
        self.token = nn.Parameter(torch.zeros(1, 1, own_width))
        self.blocks = nn.Sequential(*(Block(own_width, heads) for _ in range(depth)))
        self.norm = nn.LayerNorm(own_width, eps=EPSILON)
        self.leave = nn.Linear(own_width, values)
        nn.init.normal_(self.token, std=0.02)
        xavier(self)

    def forward(self, features: Tensor, shown: Tensor, rows: int, columns: int) -> Tensor:
        """Return the patches, (batch, patch, value).

        features: of the encoder, (batch, 1 + number, width). shown: (batch, number), as there.
        rows, columns: of the patches.
        """
        features = self.enter(features)
        every = self.token.to(features.dtype).expand(len(features), rows * columns, -1)
        places = shown[..., None].expand(-1, -1, self.width)
        every = every.scatter(1, places, features[:, 1:])
        every = every + positions(rows, columns, self.width).to(features)
        tokens = self.norm(self.blocks(torch.cat([features[:, :1], every], dim=1)))
        patches: Tensor = self.leave(tokens[:, 1:])
        return patches


def to_patches(images: Tensor, side: int) -> Tensor:
    """Return the patches of images (batch, channel, y, x), row by row: (batch, patch, value).

    side: of a patch, pixels. The values of a patch are ordered by channel, y, x.
    """
    return functional.pixel_unshuffle(images, side).flatten(2).mT


def to_images(patches: Tensor, side: int, rows: int) -> Tensor:
    """Return the images of patches, the inverse of `to_patches`; rows: of the patches."""
    maps = patches.mT.reshape(len(patches), patches.shape[2], rows, -1)
    return functional.pixel_shuffle(maps, side)


AUTOENCODERS = {"deblur-mae": MaskedAutoencoder, "mae": MaskedAutoencoder}
