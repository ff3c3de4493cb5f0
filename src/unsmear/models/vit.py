"""Vision transformer, a classifier whose encoder a masked autoencoder can pretrain.

Dosovitskiy et al., "An image is worth 16x16 words", ICLR 2021, in the form of He et al., "Masked
autoencoders are scalable vision learners", CVPR 2022: positions are fixed sines and cosines, so
that images can have any size. Small by default. The published ViT-B/16 is patch 16, width 768,
depth 12 and heads 12: its encoder has 85,647,360 parameters, and files for images of 224 pixels
hold another 151,296 numbers for the fixed positions.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from unsmear.errors import OptionError
from unsmear.models import keras

VALUES = (-1.0, 1.0)
"""Black and white in the encoder's input, the same in pretraining and afterwards."""
EPSILON = 1e-6
"""Added to the variances of the layer normalisations, as published."""
WIDER = 4
"""Width between the two layers of a block's perceptron, as a multiple of the block's width."""
POOLS = ("mean", "class")


class VisionTransformer(nn.Module):
    """A classifier: (batch, channel, y, x) in [-1, 1] -> logits (batch, label).

    labels: number of labels, each present or absent. channels: of the image. patch: side of a
    patch, pixels. width, depth, heads: of the encoder. pool: whether the last layer gets the mean
    of the patches' features or the class token's. normalise: batch normalisation without weights of
    those features, which He et al. have where only the last layer learns. dropout: before the last
    layer.

    Raises OptionError.
    """

    values = VALUES

    def __init__(
        self,
        *,
        labels: int = 19,
        channels: int = 3,
        patch: int = 16,
        width: int = 192,
        depth: int = 6,
        heads: int = 3,
        pool: str = "mean",
        normalise: bool = False,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        keras.check("batch", dropout, labels=labels)
        if pool not in POOLS:
            raise OptionError(f"pool must be mean or class, got {pool}.")
        self.labels, self.channels, self.pool = labels, channels, pool
        self.stride = self.smallest = patch
        self.encoder = Encoder(channels, patch, width, depth, heads)
        self.norm = nn.BatchNorm1d(width, affine=False) if normalise else nn.Identity()
        self.drop = nn.Dropout(dropout)
        self.head = nn.Linear(width, labels)
        nn.init.trunc_normal_(self.head.weight, std=0.01)
        nn.init.zeros_(self.head.bias)

    def parts(self) -> dict[str, tuple[str, ...]]:
        """Return the parts that can be trained alone: the last layer, behind a frozen encoder."""
        return {"head": ("head.",)}

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits."""
        tokens = self.encoder(images)
        pooled = tokens[:, 0] if self.pool == "class" else tokens[:, 1:].mean(1)
        logits: Tensor = self.head(self.drop(self.norm(pooled)))
        return logits


class Encoder(nn.Module):
    """Features of an image: (batch, channel, y, x) -> (batch, 1 + patch, width).

    The first feature is that of the class token; those of the patches follow, row by row.

    Raises OptionError.
    """

    def __init__(self, channels: int, patch: int, width: int, depth: int, heads: int) -> None:
        super().__init__()
        keras.check("batch", channels=channels, patch=patch)
        check_sizes("", width, depth, heads)
        self.width = width
        self.patches = nn.Conv2d(channels, width, patch, stride=patch)
        self.token = nn.Parameter(torch.zeros(1, 1, width))
        self.blocks = nn.Sequential(*(Block(width, heads) for _ in range(depth)))
        self.norm = nn.LayerNorm(width, eps=EPSILON)
        nn.init.normal_(self.token, std=0.02)
        xavier(self)
        nn.init.xavier_uniform_(self.patches.weight.data.flatten(1))

    def forward(self, images: Tensor, shown: Tensor | None = None) -> Tensor:
        """Return the features.

        shown: (batch, number), the patches that are looked at, by their place row by row; the
        features are in this order. None: all patches.
        """
        maps = self.patches(images)
        places = positions(maps.shape[-2], maps.shape[-1], self.width)
        tokens = maps.flatten(2).transpose(1, 2) + places.to(maps)
        if shown is not None:
            tokens = tokens.gather(1, shown[..., None].expand(-1, -1, self.width))
        first = self.token.to(maps.dtype).expand(tokens.shape[0], -1, -1)
        features: Tensor = self.norm(self.blocks(torch.cat([first, tokens], dim=1)))
        return features


class Block(nn.Module):
    """Self-attention and a perceptron, each behind a layer normalisation and with a skip."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=EPSILON)
        self.attention = Attention(width, heads)
        self.norm2 = nn.LayerNorm(width, eps=EPSILON)
        self.perceptron = nn.Sequential(
            nn.Linear(width, WIDER * width), nn.GELU(), nn.Linear(WIDER * width, width)
        )

    def forward(self, tokens: Tensor) -> Tensor:
        """Return as many tokens, (batch, token, width)."""
        tokens = tokens + self.attention(self.norm1(tokens))
        changed: Tensor = tokens + self.perceptron(self.norm2(tokens))
        return changed


class Attention(nn.Module):
    """Self-attention of several heads between all tokens."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.into = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return what each token gathers from all, (batch, token, width)."""
        queries, keys, values = self.into(tokens).unflatten(2, (3, self.heads, -1)).unbind(2)
        gathered = functional.scaled_dot_product_attention(
            queries.transpose(1, 2), keys.transpose(1, 2), values.transpose(1, 2)
        )
        mixed: Tensor = self.out(gathered.transpose(1, 2).flatten(2))
        return mixed


def positions(rows: int, columns: int, width: int) -> Tensor:
    """Return the fixed positions of a grid of patches, (patch, width), row by row.

    Sines and cosines of a patch's column, then those of its row, each over width / 4 wavelengths
    that grow to 10,000 * 2 pi patches (Vaswani et al., NeurIPS 2017).
    """
    rates = 10_000.0 ** (-torch.arange(width // 4, dtype=torch.float64) / (width // 4))
    across, down = (
        torch.arange(count, dtype=torch.float64)[:, None] * rates for count in (columns, rows)
    )
    column, row = (torch.cat([angles.sin(), angles.cos()], dim=1) for angles in (across, down))
    grid = [column.expand(rows, -1, -1), row[:, None].expand(-1, columns, -1)]
    return torch.cat(grid, dim=2).flatten(0, 1)


def check_sizes(prefix: str, width: int, depth: int, heads: int) -> None:
    """Raise OptionError for sizes that no transformer has; prefix: of the options' names."""
    keras.check("batch", **{f"{prefix}depth": depth, f"{prefix}heads": heads})
    if width < 1 or width % 4 or width % heads:
        raise OptionError(
            f"{prefix}width must be a multiple of 4 and of {prefix}heads, {heads}, got {width}."
        )


def xavier(module: nn.Module) -> None:
    """Draw the weights of all linear layers in a module as published; their biases are 0."""
    for layer in module.modules():
        if isinstance(layer, nn.Linear):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)


CLASSIFIERS = {"vit": VisionTransformer}
