"""An image restored part by part: time points, positions and exposures, each by its own kernel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from unsmear.blur import Blur, Motion
from unsmear.estimate import Estimate, second_opinion
from unsmear.estimate import exposures as estimation
from unsmear.estimate.exposures import Exposure, Per
from unsmear.images import Image, frames
from unsmear.images.nodata import Gaps, Mask
from unsmear.restoration import consistency, exposures, saturation
from unsmear.restoration.application import check_size
from unsmear.restoration.by_place import ByPlace
from unsmear.restoration.consistency import Check, Verdicts
from unsmear.restoration.decision import Decision, Known
from unsmear.restoration.restored import Restored

NOTHING = Estimate(0.0)
"""Estimate of planes whose kernel is given."""
FEW = 4
"""Largest number of frames of which each is described."""
ONLY_NOISE = "but the image holds only noise"
CONTRADICTED = "which is not consistent with the image"
"""What is said of a kernel that the consistency check found wrong."""


@dataclass(frozen=True)
class Job:
    """How images are restored, whatever blurred them.

    decide: says what to do about a kernel or an estimate. apply: restores with a kernel, as
    `apply_method` does. per: what shares a movement where it is estimated. dtype: of the results;
    None for that of the image.
    """

    decide: Callable[[Known], Decision]
    apply: Callable[..., Restored[Image, Image]]
    per: Per = "auto"
    dtype: DTypeLike | None = None


def restore(
    image: Image, kernels: ByPlace | None, gaps: Gaps | None, job: Job
) -> Restored[Image, Image]:
    """Return an image with each exposure restored by its own kernel.

    kernels: those that are known; the others are estimated.
    """
    if job.per != "file" and frames.count(image) > 1:
        return _restore_frames(image, kernels, gaps, job)
    decided: list[tuple[Exposure, Decision]] = []
    known = None
    if kernels is not None:
        known = ~kernels.unknown
        for number, kernel in enumerate(kernels.kernels):
            planes = np.argwhere(kernels.numbers == number)
            if len(planes):
                decided.append((Exposure(planes, NOTHING), job.decide(kernel)))
    if known is None or not known.all():
        found = estimation.find_in(image, gaps, job.per, known)
        decided += [(one, job.decide(one.estimate)) for one in found]
    if len(decided) > 1:
        return _restore_exposures(image, gaps, decided, job)
    return restore_whole(image, gaps, decided[0][1], job)


def restore_whole(
    image: Image, gaps: Gaps | None, decided: Decision, job: Job
) -> Restored[Image, Image]:
    """Return an image restored as the decision says: by one kernel, or blindly, or not at all."""
    left = replace(check_size(image), pixels=_as_dtype(image.pixels, job.dtype))
    if decided.reason:
        share = 0.0 if gaps is None else gaps.share
        return Restored(left, False, decided.reason, decided.estimate, no_data=share)
    done = job.apply(
        image,
        kernel=None if decided.blur is None else decided.blur.kernel(),
        gaps=gaps,
        **_of_estimate(decided.estimate),
    )
    looks = ""
    if decided.estimate is None and decided.blur is not None:
        looks = _looks(image, gaps, decided.blur)
    movement = f"{decided.movement}{looks and f', although the image {looks}'}"
    done = replace(done, estimate=decided.estimate, blur=decided.blur, movement=movement)
    if not _is_left(done):
        return _without_contradicted(image, done)
    reason = f"{CONTRADICTED}{looks and f': it {looks}'}"
    if done.consistency is not None and done.consistency.empty.all():
        reason = ONLY_NOISE
    return replace(
        done,
        image=left,
        touched=False,
        movement=f"{decided.movement}, {reason}",
        uncertainty=None,
        outliers=0,
        saturated=0,
        clipped=0,
        clipped_black=0,
    )


def _looks(image: Image, gaps: Gaps | None, blur: Blur) -> str:
    """Return a phrase on a motion that an image shows far more clearly than a given one, or ""."""
    planes = image.planes() if gaps is None else gaps.filled(image).planes()
    holes = None if gaps is None else gaps.inside
    other = second_opinion.other_motion(planes, holes, blur.kernel())
    if other is None:
        return ""
    length, angle = other
    return f"looks like a motion of {length:.1f} px at {round(angle) % 180} degrees"


def _without_contradicted(image: Image, done: Restored[Image, Image]) -> Restored[Image, Image]:
    """Return the same, the planes that were put back as a whole named and their tiles LEFT."""
    if done.verdicts is None:
        return done
    whole = (done.verdicts == consistency.INPUT).all(axis=(2, 3))
    if done.consistency is not None:
        whole &= ~done.consistency.empty
    if not whole.any():
        return done
    name = estimation.name(image, Exposure(np.argwhere(whole), NOTHING))
    band = done.uncertainty
    if band is not None:
        band = band.with_planes(np.where(whole[..., None, None], np.nan, band.planes()))
    return replace(
        done,
        movement=f"{done.movement}, which is not consistent with {name}, left as it was",
        verdicts=np.where(whole[..., None, None], consistency.LEFT, done.verdicts),
        uncertainty=band,
    )


def _of_estimate(estimate: Estimate | None) -> dict[str, Any]:
    """Return how an estimated kernel is applied; None for one that was given."""
    if estimate is None:
        return {}
    return {"drift": estimate.drift, "most_saturated": saturation.MOST_IF_ESTIMATED}


def _is_left(done: Restored[Image, Image]) -> bool:
    """Return whether nothing of a result was kept."""
    return done.verdicts is not None and bool((done.verdicts == consistency.INPUT).all())


def _as_dtype(pixels: NDArray[Any], dtype: DTypeLike | None) -> NDArray[Any]:
    return pixels if dtype is None else pixels.astype(dtype, copy=False)


def _restore_exposures(
    image: Image, gaps: Gaps | None, decided: Sequence[tuple[Exposure, Decision]], job: Job
) -> Restored[Image, Image]:
    """Return an image whose exposures are restored each as its decision says."""
    whole = _Whole.of(image, job.dtype)
    outcomes = []
    for exposure, decision in decided:
        touched = False
        for block in estimation.blocks(exposure) if decision.blur is not None else ():
            assert decision.blur is not None  # for mypy
            part, held = exposures.part(image, exposure, *block), None
            if gaps is not None:
                mask = exposures.cut(gaps.mask[np.ix_(*block)], exposure)
                if mask.all():
                    continue
                held = Gaps.of(part, mask)
            told = _of_estimate(decision.estimate)
            done = job.apply(part, kernel=decision.blur.kernel(), gaps=held, **told)
            if not _is_left(done):
                touched = True
                whole.put(done, exposure, *block)
        movement = decision.movement
        if decision.estimate is None and decision.blur is not None:
            block = next(estimation.blocks(exposure))
            part, held = exposures.part(image, exposure, *block), None
            if gaps is not None:
                mask = exposures.cut(gaps.mask[np.ix_(*block)], exposure)
                held = None if mask.all() else Gaps.of(part, mask)
            looks = _looks(part, held, decision.blur)
            movement += looks and f", although the image {looks}"
        if not touched and decision.blur is not None:
            movement = f"{movement}, {CONTRADICTED}"
        outcomes.append(
            exposures.Outcome(
                estimation.name(image, exposure),
                decision.estimate,
                movement or decision.reason,
                decision.blur if touched else None,
                exposure,
            )
        )
    movement = _movement_of_exposures(outcomes)
    put_back = whole.take_out_contradicted()
    if put_back.any():
        name = estimation.name(image, Exposure(np.argwhere(put_back), NOTHING))
        movement += f"; but {name} is not consistent with that, left as it was"
    return replace(
        whole.restored(image),
        movement=movement,
        no_data=0.0 if gaps is None else gaps.share,
        exposures=tuple(outcomes),
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
        planes = _as_dtype(check_size(image).planes(), dtype).copy()
        tiles = (-(-length // consistency.TILE) for length in planes.shape[2:])
        verdicts = np.full((*planes.shape[:2], *tiles), consistency.LEFT, np.uint8)
        band = np.full(planes.shape, np.nan, np.float32)
        misfit, empty = np.ones(verdicts.shape, np.float32), np.zeros(planes.shape[:2], bool)
        return cls(planes, band, verdicts, misfit, empty, [])

    def put(
        self,
        done: Restored[Image, Image],
        exposure: Exposure,
        batch: NDArray[np.intp],
        channels: NDArray[np.intp],
    ) -> None:
        """Put the result of some planes of an exposure in its place."""
        place, side = (exposure, batch, channels), consistency.TILE
        self.parts.append(done)
        exposures.put(self.planes, done.image.planes(), *place)
        verdicts = done.verdicts
        if verdicts is None:  # nothing was replaced
            count, width, *sides = done.image.planes().shape
            verdicts = np.zeros((count, width, *(-(-length // side) for length in sides)), np.uint8)
        exposures.put(self.verdicts, verdicts, *place, scale=side)
        if done.consistency is not None:
            exposures.put(self.misfit, done.consistency.misfit, *place, scale=side)
            self.empty[np.ix_(batch, channels)] |= done.consistency.empty
        if done.uncertainty is not None:
            exposures.put(self.band, done.uncertainty.planes(), *place)

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
        left = replace(image, pixels=_as_dtype(image.pixels, self.planes.dtype))
        return Restored(
            left.with_planes(self.planes) if parts else left,
            bool(parts),
            uncertainty=image.light().with_planes(self.band) if banded else None,
            verdicts=self.verdicts if any(part.verdicts is not None for part in parts) else None,
            consistency=Check(self.misfit, self.empty)
            if any(part.consistency is not None for part in parts)
            else None,
            outliers=sum(part.outliers for part in parts),
            saturated=sum(part.saturated for part in parts),
            clipped=sum(part.clipped for part in parts),
            clipped_black=sum(part.clipped_black for part in parts),
        )


def _movement_of_exposures(outcomes: Sequence[exposures.Outcome]) -> str:
    """Return what was found in each exposure, "channel 0: ...; channels 1 and 2: ..."."""
    if len({outcome.movement for outcome in outcomes}) == 1 and outcomes[0].blur is None:
        return outcomes[0].movement
    return "; ".join(
        f"{outcome.name}: {outcome.movement}{'' if outcome.blur else ', left as it was'}"
        for outcome in outcomes
    )


def _restore_frames(
    image: Image, kernels: ByPlace | None, gaps: Gaps | None, job: Job
) -> Restored[Image, Image]:
    """Return an image whose time points and positions are restored each by itself."""
    parts = frames.split(image)
    count = len(parts)
    masks: Sequence[Mask | None] = [None] * count if gaps is None else np.split(gaps.mask, count)
    given = [None] * count if kernels is None else kernels.split(count)
    results = [
        _restore_frame(part, kernel, mask, job)
        for (_, part), kernel, mask in zip(parts, given, masks, strict=True)
    ]
    dtype = next((r.image.pixels.dtype for r in results if r.touched), image.pixels.dtype)
    pixels = frames.join(image, [r.image.pixels.astype(dtype, copy=False) for r in results])
    return Restored(
        replace(image, pixels=pixels),
        any(r.touched for r in results),
        _movement_of_frames([name for name, _ in parts], results),
        uncertainty=_joined_bands(image, results),
        consistency=_joined_checks(results),
        verdicts=_joined_verdicts(results),
        no_data=0.0 if gaps is None else gaps.share,
        outliers=sum(r.outliers for r in results),
        saturated=sum(r.saturated for r in results),
        clipped=sum(r.clipped for r in results),
        clipped_black=sum(r.clipped_black for r in results),
        frames=tuple(results),
    )


def _restore_frame(
    part: Image, kernels: ByPlace | None, mask: Mask | None, job: Job
) -> Restored[Image, Image]:
    # What was found to hold no data in the whole image is known in each frame.
    mask = np.zeros(part.planes().shape, bool) if mask is None else mask
    if mask.all():
        return Restored(part, False, "no data")
    return restore(part, kernels, Gaps.of(part, part.with_planes(mask).pixels), job)


def _joined_bands(image: Image, results: Sequence[Restored[Image, Image]]) -> Image | None:
    """Return the uncertainty of all frames, NaN in those without one; None without any."""
    bands = [r.uncertainty for r in results]
    if all(band is None for band in bands):
        return None
    shown = image.light()
    nothing = np.full(frames.split(shown)[0][1].pixels.shape, np.nan, np.float32)
    pixels = [nothing if band is None else band.pixels for band in bands]
    return replace(shown, pixels=frames.join(shown, pixels))


def _joined_checks(results: Sequence[Restored[Image, Image]]) -> Check | None:
    """Return the checks of all frames; nothing is known of those that were left alone."""
    known = [r.consistency for r in results if r.touched and r.consistency is not None]
    if not known:
        return None
    unknown = Check(np.ones_like(known[0].misfit), np.zeros_like(known[0].empty))
    checks = [r.consistency if r.touched and r.consistency else unknown for r in results]
    return Check(
        np.concatenate([check.misfit for check in checks]),
        np.concatenate([check.empty for check in checks]),
    )


def _joined_verdicts(results: Sequence[Restored[Image, Image]]) -> Verdicts | None:
    """Return the verdicts of all frames; those of a frame that was left alone are LEFT."""
    known = [r.verdicts for r in results if r.verdicts is not None]
    if not known:
        return None
    left = np.full_like(known[0], consistency.LEFT)
    kept = np.full_like(known[0], consistency.RESTORED)
    return np.concatenate(
        [left if not r.touched else kept if r.verdicts is None else r.verdicts for r in results]
    )


def _movement_of_frames(names: Sequence[str], results: Sequence[Restored[Image, Image]]) -> str:
    """Return what was found in each frame, or in how many frames what was found."""
    if len({r.movement for r in results}) == 1 and not results[0].touched:
        return results[0].movement
    if len(results) <= FEW:
        return "; ".join(
            f"{name}: {r.movement}{'' if r.touched or r.exposures else ', left as it was'}"
            for name, r in zip(names, results, strict=True)
        )
    count = f"{sum(r.touched for r in results)} of {len(results)} frames"
    if not any(r.touched for r in results):
        return f"nothing to act on in any of {len(results)} frames"
    lengths = [length for r in results if r.touched for length in _lengths(r)]
    if not lengths:
        return f"the given kernels in {count}"
    return f"motions of {min(lengths):.1f} to {max(lengths):.1f} px in {count}, each by itself"


def _lengths(frame: Restored[Image, Image]) -> list[float]:
    """Return the lengths of the motions that were taken out of a frame, pixels."""
    found = []
    for one in frame.exposures or [frame]:
        if one.blur is not None and one.estimate is not None:
            found.append(one.estimate.length)
        elif isinstance(one.blur, Motion):
            found.append(one.blur.length)
    return found
