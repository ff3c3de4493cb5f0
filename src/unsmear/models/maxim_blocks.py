"""Blocks of MAXIM, whose modules have the names of the original's parameters.

Tu et al., "MAXIM: Multi-Axis MLP for Image Processing", CVPR 2022; the original is written in Flax.
All tensors are (batch, channel, y, x).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from unsmear.models.maxim_layers import (
    SMALL,
    Axis,
    Conv,
    Dense,
    Mix,
    Norm,
    Pointwise,
    Up,
    tokens_of,
)

SLOPE = 0.2
"""Slope of the leaky ReLUs below 0."""


class CALayer(nn.Module):
    """Channel attention: each channel times a number that the means of all decide, and more."""

    def __init__(self, features: int, reduction: int) -> None:
        super().__init__()
        self.Conv_0 = Pointwise(features, features // reduction)
        self.Conv_1 = Pointwise(features // reduction, features)

    def forward(self, x: Tensor, shortcut: Tensor) -> Tensor:
        """Return the same shape, the shortcut added."""
        means = x.mean((2, 3), keepdim=True)
        weights = torch.sigmoid(self.Conv_1(functional.relu(self.Conv_0(means))))
        return torch.addcmul(shortcut, x, weights)


class RCAB(nn.Module):
    """Residual channel attention block of convolutions."""

    def __init__(self, features: int, reduction: int) -> None:
        super().__init__()
        self.LayerNorm = Norm(features)
        self.conv1, self.conv2 = Conv(features, features), Conv(features, features)
        self.channel_attention = CALayer(features, reduction)

    def forward(self, x: Tensor) -> Tensor:
        """Return the same shape."""
        y = functional.leaky_relu(self.conv1(self.LayerNorm(x)), SLOPE, inplace=True)
        output: Tensor = self.channel_attention(self.conv2(y), x)
        return output


class MlpBlock(nn.Module):
    """Two linear layers over the channels."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.Dense_0 = Dense(features, features, SMALL)
        self.Dense_1 = Dense(features, features, SMALL)

    def forward(self, x: Tensor) -> Tensor:
        """Return the same shape."""
        output: Tensor = self.Dense_1(self.Dense_0.bent(x))
        return output


class RDCAB(nn.Module):
    """Residual channel attention block of linear layers."""

    def __init__(self, features: int, reduction: int) -> None:
        super().__init__()
        self.LayerNorm = Norm(features)
        self.channel_mixing = MlpBlock(features)
        self.channel_attention = CALayer(features, reduction)

    def forward(self, x: Tensor) -> Tensor:
        """Return the same shape."""
        output: Tensor = self.channel_attention(self.channel_mixing(self.LayerNorm(x)), x)
        return output


class GatingUnit(nn.Module):
    """Half of the channels times 1 + the other half, mixed over the tokens."""

    def __init__(self, features: int, tokens: int) -> None:
        super().__init__()
        self.intermediate_layernorm = Norm(features)
        self.Dense_0 = Mix(tokens)

    def forward(self, x: Tensor) -> Tensor:
        """Return half of the channels; x: (group, 2 features, token, 1)."""
        features, gates = x.chunk(2, dim=1)
        gated: Tensor = features * self.Dense_0(self.intermediate_layernorm(gates), 1.0)
        return gated


class GmlpLayer(nn.Module):
    """A gated MLP over one axis (Liu et al., "Pay attention to MLPs", NeurIPS 2021)."""

    def __init__(self, features: int, side: int, axis: Axis) -> None:
        super().__init__()
        self.side, self.axis = side, axis
        self.LayerNorm = Norm(features)
        self.in_project = Dense(features, 2 * features, SMALL)
        self.gate = "GridGatingUnit" if axis == "grid" else "BlockGatingUnit"
        self.add_module(self.gate, GatingUnit(features, side**2))
        self.out_project = Dense(features, features, SMALL)

    def forward(self, x: Tensor) -> Tensor:
        """Return the same shape."""
        tokens, back = tokens_of(x, self.side, self.axis)
        gated = self.get_submodule(self.gate)(self.in_project.bent(self.LayerNorm(tokens)))
        return back(self.out_project(gated).add_(tokens))


class SplitHeadMultiAxisGmlpLayer(nn.Module):
    """The multi-axis gated MLP: half of the channels over the grid, half over the blocks."""

    def __init__(self, features: int, side: int) -> None:
        super().__init__()
        self.LayerNorm_in = Norm(features)
        self.in_project = Dense(features, 2 * features, SMALL)
        self.GridGmlpLayer = GmlpLayer(features, side, "grid")
        self.BlockGmlpLayer = GmlpLayer(features, side, "block")
        self.out_project = Dense(2 * features, features, SMALL)

    def forward(self, x: Tensor) -> Tensor:
        """Return the same shape."""
        over_grid, over_blocks = self.in_project.bent(self.LayerNorm_in(x)).chunk(2, dim=1)
        both = [self.GridGmlpLayer(over_grid), self.BlockGmlpLayer(over_blocks)]
        output: Tensor = self.out_project(torch.cat(both, dim=1)).add_(x)
        return output


class SpatialGatingWeights(nn.Module):
    """Gating weights for another signal: this one, mixed over the grid and over the blocks."""

    def __init__(self, features: int, side: int) -> None:
        super().__init__()
        self.side = side
        self.LayerNorm_in = Norm(features)
        self.in_project = Dense(features, 2 * features)
        self.Dense_0, self.Dense_1 = Mix(side**2, shift=1.0), Mix(side**2, shift=1.0)
        self.out_project = Dense(2 * features, features)

    def forward(self, x: Tensor) -> Tensor:
        """Return the same shape."""
        halves = self.in_project.bent(self.LayerNorm_in(x)).chunk(2, dim=1)
        over_grid, from_grid = tokens_of(halves[0], self.side, "grid")
        over_blocks, from_blocks = tokens_of(halves[1], self.side, "block")
        both = [from_grid(self.Dense_0(over_grid)), from_blocks(self.Dense_1(over_blocks))]
        output: Tensor = self.out_project(torch.cat(both, dim=1))
        return output


class CrossGatingBlock(nn.Module):
    """Two signals, each multiplied by what the other one decides.

    before: channels of x and of y. upsample: whether y is half as large as x.
    """

    def __init__(
        self, before: tuple[int, int], features: int, side: int, *, upsample: bool = False
    ) -> None:
        super().__init__()
        self.upsample = upsample
        if upsample:
            self.ConvTranspose_0 = Up(before[1], features)
        self.Conv_0 = Pointwise(before[0], features)
        self.Conv_1 = Pointwise(features if upsample else before[1], features)
        self.LayerNorm_x, self.LayerNorm_y = Norm(features), Norm(features)
        self.in_project_x, self.in_project_y = Dense(features, features), Dense(features, features)
        self.SplitHeadMultiAxisGating_x = SpatialGatingWeights(features, side)
        self.SplitHeadMultiAxisGating_y = SpatialGatingWeights(features, side)
        self.out_project_x = Dense(features, features)
        self.out_project_y = Dense(features, features)

    def forward(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Return both signals, of x's size."""
        x = shortcut_x = self.Conv_0(x)
        y = shortcut_y = self.Conv_1(self.ConvTranspose_0(y) if self.upsample else y)
        x = self.in_project_x.bent(self.LayerNorm_x(x))
        y = self.in_project_y.bent(self.LayerNorm_y(y))
        from_x = self.SplitHeadMultiAxisGating_x(x)
        from_y = self.SplitHeadMultiAxisGating_y(y)
        y = self.out_project_y(y * from_x).add_(shortcut_y)
        return self.out_project_x(x * from_y).add_(y).add_(shortcut_x), y


class SAM(nn.Module):
    """Supervised attention between two stages (Zamir et al., "MPRNet", CVPR 2021)."""

    def __init__(self, features: int, channels: int) -> None:
        super().__init__()
        self.Conv_0 = Conv(features, features)
        self.Conv_1 = Conv(features, channels)
        self.Conv_2 = Conv(channels, features)

    def forward(self, x: Tensor, image: Tensor) -> tuple[Tensor, Tensor]:
        """Return the next stage's features, and this stage's restored image."""
        restored = self.Conv_1(x) + image
        return torch.addcmul(x, self.Conv_0(x), torch.sigmoid(self.Conv_2(restored))), restored


class _Pairs(nn.Module):
    """Pairs of mixing and attention, one after the other, and a shortcut past all of them.

    before: channels of what comes in.
    """

    first = "Conv_0"
    called = "channel_attention_block_1"
    """Prefix of the attention layers' names; their number follows."""
    attention: type[RCAB] | type[RDCAB] = RCAB

    def __init__(self, before: int, features: int, side: int, groups: int, reduction: int) -> None:
        super().__init__()
        self.add_module(self.first, Pointwise(before, features))
        self.pairs = [
            (f"SplitHeadMultiAxisGmlpLayer_{i}", f"{self.called}{i}") for i in range(groups)
        ]
        for mixing, attention in self.pairs:
            self.add_module(mixing, SplitHeadMultiAxisGmlpLayer(features, side))
            self.add_module(attention, self.attention(features, reduction))

    def _paired(self, x: Tensor) -> Tensor:
        x = shortcut = self.get_submodule(self.first)(x)
        for mixing, attention in self.pairs:
            x = self.get_submodule(attention)(self.get_submodule(mixing)(x))
        return x.add_(shortcut)


class UNetEncoderBlock(_Pairs):
    """A block of the way down. crossed: whether it meets the stage before."""

    def __init__(
        self,
        before: int,
        features: int,
        side: int,
        groups: int,
        reduction: int,
        *,
        crossed: bool = False,
    ) -> None:
        super().__init__(before, features, side, groups, reduction)
        self.crossed = crossed
        if crossed:
            self.cross_gating_block = CrossGatingBlock((features, features), features, side)
        self.Conv_1 = Conv(features, features, 4, 2)

    def forward(self, x: Tensor, before: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return the features, and half as large; before: what the stage before had here."""
        x = self._paired(x)
        if self.crossed:
            x, _ = self.cross_gating_block(x, before)
        return x, self.Conv_1(x)


class UNetBlock(_Pairs):
    """The mixing and attention of a decoder block, after its inputs are concatenated."""

    def forward(self, x: Tensor) -> Tensor:
        """Return the features."""
        return self._paired(x)


class UNetDecoderBlock(nn.Module):
    """A block of the way up. before: channels from below. beside: channels of the bridge."""

    def __init__(
        self, before: int, beside: int, features: int, side: int, groups: int, reduction: int
    ) -> None:
        super().__init__()
        self.ConvTranspose_0 = Up(before, features)
        # An encoder's to the original, but for its smaller version.
        self.UNetEncoderBlock_0 = UNetBlock(features + beside, features, side, groups, reduction)

    def forward(self, x: Tensor, bridge: Tensor) -> Tensor:
        """Return the features, twice as large as x."""
        larger = torch.cat([self.ConvTranspose_0(x), bridge], dim=1)
        output: Tensor = self.UNetEncoderBlock_0(larger)
        return output


class BottleneckBlock(_Pairs):
    """A block at the turn, between the way down and the way up."""

    first = "input_proj"
    called = "channel_attention_block_1_"
    attention = RDCAB

    def __init__(self, features: int, side: int, groups: int, reduction: int) -> None:
        super().__init__(features, features, side, groups, reduction)

    def forward(self, x: Tensor) -> Tensor:
        """Return the same size."""
        return self._paired(x)
