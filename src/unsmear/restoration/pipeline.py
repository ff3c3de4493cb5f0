"""Restoration pipeline: decide, scale, restore in tiles, conserve flux, check and round.

The command line, the evaluation and `unsmear.restore` share it, so that the scored image is the
written one, and an image that is left unchanged here is left unchanged everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar, cast, get_args, overload

import numpy as np
from numpy.typing import DTypeLike, NDArray

from unsmear.blur import Blur, Motion, Sampled, describe
from unsmear.errors import KernelError, OptionError
from unsmear.estimate import Estimate
from unsmear.estimate import exposures as estimation
from unsmear.estimate.exposures import Exposure, Per
from unsmear.images import Image, frames
from unsmear.images.nodata import Gaps, NoData
from unsmear.restoration import (
    consistency,
    exposures,
    methods,
)
from unsmear.restoration.application import Progress, apply_method, check_size
from unsmear.restoration.base import Method
from unsmear.restoration.consistency import Check, Verdicts
from unsmear.restoration.methods import NO_OPTIONS
from unsmear.restoration.restored import Restored

__all__ = ["Restored", "apply_method", "check_size", "restore"]

QUESTIONED = 0.5
"""Length below which a given motion is questioned and nothing is done, pixels: it moves no light
from one pixel to another that could be brought back, and is a wrong pixel size as a rule."""
Pixel = TypeVar("Pixel", bound=np.generic)
"""Type of an array's pixels."""


@overload
def restore(
    image: Image,
    kernel: NDArray[Any] | Blur | Estimate | None = None,
    *,
    axes: str | None = None,
    method: str | Method = "deep-wiener",
    uncertainty: bool = False,
    irregular: bool = False,
    force: bool = False,
    check: bool = False,
    tile: int | None = None,
    options: Mapping[str, Any] = NO_OPTIONS,
    progress: Progress | None = None,
    no_data: NoData | None = None,
    dtype: DTypeLike | None = None,
    per: Per = "auto",
) -> Restored[Image, Image]: ...


@overload
def restore(
    image: NDArray[Pixel],
    kernel: NDArray[Any] | Blur | Estimate | None = None,
    *,
    axes: str | None = None,
    method: str | Method = "deep-wiener",
    uncertainty: bool = False,
    irregular: bool = False,
    force: bool = False,
    check: bool = False,
    tile: int | None = None,
    options: Mapping[str, Any] = NO_OPTIONS,
    progress: Progress | None = None,
    no_data: NoData | None = None,
    dtype: None = None,
    per: Per = "auto",
) -> Restored[NDArray[Pixel], NDArray[np.float32]]: ...


@overload
def restore(
    image: NDArray[Any],
    kernel: NDArray[Any] | Blur | Estimate | None = None,
    *,
    axes: str | None = None,
    method: str | Method = "deep-wiener",
    uncertainty: bool = False,
    irregular: bool = False,
    force: bool = False,
    check: bool = False,
    tile: int | None = None,
    options: Mapping[str, Any] = NO_OPTIONS,
    progress: Progress | None = None,
    no_data: NoData | None = None,
    dtype: DTypeLike,
    per: Per = "auto",
) -> Restored[NDArray[Any], NDArray[np.float32]]: ...


def restore(
    image: Image | NDArray[Any],
    kernel: NDArray[Any] | Blur | Estimate | None = None,
    *,
    axes: str | None = None,
    method: str | Method = "deep-wiener",
    uncertainty: bool = False,
    irregular: bool = False,
    force: bool = False,
    check: bool = False,
    tile: int | None = None,
    options: Mapping[str, Any] = NO_OPTIONS,
    progress: Progress | None = None,
    no_data: NoData | None = None,
    dtype: DTypeLike | None = None,
    per: Per = "auto",
) -> Restored[Image, Image] | Restored[NDArray[Any], NDArray[np.float32]]:
    """Restore an image, or leave it alone where no motion is surely found.

    The motion that blurred each exposure is estimated unless a kernel is given. The image
    is left alone where no motion is found, where none is sure (confidence below 0.7), where it was
    deconvolved before (see `force`), and where a guarded method (deep-wiener) restores nothing
    that is consistent with what was recorded.

    Parameters
    ----------
    image
        An image, or an array of counts: (y, x), or with `axes` any other; at least 3x3 pixels. It
        is not changed.
    kernel
        The point spread function where it is known: an array (rows, columns) with odd sides, or a
        blur such as `Motion(10, 40)`. Or an `Estimate`, which is acted on only where it is sure.
        Without one, each exposure has its own (see `per`).
    axes
        Letters of "PSTCZYX", one for each dimension of an array, such as "CYX".
    method
        A method's name, as in `unsmear restore --help`, or the path of weights.
    uncertainty
        Whether to give the half-width of a 90 % prediction interval too (deep-wiener).
    irregular
        Whether to take out an irregular motion (camera shake) whose path is uncertain too; its
        kernel is often wrong.
    force
        Whether to restore an image too that was deconvolved before; it rarely gets better.
    check
        Whether to check the consistency of a method that is not guarded too.
    tile
        Side of the tiles, pixels; None leaves it to the size of the image.
    options
        The method's own options, by name: `{"iterations": 50}` for richardson-lucy.
    progress
        Called with tiles done and all tiles, after each tile.
    no_data
        A value that stands for no data, or a bool mask that is true there, (y, x) or in the image's
        shape; None finds margins and holes of one exact value with straight edges. NaN never is
        data. What holds no data comes back as it was, and nothing is measured on it.
    dtype
        "float32" gives floats, in the same counts, of which nothing is rounded or clipped; None
        keeps the image's dtype.
    per
        What shares a movement: "auto" estimates each plane of each time point and position, and
        pools those that agree; "plane", "channel", "frame" (a time point of a position) and "file"
        decide it beforehand.

    Returns
    -------
    Restored
        The image in the form that came in, and what was found and done.

    Raises
    ------
    AxesError
        For axes that are missing or do not fit.
    ImageError
        For an image that is too small, or holds infinities, no numbers or nothing but NaN.
    KernelError
        For a kernel that no camera could have made.
    OptionError
        For an unknown method or option, a kernel for a blind method, and a mask of no data that
        does not fit.

    Examples
    --------
    >>> import numpy as np
    >>> import unsmear
    >>> sharp = np.zeros((96, 96), np.uint16)
    >>> sharp[30:50, 40:44] = 4000
    >>> motion = unsmear.Motion(9, 30)
    >>> blurred = unsmear.convolve(sharp.astype(np.float32), motion.kernel()).astype(np.uint16)
    >>> restored = unsmear.restore(blurred, motion)
    >>> restored.touched, restored.image.dtype, restored.movement
    (True, dtype('uint16'), 'linear motion of 9.00 px at 30.0 degrees (given)')
    >>> unsmear.psnr(sharp, restored.image, data_range=4000) > unsmear.psnr(
    ...     sharp, blurred, data_range=4000
    ... )
    True
    >>> unsmear.restore(np.full((96, 96), 7, np.uint8)).touched
    False
    """
    recorded = Image.of(image, axes)
    check_dtype(dtype)
    gaps = Gaps.of(recorded, no_data)
    resolved = methods.find(method)
    methods.check_options(resolved, options)
    if uncertainty and not resolved.guarded:
        raise OptionError(
            f"uncertainty is not available for {resolved.name}; use a deep-wiener method."
        )
    if kernel is not None and not resolved.needs_kernel:
        raise OptionError(f"{resolved.name} must be given no kernel: it is a blind method.")
    if per not in get_args(Per):
        raise OptionError(f"per must be one of {', '.join(get_args(Per))}, got {per!r}.")
    if kernel is None and resolved.needs_kernel and per != "file" and frames.count(recorded) > 1:
        single = partial(
            restore,
            method=resolved,
            uncertainty=uncertainty,
            irregular=irregular,
            force=force,
            check=check,
            tile=tile,
            dtype=dtype,
            options=options,
            progress=progress,
            per=per,
        )
        return _in_form(_restore_frames(recorded, gaps, single), image, dtype)
    apply = partial(
        apply_method,
        method=resolved,
        tile=tile,
        options=options,
        uncertainty=uncertainty,
        check=check,
        progress=progress,
        dtype=dtype,
        stop=not force,
    )
    decide = partial(_decide, irregular=irregular, force=force)
    if resolved.needs_kernel and kernel is None:
        found = estimation.find_in(recorded, gaps, per)
        if len(found) > 1:
            return _in_form(
                _restore_exposures(recorded, gaps, found, decide, apply, dtype), image, dtype
            )
        kernel = found[0].estimate
    decided = decide(kernel) if resolved.needs_kernel else BLIND
    if decided.reason:
        left: Restored[Image, Image] = Restored(
            check_size(_as_dtype(recorded, dtype)),
            False,
            decided.reason,
            decided.estimate,
            no_data=0.0 if gaps is None else gaps.share,
        )
        return _in_form(left, image, dtype)
    done = apply(
        recorded,
        kernel=None if decided.blur is None else decided.blur.kernel(),
        gaps=gaps,
        drift=None if decided.estimate is None else decided.estimate.drift,
    )
    movement, touched = decided.movement, True
    if done.verdicts is not None and (done.verdicts == consistency.INPUT).all():
        movement, touched = f"{movement}, which is not consistent with the image", False
    return _in_form(
        replace(
            done,
            image=done.image if touched else _as_dtype(recorded, dtype),
            touched=touched,
            movement=movement,
            estimate=decided.estimate,
            blur=decided.blur,
            uncertainty=done.uncertainty if touched else None,
            outliers=done.outliers if touched else 0,
            clipped=done.clipped if touched else 0,
            clipped_black=done.clipped_black if touched else 0,
        ),
        image,
        dtype,
    )


def _restore_exposures(
    image: Image,
    gaps: Gaps | None,
    found: Sequence[Exposure],
    decide: Callable[[Estimate], _Decision],
    apply: Callable[..., Restored[Image, Image]],
    dtype: DTypeLike | None,
) -> Restored[Image, Image]:
    """Return an image whose exposures are restored each by its own movement."""
    planes = _as_dtype(check_size(image), dtype).planes().copy()
    side = consistency.TILE
    tiles = tuple(-(-length // side) for length in planes.shape[2:])
    verdicts = np.full((*planes.shape[:2], *tiles), consistency.INPUT, np.uint8)
    misfit = np.ones(verdicts.shape, np.float32)
    band = np.full(planes.shape, np.nan, np.float32)
    outcomes, parts = [], []
    for exposure in found:
        decided = decide(exposure.estimate)
        touched = False
        for block in estimation.blocks(exposure) if decided.blur is not None else ():
            assert decided.blur is not None  # for mypy
            held = None
            if gaps is not None:
                mask = exposures.cut(gaps.mask[np.ix_(*block)], exposure)
                if mask.all():
                    continue
                held = Gaps.of(exposures.part(image, exposure, *block), mask)
            done = apply(
                exposures.part(image, exposure, *block),
                kernel=decided.blur.kernel(),
                gaps=held,
                drift=exposure.estimate.drift,
            )
            if done.verdicts is not None and (done.verdicts == consistency.INPUT).all():
                continue
            touched = True
            parts.append(done)
            exposures.put(planes, done.image.planes(), exposure, *block)
            known = np.zeros_like(verdicts[:1, :1]) if done.verdicts is None else done.verdicts
            exposures.put(verdicts, known, exposure, *block, scale=side)
            if done.consistency is not None:
                exposures.put(misfit, done.consistency.misfit, exposure, *block, scale=side)
            if done.uncertainty is not None:
                exposures.put(band, done.uncertainty.planes(), exposure, *block)
        movement = decided.movement
        if not touched and decided.blur is not None:
            movement = f"{movement}, which is not consistent with the image"
        outcomes.append(
            exposures.Outcome(
                estimation.name(image, exposure),
                exposure.estimate,
                movement,
                decided.blur if touched else None,
                exposure,
            )
        )
    any_touched = bool(parts)
    banded = any(part.uncertainty is not None for part in parts)
    whole = _as_dtype(image, dtype)
    return Restored(
        whole.with_planes(planes) if any_touched else whole,
        any_touched,
        _movement_of_exposures(outcomes),
        uncertainty=image.light().with_planes(band) if banded else None,
        verdicts=verdicts if any(part.verdicts is not None for part in parts) else None,
        consistency=Check(misfit, np.zeros(misfit.shape[:2], bool)) if any_touched else None,
        no_data=0.0 if gaps is None else gaps.share,
        outliers=sum(part.outliers for part in parts),
        clipped=sum(part.clipped for part in parts),
        clipped_black=sum(part.clipped_black for part in parts),
        exposures=tuple(outcomes),
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
    image: Image, gaps: Gaps | None, single: Callable[..., Restored[Image, Image]]
) -> Restored[Image, Image]:
    """Return an image whose time points and positions are restored each by itself.

    single: restores one of them.
    """
    parts = frames.split(image)
    masks = [None] * len(parts) if gaps is None else np.split(gaps.mask, len(parts))
    results: list[Restored[Image, Image]] = []
    for (_, part), mask in zip(parts, masks, strict=True):
        # What was found in the whole image is known in each frame.
        given = np.zeros(part.planes().shape, bool) if mask is None else mask
        if given.all():
            results.append(Restored(part, False, "no data"))
        else:
            results.append(single(part, no_data=part.with_planes(given).pixels))
    dtype = next((r.image.pixels.dtype for r in results if r.touched), image.pixels.dtype)
    pixels = frames.join(image, [r.image.pixels.astype(dtype, copy=False) for r in results])
    bands = [r.uncertainty for r in results]
    band = None
    if any(one is not None for one in bands):
        shown = image.light()
        nothing = np.full(frames.split(shown)[0][1].pixels.shape, np.nan, np.float32)
        band = replace(
            shown,
            pixels=frames.join(shown, [nothing if b is None else b.pixels for b in bands]),
        )
    return Restored(
        replace(image, pixels=pixels),
        any(r.touched for r in results),
        _movement_of_frames([name for name, _ in parts], results),
        uncertainty=band,
        verdicts=_joined_verdicts(results),
        no_data=0.0 if gaps is None else gaps.share,
        outliers=sum(r.outliers for r in results),
        clipped=sum(r.clipped for r in results),
        clipped_black=sum(r.clipped_black for r in results),
        frames=tuple(results),
    )


def _joined_verdicts(results: Sequence[Restored[Image, Image]]) -> Verdicts | None:
    """Return the verdicts of all frames; those of a frame that was left alone are the input's."""
    known = [r.verdicts for r in results if r.verdicts is not None]
    if not known:
        return None
    left = np.full_like(known[0], consistency.INPUT)
    return np.concatenate([left if r.verdicts is None else r.verdicts for r in results])


FEW = 4
"""Largest number of frames of which each is described."""


def _movement_of_frames(names: Sequence[str], results: Sequence[Restored[Image, Image]]) -> str:
    """Return what was found in each frame, or in how many frames what was found."""
    if len({r.movement for r in results}) == 1 and not results[0].touched:
        return results[0].movement
    if len(results) <= FEW:
        return "; ".join(
            f"{name}: {r.movement}{'' if r.touched else ', left as it was'}"
            for name, r in zip(names, results, strict=True)
        )
    touched = [r.estimate for r in results if r.touched and r.estimate is not None]
    if not touched:
        return f"nothing to act on in any of {len(results)} frames"
    lengths = [estimate.length for estimate in touched]
    return (
        f"motions of {min(lengths):.1f} to {max(lengths):.1f} px in {len(touched)} of "
        f"{len(results)} frames, each by itself"
    )


def check_dtype(dtype: DTypeLike | None) -> None:
    """Raise OptionError for another dtype of results than float32."""
    try:
        known = dtype is None or np.dtype(dtype) == np.float32
    except TypeError:
        known = False
    if not known:
        raise OptionError(f"dtype must be float32, or left out for the image's own, got {dtype}.")


def _as_dtype(image: Image, dtype: DTypeLike | None) -> Image:
    """Return the image with pixels of another dtype, or itself."""
    if dtype is None or image.pixels.dtype == dtype:
        return image
    return replace(image, pixels=image.pixels.astype(dtype))


@dataclass(frozen=True)
class _Decision:
    """The blur to take out of an image, or the reason to leave the image unchanged."""

    movement: str = ""
    blur: Blur | None = None
    estimate: Estimate | None = None
    reason: str = ""


BLIND = _Decision("no motion estimated (blind method)")
"""Decision for blind methods."""


def _decide(
    kernel: NDArray[Any] | Blur | Estimate | None, irregular: bool, force: bool = False
) -> _Decision:
    """Return the blur to take out: a given kernel always, an estimated one if confident."""
    if isinstance(kernel, np.ndarray):
        kernel = Sampled.of(kernel)
    if kernel is not None and not isinstance(kernel, Estimate):
        if isinstance(kernel, type) or not callable(getattr(kernel, "kernel", None)):
            raise KernelError(
                f"kernel must be an array, a blur or an Estimate, got {type(kernel).__name__}."
            )
        given = f"{describe(kernel)} (given)"
        if isinstance(kernel, Motion) and 0 < kernel.length < QUESTIONED:
            return _Decision(
                reason=f"{given}, which is under half a pixel: check speed, exposure and pixel size"
            )
        return _Decision(given, kernel)
    estimate = kernel
    assert isinstance(estimate, Estimate)  # for mypy: there always is one here
    movement = estimate.describe()
    acted_on = estimate.confident if force else estimate.sure
    if acted_on or (irregular and estimate.kind == "shake"):
        return _Decision(movement, estimate.blur(), estimate)
    if estimate.kind == "shake":
        movement = f"perhaps {movement}, whose path is too uncertain"
    elif estimate.doubt:
        movement = f"{movement}, {estimate.doubt}"
    elif estimate.found and estimate.processed is None:
        movement = f"perhaps {movement}, too uncertain to act on"
    return _Decision(movement, None, estimate, movement)


def _in_form(
    restored: Restored[Image, Image], given: Image | NDArray[Any], dtype: DTypeLike | None = None
) -> Restored[Image, Image] | Restored[NDArray[Any], NDArray[np.float32]]:
    """Return the result in the input's form: as an image, or as an array of its dtype."""
    if isinstance(given, Image):
        return restored
    band = restored.uncertainty
    return replace(
        cast("Restored[NDArray[Any], NDArray[np.float32]]", restored),
        image=restored.image.pixels.astype(
            np.asarray(given).dtype if dtype is None else dtype, copy=not restored.touched
        ),
        uncertainty=None if band is None else band.pixels,
    )
