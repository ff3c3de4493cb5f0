"""The blocks of MAXIM: every name of a module is that of the original's parameters.

Tu et al., "MAXIM: Multi-Axis MLP for Image Processing", CVPR 2022; the original is written in Flax.
All tensors are (batch, channel, y, x), fastest in the channels-last layout, for every layer is a
convolution to oneDNN: the mixing of tokens too, which are channels to it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

EPSILON = 1e-6
"""Of the layer norms, as in Flax; PyTorch's own is 1e-5."""
SLOPE = 0.2
"""Of the leaky ReLUs."""
SMALL = 0.02
"""Deviation of the first weights of the gated layers."""
LECUN = 0.87962566103423978
"""Deviation of a normal distribution that is cut at 2."""

Axis = Literal["grid", "block"]
"""What a token's partners are: the pixels in its place in all the cells of a grid that covers the
image, or those in its own block."""


class Dense(nn.Linear):
    """A linear layer over the channels.

    deviation: of the first weights; None for Flax's own rule (LeCun).
    """

    def __init__(self, before: int, after: int, deviation: float | None = None) -> None:
        super().__init__(before, after)
        _begin(self.weight, self.bias, before, deviation)

    def forward(self, x: Tensor) -> Tensor:
        """Return (batch, after, y, x)."""
        return functional.conv2d(x, self.weight[:, :, None, None], self.bias)

    def bent(self, x: Tensor) -> Tensor:
        """Return Flax's gelu, the one by tanh, of it; in one pass where nothing is learned."""
        if not _fusible(x):
            return functional.gelu(self(x), approximate="tanh")
        made: Tensor = torch.ops.mkldnn._convolution_pointwise(
            x, self.weight[:, :, None, None], self.bias, (0, 0), (1, 1), (1, 1), 1,
            "gelu", [], "tanh",
        )  # fmt: skip
        return made


class Pointwise(Dense):
    """A convolution 1x1, the same layer; the original keeps its weights in another shape."""


class Conv(nn.Conv2d):
    """A convolution with zeros around, of a side that its stride divides evenly."""

    def __init__(self, before: int, after: int, size: int = 3, stride: int = 1) -> None:
        super().__init__(before, after, size, stride, (size - stride + 1) // 2)
        _begin(self.weight, self.bias, before * size**2)


class Up(nn.ConvTranspose2d):
    """An enlargement to twice the side, learned: each pixel becomes 2x2."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__(before, after, 2, 2)
        _begin(self.weight, self.bias, before * 4)


class Norm(nn.LayerNorm):
    """Mean 0 and variance 1 over the channels of each pixel, then a learned scale and shift."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, eps=EPSILON)

    def forward(self, x: Tensor) -> Tensor:
        """Return the same shape."""
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class Mix(nn.Linear):
    """A linear layer over the tokens: each becomes a mean of all, weighted and shifted.

    tokens: how many. shift: of the result at first.
    """

    def __init__(self, tokens: int, shift: float = 0.0) -> None:
        super().__init__(tokens, tokens)
        _begin(self.weight, self.bias, tokens, SMALL)
        nn.init.constant_(self.bias, shift)

    def forward(self, x: Tensor, more: float = 0.0) -> Tensor:
        """Return the mixed tokens plus `more`; x: (group, channel, token, 1)."""
        weight, bias = self.weight[:, :, None, None], self.bias + more
        return functional.conv2d(x.transpose(1, 2), weight, bias).transpose(1, 2)


class UpSampleRatio(nn.Module):
    """Another side and another number of channels: bilinear, and a convolution 1x1."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.Conv_0 = Pointwise(before, after)

    def forward(self, x: Tensor, levels: int) -> Tensor:
        """Return the image 2^levels times as large.

        Enlarging and the convolution can change places: bilinear weights add up to 1, and there are
        fewer pixels before.
        """
        if levels > 0:
            return functional.interpolate(self.Conv_0(x), scale_factor=2.0**levels, mode="bilinear")
        made: Tensor = self.Conv_0(shrink(x, 2**-levels) if levels else x)
        return made


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
        made: Tensor = self.channel_attention(self.conv2(y), x)
        return made


class MlpBlock(nn.Module):
    """Two linear layers over the channels."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.Dense_0 = Dense(features, features, SMALL)
        self.Dense_1 = Dense(features, features, SMALL)

    def forward(self, x: Tensor) -> Tensor:
        """Return the same shape."""
        made: Tensor = self.Dense_1(self.Dense_0.bent(x))
        return made


class RDCAB(nn.Module):
    """Residual channel attention block of linear layers."""

    def __init__(self, features: int, reduction: int) -> None:
        super().__init__()
        self.LayerNorm = Norm(features)
        self.channel_mixing = MlpBlock(features)
        self.channel_attention = CALayer(features, reduction)

    def forward(self, x: Tensor) -> Tensor:
        """Return the same shape."""
        made: Tensor = self.channel_attention(self.channel_mixing(self.LayerNorm(x)), x)
        return made


class GatingUnit(nn.Module):
    """Half of the channels times 1 + the other half, mixed over the tokens."""

    def __init__(self, features: int, tokens: int) -> None:
        super().__init__()
        self.intermediate_layernorm = Norm(features)
        self.Dense_0 = Mix(tokens)

    def forward(self, x: Tensor) -> Tensor:
        """Return half of the channels; x: (group, 2 features, token, 1)."""
        kept, mixed = x.chunk(2, dim=1)
        made: Tensor = kept * self.Dense_0(self.intermediate_layernorm(mixed), 1.0)
        return made


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
        made: Tensor = self.out_project(torch.cat(both, dim=1)).add_(x)
        return made


class SpatialGatingWeights(nn.Module):
    """What another signal is multiplied by: this one, mixed over the grid and over the blocks."""

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
        made: Tensor = self.out_project(torch.cat(both, dim=1))
        return made


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


class UNetEncoderBlock(nn.Module):
    """A block of the way down, and of the way up inside `UNetDecoderBlock`.

    before: channels of what comes in. crossed: whether it meets the stage before.
    """

    def __init__(
        self,
        before: int,
        features: int,
        side: int,
        groups: int,
        reduction: int,
        crossed: bool = False,
        *,
        downsample: bool = True,
    ) -> None:
        super().__init__()
        self.Conv_0 = Pointwise(before, features)
        self.groups = [
            (f"SplitHeadMultiAxisGmlpLayer_{i}", f"channel_attention_block_1{i}")
            for i in range(groups)
        ]
        for mixing, attention in self.groups:
            self.add_module(mixing, SplitHeadMultiAxisGmlpLayer(features, side))
            self.add_module(attention, RCAB(features, reduction))
        self.crossed, self.downsample = crossed, downsample
        if crossed:
            self.cross_gating_block = CrossGatingBlock((features, features), features, side)
        if downsample:
            self.Conv_1 = Conv(features, features, 4, 2)

    def forward(self, x: Tensor, before: Tensor | None = None) -> Tensor:
        """Return the features; before: what the stage before had here."""
        x = shortcut = self.Conv_0(x)
        for mixing, attention in self.groups:
            x = self.get_submodule(attention)(self.get_submodule(mixing)(x))
        x = x.add_(shortcut)
        crossed: Tensor = self.cross_gating_block(x, before)[0] if self.crossed else x
        return crossed


class UNetDecoderBlock(nn.Module):
    """A block of the way up. before: channels from below. beside: channels of the bridge."""

    def __init__(
        self, before: int, beside: int, features: int, side: int, groups: int, reduction: int
    ) -> None:
        super().__init__()
        self.ConvTranspose_0 = Up(before, features)
        self.UNetEncoderBlock_0 = UNetEncoderBlock(
            features + beside, features, side, groups, reduction, downsample=False
        )

    def forward(self, x: Tensor, bridge: Tensor) -> Tensor:
        """Return the features, twice as large as x."""
        larger = torch.cat([self.ConvTranspose_0(x), bridge], dim=1)
        made: Tensor = self.UNetEncoderBlock_0(larger)
        return made


class BottleneckBlock(nn.Module):
    """A block at the turn, between the way down and the way up."""

    def __init__(self, features: int, side: int, groups: int, reduction: int) -> None:
        super().__init__()
        self.input_proj = Pointwise(features, features)
        self.groups = [
            (f"SplitHeadMultiAxisGmlpLayer_{i}", f"channel_attention_block_1_{i}")
            for i in range(groups)
        ]
        for mixing, attention in self.groups:
            self.add_module(mixing, SplitHeadMultiAxisGmlpLayer(features, side))
            self.add_module(attention, RDCAB(features, reduction))

    def forward(self, x: Tensor) -> Tensor:
        """Return the same size."""
        x = shortcut = self.input_proj(x)
        for mixing, attention in self.groups:
            x = self.get_submodule(attention)(self.get_submodule(mixing)(x))
        return x.add_(shortcut)


def _fusible(x: Tensor) -> bool:
    """Return whether oneDNN can do what follows a convolution with it: it knows no gradients."""
    return (
        not torch.is_grad_enabled()
        and not torch.jit.is_tracing()  # type: ignore[no-untyped-call,attr-defined] # the file must hold what others know
        and not torch.compiler.is_compiling()  # which fuses by itself
        and torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
        and (x.device.type, x.dtype) == ("cpu", torch.float32)
    )


def tokens_of(x: Tensor, side: int, axis: Axis) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
    """Return the tokens of an image, (group, channel, token, 1), and the way back.

    side: of a block in pixels, or of the grid in cells. A group is what is mixed: a block of
    side^2 pixels; or, of each of the grid's side^2 cells, the pixel at the same place.
    """
    batch, channels, height, width = x.shape
    cell = (height // side, width // side) if axis == "grid" else (side, side)
    rows, columns = height // cell[0], width // cell[1]
    # batch, rows, inner rows, columns, inner columns, channel -> groups, tokens, channel
    order = (0, 2, 4, 1, 3, 5) if axis == "grid" else (0, 1, 3, 2, 4, 5)
    pixels = x.permute(0, 2, 3, 1).reshape(batch, rows, cell[0], columns, cell[1], channels)
    turned = pixels.permute(order)
    tokens = turned.reshape(-1, side**2, 1, channels).permute(0, 3, 1, 2)

    def back(tokens: Tensor) -> Tensor:
        turned_back = tokens.permute(0, 2, 3, 1).reshape(turned.shape).permute(_inverse(order))
        return turned_back.reshape(batch, height, width, -1).permute(0, 3, 1, 2)

    return tokens, back


def _inverse(order: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(order.index(place) for place in range(len(order)))


def nearest(x: Tensor, levels: int) -> Tensor:
    """Return the image 2^levels times smaller, every pixel one of the old ones."""
    step = 2**levels
    return x[:, :, step // 2 :: step, step // 2 :: step]  # the one right of and below the middle


def shrink(x: Tensor, factor: int) -> Tensor:
    """Return the image `factor` times smaller, bilinear and antialiased.

    PyTorch's own does the same in several times the time, and is not in the older ONNX.
    """
    offsets = torch.arange(2 * factor, dtype=x.dtype, device=x.device) - (factor - 0.5)
    taps = 1 - offsets.abs() / factor
    channels = int(x.shape[1])  # a trace must know it
    kernel = (taps[:, None] * taps).expand(channels, 1, -1, -1)
    step = factor, factor // 2  # with the padding
    seen = functional.conv2d(torch.ones_like(x[:1, :1]), kernel[:1], None, *step)
    return functional.conv2d(x, kernel, None, *step, 1, channels) / seen


def _begin(
    weight: Tensor, bias: Tensor | None, before: int, deviation: float | None = None
) -> None:
    """Draw the first weights as Flax does: normal, or LeCun's, cut at two deviations."""
    if deviation is None:
        spread = math.sqrt(1 / before) / LECUN
        nn.init.trunc_normal_(weight, 0.0, spread, -2 * spread, 2 * spread)
    else:
        nn.init.normal_(weight, 0.0, deviation)
    if bias is not None:  # for mypy: it never is
        nn.init.zeros_(bias)
