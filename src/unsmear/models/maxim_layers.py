"""Layers of MAXIM, with initial weights drawn as in Flax; tokens and resizing.

All tensors are (batch, channel, y, x), fastest in the channels-last layout, for every layer is a
convolution to oneDNN: the mixing of tokens too, which are channels to it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

EPSILON = 1e-6
"""Epsilon of the layer normalisations, as in Flax; PyTorch's default is 1e-5."""
SMALL = 0.02
"""Standard deviation of the initial weights of the gated layers."""
LECUN = 0.87962566103423978
"""Standard deviation of a normal distribution that is truncated at two sigma."""

Axis = Literal["grid", "block"]
"""What a token's partners are: the pixels in its place in all the cells of a grid that covers the
image, or those in its own block."""


def find_fused() -> Any:
    """Return oneDNN's convolution with what follows it; None where this PyTorch has none."""
    try:
        return getattr(torch.ops.mkldnn, "_convolution_pointwise", None)
    except RuntimeError:  # private, so it may come to be refused as well as to be missing
        return None


FUSED = find_fused()
"""oneDNN's convolution fused with its activation; None: two passes give the same result."""


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
        output: Tensor = FUSED(
            x, self.weight[:, :, None, None], self.bias, (0, 0), (1, 1), (1, 1), 1,
            "gelu", [], "tanh",
        )  # fmt: skip
        return output


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
        output: Tensor = self.Conv_0(shrink(x, 2**-levels) if levels else x)
        return output


def _fusible(x: Tensor) -> bool:
    """Return whether oneDNN can do what follows a convolution with it, and may.

    It is float32 here, without gradients; autocast does not know the operator.
    """
    return (
        FUSED is not None
        and not torch.is_grad_enabled()
        and not torch.jit.is_tracing()  # type: ignore[no-untyped-call,attr-defined] # the file must hold what others know
        and not torch.compiler.is_compiling()  # which fuses by itself
        and not torch.is_autocast_enabled("cpu")
        and torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
        and bool(torch.backends.mkldnn.enabled)
        and (x.device.type, x.dtype) == ("cpu", torch.float32)
        and x.numel() > 0
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
    groups = batch * turned.shape[1] * turned.shape[2]  # -1 would not do for an empty batch
    tokens = turned.reshape(groups, side**2, 1, channels).permute(0, 3, 1, 2)

    def back(tokens: Tensor) -> Tensor:
        turned_back = tokens.permute(0, 2, 3, 1).reshape(turned.shape).permute(_inverse(order))
        return turned_back.reshape(batch, height, width, channels).permute(0, 3, 1, 2)

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
    weight = functional.conv2d(torch.ones_like(x[:1, :1]), kernel[:1], None, *step)
    return functional.conv2d(x, kernel, None, *step, 1, channels) / weight


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
