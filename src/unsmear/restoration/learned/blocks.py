"""Images worked in blocks, so that a network's memory stays small."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import product
from math import lcm
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from unsmear.restoration.base import GRID
from unsmear.restoration.tiling import spans

Array = NDArray[np.float32]
Forward = Callable[[Array, Array], tuple[Array, Array]]
"""(planes, version, y, x), (planes, constant) -> restored, scale; (planes, 1, y, x) each."""

BLOCK = 1024
"""Pixels; the network is worked in blocks of this side, so that memory stays small."""


def grid(stride: int) -> int:
    """Return the pixels at whose multiples an area of a network of this stride may begin."""
    return lcm(stride, GRID)


def reach(halo: int, stride: int) -> int:
    """Return the halo in whole strides, pixels."""
    return -(-halo // stride) * stride


def in_blocks(
    forward: Callable[[Array], Iterable[Array]],
    planes: Array,
    count: int,
    halo: int,
    stride: int,
    border: Literal["constant", "reflect"],
) -> Array:
    """Return what a network makes of planes (channel, y, x), in blocks: (count, y, x).

    forward: from (1, channel, y, x), sides multiples of `stride`, to `count` planes (y, x).
    halo: pixels, a multiple of the stride.
    border: what is put below and on the right up to the stride: zeros, or the planes mirrored.
    """
    sides = planes.shape[1:]
    results = np.empty((count, *sides), np.float32)
    for rows, columns in product(*(spans(side, BLOCK, halo, grid(stride)) for side in sides)):
        part = planes[:, rows.read, columns.read]
        more = [(0, -side % stride) for side in part.shape[1:]]
        if any(map(any, more)):
            part = np.pad(part, [(0, 0), *more], mode=border)
        for result, output in zip(results, forward(part[None]), strict=True):
            result[rows.kept, columns.kept] = output[rows.inner, columns.inner]
    return results


def as_whole(forward: Callable[[Array], Array], planes: Array, stride: int) -> Array:
    """Return what a network that sees the whole image makes of planes (channel, y, x).

    forward: from (1, channel, y, x), sides multiples of `stride`, to (channel, y, x).

    The planes are mirrored around to multiples of the stride, half of it on each side, those of an
    odd side to an even one before, as the authors of MAXIM do (`run_eval.py`).
    """
    height, width = planes.shape[1:]
    if stride % 2 == 0:
        planes = _mirrored(planes, (0, height % 2), (0, width % 2))
    rows, columns = (-side % stride for side in planes.shape[1:])
    top, left = rows // 2, columns // 2
    output = forward(_mirrored(planes, (top, rows - top), (left, columns - left))[None])
    return output[:, top : top + height, left : left + width]


def _mirrored(planes: Array, *more: tuple[int, int]) -> Array:
    """Return the planes with mirrored pixels around them; more: before and behind, of y and x."""
    return np.pad(planes, [(0, 0), *more], mode="reflect") if any(map(any, more)) else planes
