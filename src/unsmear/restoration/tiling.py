"""Restoration in tiles, each with a halo, so that the result equals that of the whole image.

Nothing is blended. The halo is the restorer's own statement of how far its result depends on
pixels around it. It is cut at the image's border, where the restorer's rule for borders applies, as
it does without tiles.

A restorer whose every pixel depends on the whole image has no halo. If it has an `overlap`, it
works in tiles of one size that are blended: there is no visible seam, but the result differs from
that of the whole image.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise, product
from numbers import Integral

import numpy as np
from numpy.typing import NDArray

from unsmear.errors import OptionError
from unsmear.restoration.base import GRID, Batch, Restorer

WHOLE = 2560
"""Longest side of an image that is restored whole by default, pixels; tiles save memory."""
TOGETHER = 2**21
"""Number of pixels, with their halos, that are restored together."""
TILE = 2048
"""Default side of the tiles of larger images, pixels."""


def restore(
    restorer: Restorer,
    batch: Batch,
    tile: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Batch:
    """Return the batch restored tile by tile; as many channels as the restorer gives.

    batch: (batch, channel, y, x) in units.
    tile: pixels along both sides of a tile, without its halo; None restores the image whole. Of a
        restorer with an `overlap` it is the side with all that is read, a multiple of its `grid`.
    progress: called with the number of tiles done and of all tiles, after each tile.

    Raises OptionError for a tile below 1, or for a restorer that needs the whole image.
    """
    if tile is None:
        whole = _by_few(restorer, batch)
        if progress:
            progress(1, 1)
        return whole
    if not isinstance(tile, Integral) or tile < 1:
        raise OptionError(f"tile must be 1 or more pixels, got {tile}.")
    if needs_whole(restorer):
        raise OptionError(
            f"tile must be left out for a method that needs the whole image, got {tile}."
        )
    if restorer.halo is None:
        return _blend(restorer, batch, tile, progress)
    restored: Batch | None = None
    height, width = batch.shape[2:]
    grid = restorer.grid
    areas = list(product(*(spans(side, tile, restorer.halo, grid) for side in (height, width))))
    for done, (rows, columns) in enumerate(areas, 1):
        part = _by_few(restorer, batch[:, :, rows.read, columns.read])
        if restored is None:
            restored = np.empty((*part.shape[:2], height, width), part.dtype)
        restored[:, :, rows.kept, columns.kept] = part[:, :, rows.inner, columns.inner]
        if progress:
            progress(done, len(areas))
    return batch.copy() if restored is None else restored


def _by_few(restorer: Restorer, batch: Batch) -> Batch:
    """Return a batch restored a few planes at once, which do not depend on each other.

    What a restorer needs beside a plane is many times the plane's size.
    """
    few = few_of(restorer, batch.shape)
    first = restorer.restore(batch[:few])
    if few >= len(batch):
        return first
    restored = np.empty((len(batch), *first.shape[1:]), first.dtype)
    restored[:few] = first
    for start in range(few, len(batch), few):
        restored[start : start + few] = restorer.restore(batch[start : start + few])
    return restored


def few_of(restorer: Restorer, shape: tuple[int, ...]) -> int:
    """Return how many planes of a shape (batch, channel, y, x) are restored together."""
    halo = 2 * (restorer.halo or 0)
    return max(1, TOGETHER // (shape[1] * (shape[2] + halo) * (shape[3] + halo)))


def side_of(restorer: Restorer, longest: int, requested: int | None) -> int | None:
    """Return the side of the tiles to work in, pixels; longest: side of the image."""
    if requested is not None:
        return requested
    if restorer.halo is not None:
        return TILE if longest > WHOLE else None
    return restorer.tile if restorer.tile is not None and longest > restorer.tile else None


def blended(restorer: Restorer, longest: int, tile: int | None) -> tuple[int, int] | None:
    """Return side and least overlap of blended tiles; None where tiles are not blended."""
    if tile is None or restorer.halo is not None:
        return None
    side = whole_steps(restorer, tile)
    return (side, overlap_of(restorer, side) or 0) if longest > side else None


def needs_whole(restorer: Restorer) -> bool:
    """Return whether a restorer cannot work in tiles."""
    return restorer.halo is None and overlap_of(restorer) is None


def overlap_of(restorer: Restorer, tile: int | None = None) -> int | None:
    """Return the least overlap of a restorer's blended tiles, pixels; None where none are blended.

    tile: their side; the overlap is at most half of it.
    """
    overlap = None if restorer.halo is not None else restorer.overlap
    return overlap if overlap is None or tile is None else min(overlap, tile // 2)


def whole_steps(restorer: Restorer, tile: int) -> int:
    """Return a tile's side rounded up to what a restorer without a halo takes."""
    return -(-tile // restorer.grid) * restorer.grid


def _blend(
    restorer: Restorer,
    batch: Batch,
    tile: int,
    progress: Callable[[int, int], None] | None,
) -> Batch:
    """Return the batch restored in tiles of one size, blended by weights that sum to 1."""
    tile = whole_steps(restorer, tile)
    overlap = overlap_of(restorer, tile) or 0
    areas = list(product(*(fades(side, tile, overlap) for side in batch.shape[2:])))
    restored: Batch | None = None
    for done, (rows, columns) in enumerate(areas, 1):
        part = _by_few(restorer, batch[:, :, rows.read, columns.read])
        part = part * rows.weights[:, None] * columns.weights
        if restored is None:
            restored = np.zeros((*part.shape[:2], *batch.shape[2:]), part.dtype)
        restored[:, :, rows.read, columns.read] += part
        if progress:
            progress(done, len(areas))
    assert restored is not None  # for mypy: there is a tile, even of no pixels
    return restored


@dataclass(frozen=True)
class Fade:
    """A blended tile along one axis: its pixels, and their weights, 0 to 1."""

    read: slice
    weights: Batch


def fades(side: int, tile: int, overlap: int) -> list[Fade]:
    """Cut one axis into tiles of one length, whose weights sum to 1 at every pixel.

    There are as few tiles as possible, evenly spaced, so they may overlap by more than `overlap`;
    all of it is used for blending, up to half a tile. A single tile is as long as the axis.

    overlap: least overlap, pixels, at most half a tile; 0 leaves a hard seam where tiles just meet.
    """
    room = max(0, side - tile)
    steps = -(-room // (tile - overlap))
    starts = [room * number // steps for number in range(steps)] + [room]
    shared = [before + tile - after for before, after in pairwise(starts)]
    ramp = min([*shared, tile // 2])  # the same everywhere, so that no weight is below 0
    middles = [after + pixels / 2 for after, pixels in zip(starts[1:], shared, strict=True)]
    ramps = [np.ones(side), *(_rise(side, middle, ramp) for middle in middles), np.zeros(side)]
    reads = [slice(start, start + min(side, tile)) for start in starts]
    return [
        Fade(read, (here - after)[read].astype(np.float32))
        for read, (here, after) in zip(reads, pairwise(ramps), strict=True)
    ]


def _rise(side: int, middle: float, length: int) -> NDArray[np.float64]:
    """Return a ramp along an axis from 0 to 1, a squared sine; a step for a length of 0."""
    passed = (np.arange(side) + 0.5 - middle) / max(length, 0.5) + 0.5
    return np.sin(np.pi / 2 * passed.clip(0, 1)) ** 2


class Span:
    """A tile along one axis: the pixels read, those kept, and the position of the latter."""

    def __init__(self, start: int, stop: int, side: int, halo: int, grid: int) -> None:
        first, last = max(0, start - halo) // grid * grid, min(side, stop + halo)
        self.read = slice(first, last)
        self.kept = slice(start, stop)
        self.inner = slice(start - first, stop - first)


def spans(side: int, tile: int, halo: int, grid: int = GRID) -> list[Span]:
    """Cut one axis into tiles; the last one is shorter where the side is no multiple."""
    starts = range(0, side, tile)
    return [Span(start, min(start + tile, side), side, halo, grid) for start in starts]
