"""One block of a slide: read with what is around it, restored, and cut out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from unsmear import free_memory
from unsmear.errors import OptionError
from unsmear.images import Image
from unsmear.images.nodata import Gaps, NoData
from unsmear.images.slides import Slide
from unsmear.restoration import consistency
from unsmear.restoration.application import apply
from unsmear.restoration.field_kernel import FieldKernel
from unsmear.restoration.settings import Settings
from unsmear.restoration.single_kernel import as_dtype
from unsmear.restoration.slide import band
from unsmear.restoration.slide.missing import Missing, chosen, unknown
from unsmear.restoration.slide.survey import Block
from unsmear.restoration.slide.tile_maps import BlockMaps, touched
from unsmear.restoration.whole import Whole

BYTES_A_PIXEL, BAND = 150.0, 10.0
"""Memory for each pixel that is read, and for its half-width, bytes."""


def memory_of(pixels: int, uncertainty: bool = False) -> float:
    """Return about how much memory a process needs to restore so many pixels at once, bytes."""
    return free_memory.LIBRARIES + (BYTES_A_PIXEL + BAND * uncertainty) * float(pixels)


@dataclass(frozen=True, eq=False)
class Plan:
    """How the blocks of a plane are restored; whole: what was measured on it."""

    field_kernel: FieldKernel
    whole: Whole

    @property
    def margin(self) -> int:
        """Pixels around a block that are read with it.

        The filters reach that far, and so does the check, which compares what is blurred again.
        """
        reach = len(self.field_kernel.kernel)
        halo = max(self.whole.restorer.halo or 0, self.whole.plain.halo or 0)
        seen = halo + 2 * reach + 2 * consistency.TILE + consistency.RAMP
        return -(-seen // consistency.TILE) * consistency.TILE

    def memory(
        self, side: tuple[int, int], shape: tuple[int, ...], uncertainty: bool = False
    ) -> float:
        """Return about how much memory a process needs, bytes.

        side: of the blocks. shape: of the plane, (y, x). uncertainty: whether half-widths are made.
        """
        tall, wide = (
            min(own + 2 * self.margin, length) for own, length in zip(side, shape, strict=True)
        )
        return memory_of(tall * wide, uncertainty)


Facts = dict[str, Any]
"""What is recorded of a block: counts of tiles and of pixels, and sums of intensities."""


@dataclass(frozen=True, eq=False)
class Done:
    """A block that is done.

    counts: restored, (y, x). facts: what became of it. maps: of its tiles; None without a check.
    half_width: of a 90 % prediction interval, counts, NaN where it is not known; None where it is
    not asked for.
    """

    counts: NDArray[Any]
    facts: Facts
    maps: BlockMaps | None = None
    half_width: NDArray[np.float32] | None = None


def restore(
    slide: Slide, block: Block, plan: Plan | None, settings: Settings, missing: Missing
) -> Done:
    """Return a block restored.

    plan: None leaves it as it is. missing: where the slide has no data.
    """
    verdict = consistency.LEFT if plan is None else consistency.RESTORED
    rows, columns = block.rows, block.columns
    margin = 0 if plan is None else plan.margin
    (read_rows, inner_rows), (read_columns, inner_columns) = (
        _around(span, margin, side)
        for span, side in zip((rows, columns), slide.header.planes().shape[2:], strict=True)
    )
    around = slide.read(block.batch, block.channel, read_rows, read_columns)
    recorded = around[inner_rows, inner_columns]
    facts: Facts = {"pixels": int(recorded.size), "before": _sum(recorded)}
    gaps = None
    no_data = missing.at(block.batch, block.channel, read_rows, read_columns)
    inner = chosen(no_data, (inner_rows, inner_columns))
    if plan is not None and _holds_something(recorded, inner):
        image = Image(around, "YX", name=slide.header.name)
        try:
            gaps = Gaps.of(image, no_data)
        except OptionError:  # no data at all
            plan = None
    else:
        plan = None
    if plan is None:
        counts = as_dtype(recorded, settings.dtype)
        maps = BlockMaps.of(block, recorded, counts, verdict=verdict) if settings.check else None
        half_width = band.unknown(counts) if settings.uncertainty else None
        return Done(counts, facts | {"after": facts["before"]}, maps, half_width)
    one = replace(settings, tile=None, progress=None)
    result = apply(image, plan.field_kernel, one, gaps, plan.whole)
    counts = result.image.pixels[inner_rows, inner_columns]
    facts |= _tiles(result.verdicts, inner_rows, inner_columns) | _clipped(counts, recorded)
    if gaps is not None:
        facts["no_data"] = int(gaps.mask[0, 0, inner_rows, inner_columns].sum())
    maps = None
    if settings.check:
        tiles = touched(inner_rows), touched(inner_columns)
        misfit = None if result.consistency is None else result.consistency.misfit[0, 0, *tiles]
        verdicts = None if result.verdicts is None else result.verdicts[0, 0, *tiles]
        maps = BlockMaps.of(block, recorded, counts, misfit, verdicts)
    widths = result.uncertainty
    half_width = None if widths is None else widths.pixels[inner_rows, inner_columns]
    return Done(counts, facts | {"after": _sum(counts)}, maps, half_width)


def _around(span: slice, margin: int, side: int) -> tuple[slice, slice]:
    """Return what is read for a span of an axis, from a tile's border, and where the span is."""
    first = max(0, span.start - margin) // consistency.TILE * consistency.TILE
    last = min(side, span.stop + margin)
    return slice(first, last), slice(span.start - first, span.stop - first)


def _holds_something(recorded: NDArray[Any], no_data: NoData | None) -> bool:
    """Return whether a block holds two values, what is no data aside."""
    empty = unknown(recorded, no_data)
    held = recorded if empty is None else recorded[~empty]
    return bool(held.size and held.min() < held.max())


def _sum(counts: NDArray[Any]) -> float:
    return float(np.nansum(counts, dtype=np.float64))


def _tiles(verdicts: consistency.Verdicts | None, rows: slice, columns: slice) -> Facts:
    """Return how many tiles a block has, and how many of them were replaced."""
    down, across = touched(rows), touched(columns)
    if verdicts is None:
        count = (down.stop - down.start) * (across.stop - across.start)
        return {"tiles": count, "deconvolved": 0, "input": 0}
    inside = verdicts[0, 0, down, across]
    counts = {
        "deconvolved": int((inside == consistency.DECONVOLVED).sum()),
        "input": int((inside == consistency.INPUT).sum()),
    }
    return {"tiles": int(inside.size), **counts}


def _clipped(counts: NDArray[Any], recorded: NDArray[Any]) -> Facts:
    """Return how many pixels came to the ends of an integer's range."""
    if counts.dtype.kind not in "iu":
        return {"black": 0, "white": 0}
    ends = np.iinfo(counts.dtype)
    return {
        name: int(((counts == end) & (recorded != end)).sum())
        for name, end in (("black", ends.min), ("white", ends.max))
    }


def dtype_of(slide: Slide, dtype: DTypeLike | None) -> np.dtype[Any]:
    """Return the dtype of the result."""
    return np.dtype(slide.header.pixels.dtype if dtype is None else dtype)
