"""Maps of a slide for its report: of each tile its mean before and after, its misfit and verdict.

Of a block they wait in a file beside its result until all blocks are done, so that they survive a
run that is stopped, and come from any process.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsmear.atomic import write_aside
from unsmear.images.slides import Slide
from unsmear.restoration.consistency import LEFT, RESTORED, TILE
from unsmear.restoration.slide import waiting
from unsmear.restoration.slide.survey import Block

ENDING = ".npz"
Tiles = NDArray[Any]
"""(batch, channel, rows, columns) of tiles of TILE pixels a side."""


@dataclass(frozen=True, eq=False)
class TileMaps:
    """What is known of the tiles of a slide.

    recorded, restored: mean counts, NaN where there are no data. misfit, verdicts: of the check; 1
    and RESTORED where nothing had to be computed, and LEFT in planes that were left alone. means:
    counts of each channel before and after.
    """

    recorded: Tiles
    restored: Tiles
    misfit: Tiles
    verdicts: Tiles
    means: tuple[tuple[float, float], ...]


@dataclass(frozen=True, eq=False)
class BlockMaps:
    """What is known of the tiles that a block touches, (rows, columns).

    before, after: (2, rows, columns), the sum of the block's counts in each tile, and their number.
    """

    before: NDArray[np.float64]
    after: NDArray[np.float64]
    misfit: NDArray[np.float32]
    verdicts: NDArray[np.uint8]

    @classmethod
    def of(
        cls,
        block: Block,
        recorded: NDArray[Any],
        restored: NDArray[Any],
        misfit: NDArray[np.float32] | None = None,
        verdicts: NDArray[np.uint8] | None = None,
        verdict: int = RESTORED,
    ) -> BlockMaps:
        """Return those of a block's counts.

        misfit, verdicts: of its tiles; None without a check, which leaves them at 1 and `verdict`.
        """
        before, after = (sums(block, counts) for counts in (recorded, restored))
        shape = before.shape[1:]
        return cls(
            before,
            after,
            np.ones(shape, np.float32) if misfit is None else misfit,
            np.full(shape, verdict, np.uint8) if verdicts is None else verdicts,
        )

    def write(self, folder: Path, block: Block) -> None:
        """Write them into a folder; raises ImageError where that fails."""
        stream = io.BytesIO()
        np.savez(stream, **vars(self))
        write_aside(waiting.file(folder, block, ENDING), stream.getvalue())

    @classmethod
    def read(cls, folder: Path, block: Block) -> BlockMaps:
        """Return what was written; raises ImageError where that is missing or damaged."""
        path = waiting.file(folder, block, ENDING)
        with waiting.reading(path), np.load(path) as file:
            return cls(**file)


def sums(block: Block, counts: NDArray[Any]) -> NDArray[np.float64]:
    """Return the sum of a block's counts in each tile, and their number, (2, rows, columns)."""
    known = np.isfinite(counts) if counts.dtype.kind == "f" else np.ones(counts.shape, bool)
    starts = [
        np.maximum(np.arange(span.start // TILE, -(-span.stop // TILE)) * TILE, span.start)
        - span.start
        for span in (block.rows, block.columns)
    ]
    parts = [
        np.add.reduceat(np.add.reduceat(values, starts[0], 0, float), starts[1], 1, float)
        for values in (np.where(known, counts, 0), known)
    ]
    return np.stack(parts)


def gathered(found: Iterable[tuple[Block, BlockMaps]], shape: tuple[int, ...]) -> TileMaps:
    """Return the maps of a slide from those of all its blocks. shape: (batch, channel, y, x)."""
    tiles = (*shape[:2], *(-(-side // TILE) for side in shape[2:]))
    before, after = np.zeros((2, *tiles), np.float32), np.zeros((2, *tiles), np.float32)
    misfit, verdicts = np.zeros(tiles, np.float32), np.zeros(tiles, np.uint8)
    totals = np.zeros((2, 2, shape[1]))
    for block, own in found:
        here = block.batch, block.channel, touched(block.rows), touched(block.columns)
        before[:, *here] += own.before
        after[:, *here] += own.after
        totals[:, :, block.channel] += [own.before.sum(axis=(1, 2)), own.after.sum(axis=(1, 2))]
        # Of a tile that two blocks share, the worse half counts.
        misfit[here] = np.maximum(misfit[here], own.misfit)
        verdicts[here] = np.maximum(verdicts[here], own.verdicts)
    means = totals[:, 0] / np.maximum(totals[:, 1], 1)
    by_channel = tuple((float(old), float(new)) for old, new in means.T)
    return TileMaps(_means(before), _means(after), misfit, verdicts, by_channel)


def of_result(folder: Path, blocks: Sequence[Block], shape: tuple[int, ...]) -> TileMaps:
    """Return the maps of a slide that was restored; folder: where its blocks wrote theirs."""
    return gathered(((block, BlockMaps.read(folder, block)) for block in blocks), shape)


def of_untouched(slide: Slide, blocks: Iterable[Block]) -> TileMaps:
    """Return the maps of a slide that was left alone, which is read for that."""

    def own(block: Block) -> BlockMaps:
        counts = slide.read(block.batch, block.channel, block.rows, block.columns)
        return BlockMaps.of(block, counts, counts, verdict=LEFT)

    return gathered(((block, own(block)) for block in blocks), slide.header.planes().shape)


def touched(span: slice) -> slice:
    """Return the tiles that a span of an axis touches."""
    return slice(span.start // TILE, -(-span.stop // TILE))


def _means(totals: NDArray[np.float32]) -> Tiles:
    with np.errstate(invalid="ignore"):
        return np.asarray(totals[0] / np.where(totals[1], totals[1], np.nan))
