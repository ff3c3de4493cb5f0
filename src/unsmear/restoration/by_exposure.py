"""The exposures of an image restored each by its own kernel, and the image put together again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from unsmear.blur import Blur
from unsmear.estimate import exposures as estimation
from unsmear.estimate.exposures import Exposure
from unsmear.images import Image
from unsmear.images.nodata import Gaps, Mask
from unsmear.restoration import consistency, exposures
from unsmear.restoration.application import apply
from unsmear.restoration.consistency import Check, Verdicts
from unsmear.restoration.decision import Decision
from unsmear.restoration.exposures import Block, Outcome
from unsmear.restoration.field_kernel import FieldKernel
from unsmear.restoration.preparation import check_kernel_fits, check_size
from unsmear.restoration.restored import Restored
from unsmear.restoration.settings import Job
from unsmear.restoration.single_kernel import (
    CONTRADICTED,
    as_dtype,
    is_put_back,
    other_motion_phrase,
)


def restore(
    image: Image, gaps: Gaps | None, decisions: Sequence[tuple[Exposure, Decision]], job: Job
) -> Restored[Image, Image]:
    """Return an image whose exposures are restored each as its decision says."""
    whole = _Whole.of(image, job.settings.dtype)
    outcomes = [
        _restore_exposure(
            whole, _Source(image, gaps, exposure), decision, job.part(number, len(decisions))
        )
        for number, (exposure, decision) in enumerate(decisions)
    ]
    movement = exposures.movement(outcomes)
    put_back = whole.take_out_contradicted()
    if put_back.any():
        name = estimation.name(image, exposures.of_given(np.argwhere(put_back)))
        movement += f"; but {name} is not consistent with that, left as it was"
    return replace(
        whole.restored(image),
        movement=movement,
        no_data=0.0 if gaps is None else gaps.share,
        exposures=tuple(outcomes),
    )


@dataclass(frozen=True, eq=False)
class _Source:
    """Where the planes of an exposure come from. gaps: where the image has no data."""

    image: Image
    gaps: Gaps | None
    exposure: Exposure

    def part(self, block: Block) -> tuple[Image, Mask | None]:
        """Return a block of the exposure's planes as an image, and where that has no data."""
        part = exposures.part(self.image, self.exposure, *block)
        if self.gaps is None:
            return part, None
        return part, exposures.cut(self.gaps.mask[np.ix_(*block)], self.exposure)

    def other_motion_phrase(self, blur: Blur) -> str:
        """Return a phrase on another motion that the first block shows, or ""."""
        part, mask = self.part(next(estimation.blocks(self.exposure)))
        gaps = None if mask is None or mask.all() else Gaps.of(part, mask)
        return other_motion_phrase(part, gaps, blur)


def _restore_exposure(whole: _Whole, source: _Source, decision: Decision, job: Job) -> Outcome:
    """Put the restored planes of an exposure in their place, and return what became of them."""
    exposure, touched, movement = source.exposure, False, decision.movement
    doubted = False
    if decision.blur is not None:
        if decision.estimate is None:
            check_kernel_fits(decision.blur.kernel(), source.image)
        blocks = list(estimation.blocks(exposure))
        for number, block in enumerate(blocks):
            part, mask = source.part(block)
            if mask is not None and mask.all():
                continue
            gaps = None if mask is None else Gaps.of(part, mask)
            settings = job.part(number, len(blocks)).settings
            result = apply(part, FieldKernel.of(decision), settings, gaps)
            if not is_put_back(result):
                touched = True
                whole.put(result, exposure, block)
        if decision.estimate is None:
            doubt = source.other_motion_phrase(decision.blur)
            movement += doubt and f", although the image {doubt}"
            doubted = bool(doubt)
        if not touched:
            doubted = True
            movement = f"{movement}, {CONTRADICTED}"
    job.report(1, 1)
    return Outcome(
        estimation.name(source.image, exposure),
        decision.estimate,
        movement or decision.reason,
        decision.blur if touched else None,
        exposure,
        doubted,
    )


@dataclass(eq=False)
class _Whole:
    """An image that is put together from the results of its exposures.

    planes, band: (batch, channel, y, x), counts. verdicts, misfit: (batch, channel, rows, columns).
    empty: (batch, channel).
    """

    planes: NDArray[Any]
    band: NDArray[np.float32]
    verdicts: Verdicts
    misfit: NDArray[np.float32]
    empty: NDArray[np.bool_]
    parts: list[Restored[Image, Image]]

    @classmethod
    def of(cls, image: Image, dtype: DTypeLike | None) -> _Whole:
        planes = as_dtype(check_size(image).planes(), dtype).copy()
        verdicts = np.full(consistency.tiles_of(planes), consistency.LEFT, np.uint8)
        band = np.full(planes.shape, np.nan, np.float32)
        misfit, empty = np.ones(verdicts.shape, np.float32), np.zeros(planes.shape[:2], bool)
        return cls(planes, band, verdicts, misfit, empty, [])

    def put(self, result: Restored[Image, Image], exposure: Exposure, block: Block) -> None:
        """Put the result of a block of an exposure's planes in its place."""
        place, side = (exposure, *block), consistency.TILE
        self.parts.append(result)
        exposures.put(self.planes, result.image.planes(), *place)
        verdicts = result.verdicts
        if verdicts is None:  # nothing was replaced
            verdicts = np.zeros(consistency.tiles_of(result.image.planes()), np.uint8)
        exposures.put(self.verdicts, verdicts, *place, scale=side)
        if result.consistency is not None:
            exposures.put(self.misfit, result.consistency.misfit, *place, scale=side)
            self.empty[np.ix_(*block)] |= result.consistency.empty
        if result.uncertainty is not None:
            exposures.put(self.band, result.uncertainty.planes(), *place)

    def take_out_contradicted(self) -> NDArray[np.bool_]:
        """Return the planes, (batch, channel), that were put back as a whole; mark them as LEFT."""
        put_back = (self.verdicts == consistency.INPUT).all(axis=(2, 3)) & ~self.empty
        self.verdicts[put_back] = consistency.LEFT
        self.band[put_back] = np.nan
        return np.asarray(put_back)

    def restored(self, image: Image) -> Restored[Image, Image]:
        """Return what became of the image."""
        parts = self.parts
        banded = any(part.uncertainty is not None for part in parts)
        guarded = any(part.verdicts is not None for part in parts)
        checked = any(part.consistency is not None for part in parts)
        unchanged = replace(image, pixels=as_dtype(image.pixels, self.planes.dtype))
        return Restored(
            unchanged.with_planes(self.planes) if parts else unchanged,
            bool(parts),
            uncertainty=image.light().with_planes(self.band) if banded else None,
            verdicts=self.verdicts if guarded else None,
            consistency=Check(self.misfit, self.empty) if checked else None,
            outliers=sum(part.outliers for part in parts),
            saturated=sum(part.saturated for part in parts),
            clipped=sum(part.clipped for part in parts),
            clipped_black=sum(part.clipped_black for part in parts),
        )
