"""MAXIM, the paper's best restorer: a U-Net of gated MLPs over blocks and over the whole image.

Tu et al., "MAXIM: Multi-Axis MLP for Image Processing", CVPR 2022, as its authors wrote it in Flax
(github.com/google-research/maxim, Apache-2.0). Outputs equal theirs to rounding, and parameters
have their names, so that published weights load as they are.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from unsmear.errors import ImageError, OptionError
from unsmear.models.maxim_blocks import (
    SAM,
    BottleneckBlock,
    CrossGatingBlock,
    UNetDecoderBlock,
    UNetEncoderBlock,
)
from unsmear.models.maxim_layers import Conv, UpSampleRatio, nearest

DEPTH = 3
"""Number of levels of the U-Net, each with its own input and output."""
SIDES = (16, 16, 8)
"""Side of blocks and grids at each level of the U-Net."""
TURN = 8
"""Side of blocks and grids at the bottleneck of the U-Net."""
_UP = tuple(reversed(range(DEPTH)))
RESIZED = tuple(
    (source, level) for order in (range(DEPTH), _UP) for level in _UP for source in order
)
"""Source and target level of each resized signal of a stage, numbered in the order of the
original's calls: before the cross gating, then in the decoder."""


class MAXIM(nn.Module):
    """The restored images of every stage and scale from the blurred one, black 0 and full scale 1.

    features: channels of the first level; each has twice as many as the one before.
    stages: U-Nets, one after the other. groups: pairs of mixing and attention in each block.
    bottlenecks: blocks at the turn. reduction: of the channels in the attention.
    channels: of the images; the published networks take RGB.

    Every pixel depends on the whole image (grid, attention), differently for every image size.
    Large images are still processed in tiles, because memory grows by about 5 kB per pixel (S-3):
    1.3 GB for a tile, 20 GB for 2048x2048. benchmarks/maxim_tiles.py measures the effect of tiling.

    Raises OptionError.
    """

    values = (0.0, 1.0)
    stride = 64
    halo: int | None = None
    tile = 512
    overlap = 64

    def __init__(
        self,
        *,
        features: int = 32,
        stages: int = 3,
        groups: int = 2,
        bottlenecks: int = 2,
        reduction: int = 4,
        channels: int = 3,
    ) -> None:
        super().__init__()
        _check(
            features=features,
            stages=stages,
            groups=groups,
            bottlenecks=bottlenecks,
            reduction=reduction,
            channels=channels,
        )
        self.channels, self.stages = channels, stages
        self.groups, self.bottlenecks = groups, bottlenecks
        widths = [features * 2**level for level in range(DEPTH)]
        for stage in range(stages):
            self._add_stage(stage, widths, groups, reduction)

    def _add_stage(self, stage: int, widths: list[int], groups: int, reduction: int) -> None:
        more = groups, reduction
        for level, (width, side) in enumerate(zip(widths, SIDES, strict=True)):
            above, below = widths[max(0, level - 1)], widths[min(level + 1, DEPTH - 1)]
            joined = DEPTH * width
            add = partial(self._add, stage, level)
            add("input_conv", _input(self.channels, width))
            encoder = UNetEncoderBlock(above + width, width, side, *more, crossed=stage > 0)
            add("encoder_block", encoder)
            gates = CrossGatingBlock((joined, below), width, side, upsample=True)
            add("cross_gating_block", gates)
            add("decoder_block", UNetDecoderBlock(below, joined, width, side, *more))
            if stage > 0:
                add("input_fuse_sam", CrossGatingBlock((width, width), width, side))
            if stage < self.stages - 1:
                add("supervised_attention_module", SAM(width, self.channels))
            else:
                add("output_conv", Conv(width, self.channels))
        for number in range(self.bottlenecks):
            self._add(stage, number, "global_block", BottleneckBlock(widths[-1], TURN, *more))
        for number, (source, level) in enumerate(RESIZED, len(RESIZED) * stage):
            self.add_module(f"UpSampleRatio_{number}", UpSampleRatio(widths[source], widths[level]))

    def parts(self) -> dict[str, tuple[str, ...]]:
        """Return the parts that can be trained alone, as prefixes of the parameters' names.

        paper: the last 50 Keras layers, as Goncalves and Ferreira fine-tuned them.
        last-stage: the last U-Net.
        """
        last = f"stage_{self.stages - 1}_"
        block = f"{last}decoder_block_0.UNetEncoderBlock_0."
        mixing = f"{block}SplitHeadMultiAxisGmlpLayer_{self.groups - 1}."
        enlarged = range(len(RESIZED) * (self.stages - 1), len(RESIZED) * self.stages)
        return {
            "paper": (
                *(
                    f"{mixing}{layer}."
                    for layer in ("GridGmlpLayer", "BlockGmlpLayer", "out_project")
                ),
                f"{block}channel_attention_block_1{self.groups - 1}.",
                f"{last}output_conv_",
            ),
            "last-stage": (last, *(f"UpSampleRatio_{number}." for number in enlarged)),
        }

    def _add(self, stage: int, number: int, name: str, part: nn.Module) -> None:
        self.add_module(f"stage_{stage}_{name}_{number}", part)

    def forward(self, blurred: Tensor) -> list[list[Tensor]]:
        """Return `outputs[stage][scale]`, scale 0 a quarter of the side, scale 2 the whole.

        blurred: (batch, channels, y, x), sides multiples of `stride`. The result is the last one
        of the last stage; nothing is clipped. Raises ImageError for other sides.
        """
        if blurred.shape[-2] % self.stride or blurred.shape[-1] % self.stride:
            raise ImageError(
                f"sides must be multiples of {self.stride} pixels for MAXIM, "
                f"got {blurred.shape[-2]}x{blurred.shape[-1]}."
            )
        blurred = blurred.contiguous(memory_format=torch.channels_last)
        images = [blurred, *(nearest(blurred, level) for level in range(1, DEPTH))]
        outputs: list[list[Tensor]] = []
        before: _Features | None = None
        for stage in range(self.stages):
            restored, before = _Stage(self, stage)(images, before)
            outputs.append(restored)
        return outputs


def _input(channels: int, width: int) -> Conv:
    """Return a stage's first convolution, whose biases do not begin at 0 as the original's do.

    Black would be 0 in all layers then, where each layer norm multiplies a gradient by 1000; a
    black background is rare in photographs, and common here.
    """
    conv = Conv(channels, width)
    assert conv.bias is not None  # for mypy
    nn.init.normal_(conv.bias, 0.0, 0.1)
    return conv


class _Features:
    """Features that a stage passes on, by level: of its encoder, its decoder and its attention."""

    def __init__(self) -> None:
        self.down: list[Tensor] = []
        self.up: list[Tensor] = []
        self.attended: list[Tensor] = []


class _Stage:
    """One U-Net, by the names of its parts; its parameters are the network's."""

    def __init__(self, network: MAXIM, number: int) -> None:
        self.network, self.number = network, number

    def __call__(
        self, images: list[Tensor], before: _Features | None
    ) -> tuple[list[Tensor], _Features]:
        """Return the restored images, the smallest first, and what the next stage is given."""
        features = _Features()
        x = self._go_down(images, before, features)
        for number in range(self.network.bottlenecks):
            x = self._part("global_block", number)(x)
        bridges = self._cross(features.down, x)
        return self._go_up(images, bridges, x, features), features

    def _go_down(
        self, images: list[Tensor], before: _Features | None, features: _Features
    ) -> Tensor:
        x: Tensor | None = None
        for level, image in enumerate(images):
            shallow, earlier = self._part("input_conv", level)(image), None
            if before is not None:
                shallow, _ = self._part("input_fuse_sam", level)(shallow, before.attended[level])
                earlier = before.down[level] + before.up[level]
            both = torch.cat([shallow if x is None else x, shallow], dim=1)
            encoded, x = self._part("encoder_block", level)(both, earlier)
            features.down.append(encoded)
        assert x is not None  # for mypy: there are levels
        return x

    def _cross(self, down: list[Tensor], x: Tensor) -> list[Tensor]:
        """Return the features of the way down, each level's met by all others and by the turn."""
        crossed: list[Tensor] = []
        for level in reversed(range(DEPTH)):
            signal = self._resized(down, level, 0)
            bridge, x = self._part("cross_gating_block", level)(signal, x)
            crossed.append(bridge)
        return crossed[::-1]

    def _go_up(
        self, images: list[Tensor], bridges: list[Tensor], x: Tensor, features: _Features
    ) -> list[Tensor]:
        restored: list[Tensor] = []
        last = self.number == self.network.stages - 1
        for level in reversed(range(DEPTH)):
            signal = self._resized(bridges, level, len(RESIZED) // 2)
            x = self._part("decoder_block", level)(x, signal)
            if last:
                restored.append(self._part("output_conv", level)(x) + images[level])
            else:
                sam = self._part("supervised_attention_module", level)
                attended, image = sam(x, images[level])
                restored.append(image)
                features.attended.insert(0, attended)
            features.up.insert(0, x)
        return restored

    def _resized(self, signals: list[Tensor], level: int, first: int) -> Tensor:
        """Return the signals of all levels, in the size of one, as channels.

        first: of the phase's enlargements in `RESIZED`.
        """
        first += DEPTH * (DEPTH - 1 - level)
        resized = []
        for number, (source, _) in enumerate(RESIZED[first : first + DEPTH], first):
            name = f"UpSampleRatio_{len(RESIZED) * self.number + number}"
            resized.append(self.network.get_submodule(name)(signals[source], source - level))
        return torch.cat(resized, dim=1)

    def _part(self, name: str, number: int) -> Any:
        return self.network.get_submodule(f"stage_{self.number}_{name}_{number}")


def _check(**options: int) -> None:
    for name, value in options.items():
        if value < 1:
            raise OptionError(f"{name} must be 1 or more, got {value}.")
    if options["features"] % options["reduction"]:
        raise OptionError(
            f"features must be a multiple of reduction, {options['reduction']}, "
            f"got {options['features']}."
        )


VARIANTS: dict[str, dict[str, int]] = {
    f"{size}-{stages}": {"features": features, "stages": stages}
    for size, features in (("S", 32), ("M", 64))
    for stages in (1, 2, 3)
}
"""Options of the published network sizes, by name."""
NETWORKS = {"maxim": MAXIM}


def variant(name: str, **options: int) -> MAXIM:
    """Return a new network of a published size, "S-1" to "M-3".

    options: of `MAXIM`, instead of the size's own. Raises OptionError for another name.
    """
    if name not in VARIANTS:
        raise OptionError(f"a variant must be one of {', '.join(VARIANTS)}, got {name!r}.")
    return MAXIM(**{**VARIANTS[name], **options})
