"""The estimator's network: from spectral maps to the kind of blur, its parameters and its kernel.

A U-Net over shifts (Ronneberger et al., MICCAI 2015): what a kernel's autocorrelation shows at a
shift lies near the pixels that made it. The way down sees shifts up to 32 pixels; the way up
builds the kernel in the middle half. The middle of the turn also gives the kind and the figures.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

SUPPORT = 31
"""Side of the predicted kernel, pixels: 15 on each side of the centre of the maps."""
SQUEEZED = 24
"""Number of channels from which the parameters of the blur are predicted."""


@dataclass(frozen=True)
class Guess:
    """The network's prediction for a batch.

    kinds: (batch, 4) logits in the order of `estimate.result.KINDS`. length, radius: (batch,),
    pixels. turn: (batch, 2), cosine and sine of the doubled angle, not normalised.
    kernel: (batch, SUPPORT, SUPPORT) logits over its pixels, up to the 180-degree ambiguity.
    """

    kinds: Tensor
    length: Tensor
    radius: Tensor
    turn: Tensor
    kernel: Tensor


class KernelNet(nn.Module):
    """The network from maps and a radial profile to a prediction.

    maps, profile: numbers of maps and of values of the profile. side: of the maps, 64.
    widths: channels of each level. hidden: units of the turn.
    """

    def __init__(
        self,
        *,
        maps: int = 7,
        profile: int = 97,
        side: int = 64,
        widths: tuple[int, ...] = (16, 32, 64, 96),
        hidden: int = 160,
    ) -> None:
        super().__init__()
        self.side = side
        self.first = _block(maps, widths[0])
        self.down = nn.ModuleList(
            _block(width, deeper) for width, deeper in itertools.pairwise(widths)
        )
        corner = side // 2 ** (len(widths) - 1)
        self.squeeze = nn.Conv2d(widths[-1], SQUEEZED, 1)
        self.turn = nn.Sequential(
            nn.Linear(SQUEEZED * corner**2 + profile, hidden),
            nn.ReLU(),
            nn.Linear(hidden, hidden),
            nn.ReLU(),
        )
        self.figures = nn.Linear(hidden, 4 + 1 + 1 + 2)
        self.spread = nn.Linear(hidden, widths[-1] * (corner // 2) ** 2)
        self.up = nn.ModuleList(
            _block(width + deeper, width)
            for deeper, width in zip(widths[::-1], widths[-2::-1], strict=False)
        )
        self.last = nn.Conv2d(widths[0], 1, 3, padding=1)

    def forward(self, shifts: Tensor, profile: Tensor) -> Guess:
        """Return the guess for shifts (batch, maps, side, side) and (batch, profile)."""
        levels = [self.first(shifts)]
        for down in self.down:
            levels.append(down(functional.avg_pool2d(levels[-1], 2)))
        squeezed = functional.relu(self.squeeze(levels[-1])).flatten(1)
        hidden = self.turn(torch.cat([squeezed, profile], 1))
        figures = self.figures(hidden)
        built = _middle(levels[-1])
        built = built + self.spread(hidden).view(built.shape)
        for up, level in zip(self.up, levels[-2::-1], strict=True):
            wider = functional.interpolate(built, scale_factor=2.0, mode="nearest")
            built = up(torch.cat([wider, _middle(level)], 1))
        kernel = self.last(built)[:, 0, 1:, 1:]
        length, radius = functional.softplus(figures[:, 4]), functional.softplus(figures[:, 5])
        return Guess(figures[:, :4], 10 * length, 5 * radius, figures[:, 6:8], kernel)


def _block(channels: int, width: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, width, 3, padding=1, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(inplace=True),
        nn.Conv2d(width, width, 3, padding=1, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(inplace=True),
    )


def _middle(level: Tensor) -> Tensor:
    quarter = level.shape[-1] // 4
    return level[..., quarter : 3 * quarter, quarter : 3 * quarter]
