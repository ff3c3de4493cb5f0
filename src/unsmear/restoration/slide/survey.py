"""One pass over a slide: what its planes hold, and where there is something to see."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsmear.images.area_mean import reduce
from unsmear.images.nodata import NoData
from unsmear.images.slides import Slide
from unsmear.restoration.slide.missing import Missing, stacked
from unsmear.restoration.slide.missing import unknown as unknown_in

WINDOW = 1024
"""Side of the windows on which movement, noise and filters are measured, pixels."""
STRATA = 4
"""A slide has one such window in each of STRATA x STRATA parts: the one with the most to see."""
SMALL, EVEN = 512, 8
"""Side of the windows that lie evenly on a slide, pixels, and their number along a side at most."""
SHARE = 8
"""The evenly spaced windows together have at most this part of a slide's pixels: one in SHARE."""
COARSE = 8
"""Side of the cells whose means tell how much there is to see, pixels."""

Corner = tuple[int, int]
"""First row and first column."""
Progress = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class Survey:
    """What one pass over a slide found.

    lowest, highest: of each plane, (batch, channel); NaN where nothing is recorded. busy: for each
    of the batch, the corners of the windows with the most to see. missing: where it has no data.
    """

    lowest: NDArray[np.float64]
    highest: NDArray[np.float64]
    busy: tuple[tuple[Corner, ...], ...]
    missing: Missing


@dataclass(frozen=True)
class Block:
    """A part of a plane: of batch and channel, these rows and columns."""

    batch: int
    channel: int
    rows: slice
    columns: slice

    def __str__(self) -> str:
        where = f"rows {self.rows.start}, columns {self.columns.start}"
        return f"plane {self.batch}, channel {self.channel}, {where}"


def blocks(shape: tuple[int, ...], side: tuple[int, int]) -> Iterator[Block]:
    """Yield the blocks of planes (batch, channel, y, x), all channels of a place together."""
    count, channels, height, width = shape
    spans = ([slice(start, min(start + step, length)) for start in range(0, length, step)]
             for length, step in zip((height, width), side, strict=True))  # fmt: skip
    for batch, (rows, columns), channel in product(
        range(count), list(product(*spans)), range(channels)
    ):
        yield Block(batch, channel, rows, columns)


def survey(
    slide: Slide,
    side: tuple[int, int],
    missing: Missing,
    progress: Progress | None = None,
) -> Survey:
    """Return what a pass over a slide finds; side: of the blocks in which it is read, pixels.

    missing: where it has no data.

    Raises ImageError for pixels that cannot be read, or are not finite numbers or NaN.
    """
    shape = slide.header.planes().shape
    lowest, highest = np.full(shape[:2], np.nan), np.full(shape[:2], np.nan)
    scores: list[dict[Corner, NDArray[np.float64]]] = [{} for _ in range(shape[0])]
    window = tuple(min(WINDOW, length) for length in shape[2:])
    every = list(blocks(shape, side))
    for done, block in enumerate(every, 1):
        plane = block.batch, block.channel
        counts = slide.read(*plane, block.rows, block.columns)
        unknown = unknown_in(counts, missing.at(*plane, block.rows, block.columns))
        known = counts if unknown is None else counts[~unknown]
        if known.size:
            lowest[plane] = np.fmin(lowest[plane], known.min())
            highest[plane] = np.fmax(highest[plane], known.max())
        for corner, score in _scores(counts, unknown, block, window):
            own = scores[block.batch].setdefault(corner, np.zeros(shape[1]))
            own[block.channel] = score
        if progress:
            progress(done, len(every))
    busy = tuple(_busiest(part, shape[2:]) for part in scores)
    return Survey(lowest, highest, busy, missing)


def even(shape: tuple[int, ...]) -> list[Corner]:
    """Return the corners of windows that lie evenly on planes (y, x)."""
    share = SHARE**0.5
    rows, columns = (
        [int((number + 0.5) * max(0, length - SMALL) / count) for number in range(count)]
        for length in shape
        for count in [1 if length <= SMALL else int(np.clip(length / share / SMALL, 2, EVEN))]
    )
    return list(product(rows, columns))


def windows(
    slide: Slide, batch: int, channel: int, corners: list[Corner], side: int
) -> NDArray[Any]:
    """Return windows of a plane, (n, y, x) counts; side: pixels, or that of the slide.

    One that would end beyond the slide begins earlier, and one that overlaps another is left out.
    """
    parts = _parts(slide, corners, side)
    return np.stack([slide.read(batch, channel, *part) for part in parts])


def missing_in(
    missing: Missing, slide: Slide, batch: int, channel: int, corners: list[Corner], side: int
) -> NoData | None:
    """Return where the same windows hold no data, (n, y, x), or the value that stands for it."""
    parts = _parts(slide, corners, side)
    return stacked([missing.at(batch, channel, *part) for part in parts])


def _parts(slide: Slide, corners: list[Corner], side: int) -> list[tuple[slice, slice]]:
    shape = slide.header.planes().shape[2:]
    tall, wide = (min(side, length) for length in shape)
    apart: list[Corner] = []
    for row, column in corners:
        row, column = min(row, shape[0] - tall), min(column, shape[1] - wide)
        if all(abs(row - other) >= tall or abs(column - place) >= wide for other, place in apart):
            apart.append((row, column))
    return [(slice(row, row + tall), slice(column, column + wide)) for row, column in apart]


def _scores(
    counts: NDArray[Any],
    unknown: NDArray[np.bool_] | None,
    block: Block,
    window: tuple[int, ...],
) -> Iterator[tuple[Corner, float]]:
    """Yield the windows in a block, and how much there is to see in each.

    It is the middle one of the variances of 16 parts: a single bright object, or the edge of what
    was scanned, is not much.
    """
    tall, wide = window
    starts = (range(0, length - step + 1, step)
              for length, step in zip(counts.shape, window, strict=True))  # fmt: skip
    for row, column in product(*starts):
        part = counts[row : row + tall, column : column + wide]
        corner = block.rows.start + row, block.columns.start + column
        missing = 0.0
        if unknown is not None:
            gap = unknown[row : row + tall, column : column + wide]
            missing = float(gap.mean())
            if missing:
                part = np.where(gap, part[~gap].mean() if missing < 1 else 0, part)
        cells = reduce(part.astype(np.float32), (max(4, tall // COARSE), max(4, wide // COARSE)))
        variances = [
            float(piece.var())
            for strip in np.array_split(cells, 4)
            for piece in np.array_split(strip, 4, axis=1)
        ]
        # Anything without gaps says more.
        yield corner, float(np.median(variances)) * (1e-6 * (1 - missing) if missing else 1.0)


def _busiest(
    scores: dict[Corner, NDArray[np.float64]], shape: tuple[int, ...]
) -> tuple[Corner, ...]:
    """Return the corner of the window with the most to see in each part of a slide.

    Each channel counts alike. Parts without anything to see have none.
    """
    if not scores:
        return ()
    most = np.max(list(scores.values()), axis=0)
    best: dict[tuple[int, ...], tuple[float, Corner]] = {}
    for corner, own in sorted(scores.items()):
        score = float((own / np.where(most > 0, most, 1)).sum())
        place = tuple(start * STRATA // length for start, length in zip(corner, shape, strict=True))
        if score > best.get(place, (0.0, corner))[0]:
            best[place] = score, corner
    return tuple(corner for _, (_, corner) in sorted(best.items()))
