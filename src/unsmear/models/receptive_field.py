"""Receptive field of a network, computed exactly, backwards through its layers.

A layer is a function from the first and last pixel of its output to the first and last pixel of its
input that they depend on. Both axes are alike, so one is enough.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from unsmear.errors import OptionError

Layer = Callable[[int, int], tuple[int, int]]
LONGEST_STRIDE = 2**12
"""Longest period of a network, pixels: that of 12 levels."""


def conv(size: int, stride: int = 1) -> Layer:
    """Follow a convolution or a pooling with padding "same", of sides that its stride divides."""
    before = (size - stride) // 2
    return lambda first, last: (first * stride - before, last * stride - before + size - 1)


def transposed(first: int, last: int) -> tuple[int, int]:
    """Follow a transposed convolution 3x3 of stride 2 with Keras's padding "same"."""
    return -((2 - first) // 2), last // 2


def transposed_by_four(first: int, last: int) -> tuple[int, int]:
    """Follow a transposed convolution 4x4 of stride 2 with a padding of 1."""
    return -((2 - first) // 2), (last + 1) // 2


def nearest(first: int, last: int) -> tuple[int, int]:
    """Follow an enlargement to twice the side by repeating pixels."""
    return first // 2, last // 2


def beside(*branches: Sequence[Layer]) -> Layer:
    """Follow branches whose outputs are joined; a skip connection is one without layers."""

    def layer(first: int, last: int) -> tuple[int, int]:
        spans = [_through(branch, first, last) for branch in branches]
        return min(span[0] for span in spans), max(span[1] for span in spans)

    return layer


def halo(layers: Sequence[Layer], stride: int) -> int:
    """Return the halo: the largest distance, in pixels, at which an input affects an output.

    layers: from the first to the last. stride: period of the network, pixels. Raises OptionError
    for one that is longer than any of a network, each pixel of which would be followed.
    """
    if stride > LONGEST_STRIDE:
        most = f"the levels must make a stride of {LONGEST_STRIDE} or less"
        raise OptionError(f"{most}, got {stride}.")
    return max(_reach(layers, pixel) for pixel in range(stride))


def _reach(layers: Sequence[Layer], pixel: int) -> int:
    first, last = _through(layers, pixel, pixel)
    return max(pixel - first, last - pixel)


def _through(layers: Sequence[Layer], first: int, last: int) -> tuple[int, int]:
    for layer in reversed(layers):
        first, last = layer(first, last)
    return first, last
