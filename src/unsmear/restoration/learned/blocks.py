"""Application of a network to an image in blocks, so that its memory stays small."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import product
from math import lcm
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from unsmear.restoration.base import GRID
from unsmear.restoration.tiling import spans

Array = NDArray[np.float32]
Forward = Callable[[Array, Array], tuple[Array, Array]]
"""Forward function of a deep-wiener: (planes, version, y, x), (planes, constant) -> restored,
scale, both (planes, 1, y, x)."""

BLOCK = 1024
"""Side of the blocks, pixels."""


def grid(stride: int) -> int:
    """Return the spacing of the positions where a block of a network may begin, pixels."""
    return lcm(stride, GRID)


def reach(halo: int, stride: int) -> int:
    """Return the halo rounded up to whole strides, pixels."""
    return -(-halo // stride) * stride


def in_blocks(
    forward: Callable[[Array], Iterable[Array]],
    planes: Array,
    results: Sequence[Array] | Array,
    halo: int,
    stride: int,
    border: Literal["constant", "reflect"],
) -> None:
    """Write a network's output for planes (channel, y, x), computed in blocks, to results (y, x).

    forward: from (1, channel, y, x), sides multiples of `stride`, to as many planes (y, x).
    halo: pixels, a multiple of the stride.
    border: padding at the bottom and on the right up to the stride: zeros, or the planes mirrored.
    """
    sides = planes.shape[1:]
    for rows, columns in product(*(spans(side, BLOCK, halo, grid(stride)) for side in sides)):
        part = planes[:, rows.read, columns.read]
        padding = [(0, -side % stride) for side in part.shape[1:]]
        if any(map(any, padding)):
            part = np.pad(part, [(0, 0), *padding], mode=border)
        for result, output in zip(results, forward(part[None]), strict=True):
            result[rows.kept, columns.kept] = output[rows.inner, columns.inner]


def as_whole(forward: Callable[[Array], Array], planes: Array, stride: int) -> Array:
    """Return the output for planes (channel, y, x) of a network that needs the whole image.

    forward: from (1, channel, y, x), sides multiples of `stride`, to (channel, y, x).

    The planes are padded by mirroring to multiples of the stride, half on each side, after an odd
    side was made even, as the authors of MAXIM do (`run_eval.py`).
    """
    height, width = planes.shape[1:]
    if stride % 2 == 0:
        planes = _mirrored(planes, (0, height % 2), (0, width % 2))
    rows, columns = (-side % stride for side in planes.shape[1:])
    top, left = rows // 2, columns // 2
    output = forward(_mirrored(planes, (top, rows - top), (left, columns - left))[None])
    return output[:, top : top + height, left : left + width]


def _mirrored(planes: Array, *padding: tuple[int, int]) -> Array:
    """Return the planes padded by mirroring; padding: (before, after) for y and for x."""
    return np.pad(planes, [(0, 0), *padding], mode="reflect") if any(map(any, padding)) else planes
