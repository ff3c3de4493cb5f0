"""An image in tiles: each is restored with a halo around it, so the result is the whole's.

Nothing is blended. The halo is the restorer's own word for how far its result looks; it is cut at
the image's border, where the restorer's rule for borders holds, as it does without tiles.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import numpy as np

from unsmear.errors import OptionError
from unsmear.restorer import Batch, Restorer

GRID = 16
"""Pixels; what is read for a tile begins at a multiple of it in the image, so that a network that
folds pixels together folds those that it folds in the whole image. A restorer that folds more has
a `grid` of its own."""


def restore(
    restorer: Restorer,
    batch: Batch,
    tile: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Batch:
    """Return the restored batch, worked out tile by tile; as many channels as the restorer gives.

    batch: (batch, channel, y, x) in units.
    tile: pixels along both sides of a tile, without its halo; None restores the image whole.
    progress: called with the number of tiles done and of all tiles, after each tile.

    Raises OptionError for a tile below 1, or for a restorer that needs the whole image.
    """
    if tile is None:
        whole = restorer.restore(batch)
        if progress:
            progress(1, 1)
        return whole
    if tile < 1:
        raise OptionError(f"tile must be 1 or more pixels, got {tile}.")
    if restorer.halo is None:
        raise OptionError(
            f"tile must be left out for a method that needs the whole image, got {tile}."
        )
    restored: Batch | None = None
    height, width = batch.shape[2:]
    grid = getattr(restorer, "grid", GRID)
    areas = list(product(*(spans(side, tile, restorer.halo, grid) for side in (height, width))))
    for done, (rows, columns) in enumerate(areas, 1):
        part = restorer.restore(batch[:, :, rows.read, columns.read])
        if restored is None:
            restored = np.empty((*part.shape[:2], height, width), part.dtype)
        restored[:, :, rows.kept, columns.kept] = part[:, :, rows.inner, columns.inner]
        if progress:
            progress(done, len(areas))
    return batch.copy() if restored is None else restored


class Span:
    """Along one axis: the pixels read, those kept, and where the kept lie among the read."""

    def __init__(self, start: int, stop: int, side: int, halo: int, grid: int) -> None:
        first, last = max(0, start - halo) // grid * grid, min(side, stop + halo)
        self.read = slice(first, last)
        self.kept = slice(start, stop)
        self.inner = slice(start - first, stop - first)


def spans(side: int, tile: int, halo: int, grid: int = GRID) -> list[Span]:
    """Cut one axis into tiles; the last one is shorter where the side is no multiple."""
    starts = range(0, side, tile)
    return [Span(start, min(start + tile, side), side, halo, grid) for start in starts]
