"""A result made what the user gets: in counts, clipped, and complete with what holds no data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsmear.images import Image
from unsmear.images.nodata import Gaps
from unsmear.restoration import consistency, saturation
from unsmear.restoration.base import Batch
from unsmear.restoration.consistency import Check, Verdicts
from unsmear.restoration.preparation import Prepared
from unsmear.restoration.restored import Restored
from unsmear.restoration.settings import Settings

STRIP = 64
"""Number of rows that are worked on at once where copies of a whole image would be too large."""


@dataclass(frozen=True, eq=False)
class Result:
    """What a method made of a prepared image, (batch, channel, y, x), normalised.

    half_width: of the 90 % prediction interval; of no channel where it is not asked for.
    check, verdicts: see `Restored`.
    """

    restored: Batch
    half_width: Batch
    check: Check | None = None
    verdicts: Verdicts | None = None


class Completed:
    """What becomes of an image, which is put together from a few of its planes after the other."""

    def __init__(self, prepared: Prepared, settings: Settings) -> None:
        dtype = np.dtype(prepared.part.pixels.dtype if settings.dtype is None else settings.dtype)
        self._prepared, self._settings = prepared, settings
        self._counts = np.empty(prepared.recorded.shape, dtype)
        wide = np.float64 if prepared.scaling.is_extreme else np.float32
        shape = prepared.recorded.shape if settings.uncertainty else (0,)
        self._band: NDArray[np.floating[Any]] = np.empty(shape, wide)
        self._checks: list[Check | None] = []
        self._verdicts: list[Verdicts] = []
        self._judged = False
        self._black = self._white = 0

    def put(self, few: slice, result: Result, part: Prepared) -> None:
        """Put planes in their place; few: their numbers. result: of them, and part: before."""
        counts, scaling = self._counts[few], self._prepared.scaling
        result, excess = _without_conjecture(result, part, self._settings)
        counts[...] = scaling.to_counts(result.restored, counts.dtype)
        band = None
        if self._settings.uncertainty:
            band = self._band[few]
            np.multiply(result.half_width, band.dtype.type(scaling.factor), out=band)
        black, white = _clip(result.restored, part, counts.dtype, band)
        if excess is not None and part.saturated is not None:
            white += int(((excess > 0.5 / scaling.factor) & ~part.saturated).sum())
        self._black, self._white = self._black + black, self._white + white
        self._checks.append(result.check)
        verdicts = result.verdicts
        self._judged |= verdicts is not None
        unchanged = np.full(consistency.tiles_of(counts), consistency.RESTORED, np.uint8)
        self._verdicts.append(unchanged if verdicts is None else verdicts)

    def restored(self) -> Restored[Image, Image]:
        """Return what became of the image, its restored part back in its place."""
        whole, gaps = self._prepared.whole, self._prepared.gaps
        counts, band = self._counts, self._band if self._settings.uncertainty else None
        check = _joined(self._checks)
        verdicts = np.concatenate(self._verdicts) if self._judged else None
        if gaps is not None:
            counts = gaps.placed(counts, whole.planes())
            if band is not None:
                band = gaps.placed(band, np.full(whole.planes().shape, np.nan, np.float32))
            check, verdicts = _on_whole(check, verdicts, gaps)
        saturated = self._prepared.saturated
        return Restored(
            whole.with_planes(counts),
            uncertainty=None if band is None else whole.light().with_planes(band),
            consistency=check,
            verdicts=verdicts,
            no_data=0.0 if gaps is None else gaps.share,
            outliers=int(self._prepared.defects.sum()),
            saturated=0 if saturated is None else int(saturated.sum()),
            clipped=self._black + self._white,
            clipped_black=self._black,
        )


def _joined(checks: Sequence[Check | None]) -> Check | None:
    """Return the checks of the planes as one; None where they were not asked for."""
    known = [check for check in checks if check is not None]
    if not known:
        return None
    contradicted = [check.contradicted for check in known if check.contradicted is not None]
    return Check(
        np.concatenate([check.misfit for check in known]),
        np.concatenate([check.empty for check in known]),
        np.concatenate(contradicted) if contradicted else None,
    )


def _without_conjecture(
    result: Result, prepared: Prepared, settings: Settings
) -> tuple[Result, Batch | None]:
    """Return the result that ends at the camera's white, and what was above it; None for nothing.

    Floats keep it. Its half-width grows by what was continued or taken off.
    """
    if prepared.saturated is None:
        return result, None
    half_width = result.half_width
    if settings.uncertainty:
        half_width = half_width + np.abs(prepared.blurred - prepared.recorded)
    if settings.dtype is not None:
        return replace(result, half_width=half_width), None
    excess = saturation.excess(result.restored, prepared.recorded, prepared.saturated)
    half_width = half_width + excess if settings.uncertainty else half_width
    return replace(result, restored=result.restored - excess, half_width=half_width), excess


def _clip(
    restored: Batch,
    prepared: Prepared,
    dtype: np.dtype[Any],
    band: NDArray[np.floating[Any]] | None,
) -> tuple[int, int]:
    """Return how many pixels the dtype clips at its lower and its upper limit, not yet recorded so.

    restored: units. band: half-widths, counts, which grow in place by what was clipped, so that
    they hold around the clipped value too.
    """
    recorded, scaling, holes = prepared.part.planes(), prepared.scaling, prepared.holes
    limits = np.iinfo(dtype) if dtype.kind in "iu" else np.finfo(dtype)
    black = white = 0
    starts = range(0, restored.shape[2], STRIP)
    for number, channel, start in product(*map(range, restored.shape[:2]), starts):
        strip = number, channel, slice(start, start + STRIP)
        ends = np.array([[restored[strip].min(), restored[strip].max()]])
        darkest, brightest = scaling.to_counts(ends, np.float64)[0]
        if darkest >= limits.min and brightest <= limits.max:
            continue
        beyond = scaling.excess(restored[strip], dtype)
        if holes is not None:
            beyond[holes[strip]] = 0
        if band is not None:
            band[strip] += np.abs(beyond)
        black += int(((beyond < 0) & (recorded[strip] > limits.min)).sum())
        white += int(((beyond > 0) & (recorded[strip] < limits.max)).sum())
    return black, white


def _on_whole(
    check: Check | None, verdicts: Verdicts | None, gaps: Gaps
) -> tuple[Check | None, Verdicts | None]:
    """Return check and verdicts of the part with data on the tiles of the whole image."""
    side = consistency.TILE
    # A tile of the whole has the value of the part's tile in which its middle, or what of it is in
    # the part, lies.
    in_part, nearest = [], []
    for length, span in zip(gaps.mask.shape[2:], gaps.box, strict=True):
        starts = np.arange(0, length, side)
        in_part.append((starts + side > span.start) & (starts < span.stop))
        middles = np.clip(starts + side // 2, span.start, span.stop - 1)
        nearest.append((middles - span.start) // side)

    def placed(values: NDArray[Any], elsewhere: float) -> NDArray[Any]:
        return np.where(np.logical_and.outer(*in_part), values[..., *np.ix_(*nearest)], elsewhere)

    if check is not None:
        check = replace(check, misfit=placed(check.misfit, 1.0))
    if verdicts is not None:
        untouched = (verdicts == consistency.INPUT).all()
        elsewhere = consistency.INPUT if untouched else consistency.RESTORED
        verdicts = placed(verdicts, elsewhere).astype(verdicts.dtype)
    return check, verdicts
