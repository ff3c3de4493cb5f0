"""Networks of a user's own, as files in a folder of UNSMEAR_NETWORKS list them; for the tests."""

from typing import ClassVar

import torch
from torch import nn
from torch.nn import functional


class Folding(nn.Module):
    """Folds `stride` pixels together, convolves once, and adds half of what comes of it.

    What is convolved passes through no more than 8 planes of each channel, which keeps it small.
    """

    def __init__(self, *, channels=3, stride=8, values=(-1.0, 1.0)):
        super().__init__()
        self.channels, self.stride, self.values = channels, stride, tuple(values)
        self.halo = 2 * stride - 1
        folded = channels * stride**2
        narrow = channels * min(stride**2, 8)
        self.conv = nn.Conv2d(folded, narrow, 3, padding=1, groups=channels)
        self.spread = nn.Conv2d(narrow, folded, 1, groups=channels)
        self.mix = nn.Conv2d(channels, channels, 1)
        self.drop = nn.Dropout(0.5)

    def forward(self, blurred):
        folded = functional.pixel_unshuffle(blurred, self.stride)
        change = self.drop(self.spread(self.conv(folded))).tanh()
        change = functional.pixel_shuffle(change, self.stride)
        return blurred + 0.5 * self.mix(change)


class Whole(nn.Module):
    """Twice the light, less a tenth of the image's mean, which every pixel depends on."""

    channels, stride, halo, values = 1, 1, None, (0.0, 1.0)

    def __init__(self):
        super().__init__()
        self.gain = nn.Parameter(torch.full((1,), 2.0))

    def forward(self, blurred):
        return self.gain * blurred - 0.1 * blurred.mean((2, 3), keepdim=True)


class Pass(nn.Module):
    """Gives each of three channels back, times a weight of its own."""

    channels, stride, halo, values = 3, 4, 0, (-1.0, 1.0)

    def __init__(self):
        super().__init__()
        self.gains = nn.Parameter(torch.ones(1, 3, 1, 1))

    def forward(self, blurred):
        return (blurred + 1) * self.gains - 1


class Smaller(nn.Module):
    """Gives less than it takes."""

    channels, stride, halo, values = 1, 2, 0, (0.0, 1.0)

    def __init__(self):
        super().__init__()
        self.gain = nn.Parameter(torch.ones(1))

    def forward(self, blurred):
        return self.gain * blurred[..., ::2, ::2]


class Silent(nn.Module):
    """Does not say what it needs."""

    channels, stride, values = 1, 1, (0.0, 1.0)

    def forward(self, blurred):
        return blurred


class Frozen(nn.Module):
    """Adds a number that Python works out of the image's size."""

    channels, stride, halo, values = 1, 2, None, (0.0, 1.0)

    def __init__(self):
        super().__init__()
        self.gain = nn.Parameter(torch.ones(1))

    def forward(self, blurred):
        return self.gain * blurred + float(blurred.shape[-1]) / 100


class Curve(nn.Module):
    """A curve for each pixel, behind other outputs; says that it sees the whole image.

    seen: the shapes that all of its kind were given.
    """

    channels, stride, halo, values = 3, 16, None, (0.0, 1.0)
    tile, overlap = 64, 16
    seen: ClassVar[list] = []

    def __init__(self):
        super().__init__()
        self.gain = nn.Parameter(torch.ones(1))

    def forward(self, blurred):
        self.seen.append(tuple(blurred.shape))
        smaller = blurred[..., ::2, ::2]
        return [[smaller, 0 * blurred], [smaller, blurred - 0.5 * self.gain * blurred**2]]


NETWORKS = {
    "curve": Curve,
    "frozen": Frozen,
    "folding": Folding,
    "whole": Whole,
    "pass": Pass,
    "smaller": Smaller,
    "silent": Silent,
}
