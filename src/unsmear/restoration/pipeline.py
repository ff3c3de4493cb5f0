"""Restoration pipeline: decide, scale, restore in tiles, conserve flux, check and round.

The command line, the evaluation and `unsmear.restore` share it, so that the scored image is the
written one, and an image that is left unchanged here is left unchanged everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Generic, TypeVar, cast, get_args, overload

import numpy as np
from numpy.typing import DTypeLike, NDArray

from unsmear.blur import Blur, Kernel, Motion, Sampled, check_kernel, describe
from unsmear.errors import ImageError, KernelError, OptionError
from unsmear.estimate import Estimate
from unsmear.estimate import exposures as estimation
from unsmear.estimate.drift import Drift
from unsmear.estimate.exposures import Exposure, Per
from unsmear.images import Image, frames, outliers
from unsmear.images.nodata import Gaps, Mask, NoData
from unsmear.images.scaling import Scaling
from unsmear.restoration import (
    consistency,
    drifting,
    exposures,
    filling,
    flux,
    methods,
    noise,
    tiling,
)
from unsmear.restoration.base import Batch, Method, Restorer, UncertainRestorer
from unsmear.restoration.classical import kernel_evidence
from unsmear.restoration.consistency import Check, Verdicts
from unsmear.restoration.methods import NO_OPTIONS

QUESTIONED = 0.5
"""Length below which a given motion is questioned and nothing is done, pixels: it moves no light
from one pixel to another that could be brought back, and is a wrong pixel size as a rule."""
SMALLEST = 3
"""Smallest side of an image, pixels; smaller ones cannot be mirrored without the border pixel."""

WHOLE = 2560
"""Longest side of an image that is restored whole by default, pixels; tiles save memory."""
TILE = 2048
"""Default side of the tiles of larger images, pixels."""

Form = TypeVar("Form", bound=Image | NDArray[Any])
"""Type of the input, and of the restored image."""
Band = TypeVar("Band", bound=Image | NDArray[np.float32])
"""Type of the uncertainty: that of the input, with float32 pixels."""
Pixel = TypeVar("Pixel", bound=np.generic)
"""Type of an array's pixels."""
Progress = Callable[[int, int], None]
"""Callback with the number of finished tiles and of all tiles."""


@dataclass(frozen=True, eq=False)
class Restored(Generic[Form, Band]):
    """What became of an image.

    Attributes
    ----------
    image
        The result in the form that came in, with its dtype, axes, pixel size and metadata; the
        input's own pixels where it was left alone.
    touched
        Whether anything was restored.
    movement
        What was found or given, in words: "linear motion of 10.2 px at 41 degrees (confidence
        0.97)"; where the image was left alone, why.
    estimate
        What was estimated; None where the kernel was given or the method is blind.
    blur
        The blur that was given or found, and tried; None where none was, or the method is blind.
    uncertainty
        Half-width of a 90 % prediction interval around each pixel, counts, float32, in the form
        that came in; None where it was not asked for, or the image was left alone.
    consistency
        How well the result, blurred again, explains the input; None without a kernel.
    verdicts
        Of a guarded method, (batch, channel, rows, columns) of tiles of 32x32 pixels: 0 restored,
        1 replaced by the plain deconvolution, 2 replaced by the recorded image.
    channel_rule
        How channels met those of a network, see `learned.network_restorer`; "" for other methods.
    blended
        Side and least overlap, pixels, of tiles whose result is not that of the whole image.
    no_data
        Fraction of the pixels that hold no data and came back as they were; their uncertainty is
        NaN.
    outliers
        Number of hot and dead pixels, replaced by what is around them before the restoration.
    clipped
        Number of pixels that were restored beyond the range of the dtype and are at its limit,
        where the input was not; 0 for float32 results.
    clipped_black
        How many of them are at the lower limit.
    frames
        What became of each time point of each position, where there are several and no kernel was
        given: each has a motion of its own, and `estimate` and `blur` are None.
    exposures
        What was found for the planes of each exposure, and for each part of a field that moved
        differently, where there are several: then `estimate` and `blur` are None.

    Examples
    --------
    >>> import numpy as np
    >>> import unsmear
    >>> restored = unsmear.restore(np.full((64, 64), 9, np.uint8))
    >>> restored.touched, restored.movement
    (False, 'no motion found (confidence 0.00)')
    """

    image: Form
    touched: bool = True
    movement: str = ""
    estimate: Estimate | None = None
    blur: Blur | None = None
    uncertainty: Band | None = None
    consistency: Check | None = None
    verdicts: Verdicts | None = None
    channel_rule: str = ""
    blended: tuple[int, int] | None = None
    no_data: float = 0.0
    outliers: int = 0
    clipped: int = 0
    clipped_black: int = 0
    frames: tuple[Restored[Image, Image], ...] = ()
    exposures: tuple[exposures.Outcome, ...] = ()


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


def no_data_phrase(restored: Restored[Any, Any]) -> str:
    """Return a phrase on what was left without data: "12 % without data left as it was", or ""."""
    share = restored.no_data
    return f"{share:.0%} without data left as it was".replace("%", " %", 1) if share else ""


def outliers_phrase(restored: Restored[Any, Any]) -> str:
    """Return a phrase on defective pixels: "37 hot or dead pixels replaced", or ""."""
    count = restored.outliers
    return f"{count:,} hot or dead pixel{'s' if count > 1 else ''} replaced" if count else ""


def clipped_phrase(restored: Restored[Any, Any]) -> str:
    """Return a phrase on clipped pixels: "37 pixels clipped at white (65535): ...", or ""."""
    if not restored.clipped:
        return ""
    pixels = restored.image.pixels if isinstance(restored.image, Image) else restored.image
    kind = pixels.dtype
    limits = np.iinfo(kind) if kind.kind in "iu" else np.finfo(kind)
    white = restored.clipped - restored.clipped_black
    parts = [
        f"{count:,} pixel{'s' if count > 1 else ''} clipped at {name} ({limit:g})"
        if kind.kind == "f"
        else f"{count:,} pixel{'s' if count > 1 else ''} clipped at {name} ({limit})"
        for count, name, limit in (
            (white, "white", limits.max),
            (restored.clipped_black, "the lowest value", limits.min),
        )
        if count
    ]
    return f"{' and '.join(parts)}: use --dtype float32"


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


def apply_method(
    image: Image,
    method: str | Method,
    kernel: Kernel | None = None,
    tile: int | None = None,
    options: Mapping[str, Any] = NO_OPTIONS,
    *,
    uncertainty: bool = False,
    check: bool = False,
    progress: Progress | None = None,
    gaps: Gaps | None = None,
    dtype: DTypeLike | None = None,
    drift: Drift | None = None,
    stop: bool = True,
) -> Restored[Image, Image]:
    """Return the image restored with a known kernel, without the decision of `restore`.

    image: at least 3x3 pixels, of any axes; its planes share one scaling and one kernel.
    method: as for `methods.find`, a name or a path of weights. kernel: the point spread function;
    None for a blind method. gaps: where the image has no data. drift: how the kernel changes across
    the field; then `kernel` is that of its middle. stop: whether planes whose kernel is wrong come
    back as they were, whatever the method. The rest is as in `restore`.

    Raises OptionError for an unknown method or option, a kernel that is missing, or the uncertainty
    of a method that has none, and ImageError for an image that is too small.
    """
    resolved = methods.find(method)
    methods.check_options(resolved, options)
    if resolved.needs_kernel and kernel is None:
        raise OptionError(f"{resolved.name} must have a kernel, got none.")
    if uncertainty and not resolved.guarded:
        raise OptionError(
            f"uncertainty is not available for {resolved.name}; use a deep-wiener method."
        )
    whole, holes = check_size(image), None if gaps is None else gaps.inside
    image = whole if gaps is None else gaps.filled(whole)
    planes, defects = outliers.replaced(image.planes(), holes)
    image = image.with_planes(planes)
    scaling = Scaling.of(image.pixels)
    units = scaling.to_units(check_size(image).planes())
    restorer = resolved.fit(units, kernel, **options)
    measured = units
    if holes is not None and kernel is not None and holes.any():
        units = filling.continued(units, holes, kernel)
    tile = _tile(restorer, max(units.shape[2:]), tile)

    def restored_by(fitted: Restorer) -> Batch:
        working = _WithUncertainty(cast(UncertainRestorer, fitted)) if uncertainty else fitted
        return tiling.restore(working, units, tile, progress)

    def restored_with(kernel: Kernel, around: tuple[slice, slice]) -> Batch:
        return restored_by(resolved.fit(measured[:, :, *around], kernel, **options))

    try:
        if drift is None:
            results = restored_by(restorer)
        else:
            results = drifting.restore(drift, units.shape[2:], restored_with)
    except ImageError as wrong:  # restorers do not know the file
        raise ImageError(f"{image.name}: {wrong}") from wrong
    restored, half_width = np.split(results, [units.shape[1]], axis=1)
    if resolved.conserves_flux:
        restored = _conserved(restored, units, holes)
    checked, verdicts = None, None
    if kernel is not None:
        rounded = noise.rounding(image.pixels.dtype, scaling.factor)
        # Where a motion drifts, the light at the zeros of one kernel is that of other places.
        measure_noise = (
            partial(kernel_evidence.measure, kernel=check_kernel(kernel))
            if drift is None
            else noise.measure
        )
        noises = [measure_noise(planes, least=rounded) for planes in measured.swapaxes(0, 1)]
        checked = _checked(restored, units, kernel, noises, holes, drift)
        if resolved.guarded:
            restored, half_width, verdicts = _replace_inconsistent(
                restored, half_width, units, kernel, checked, noises, tile, holes, drift
            )
        else:
            if drift is None and stop:
                verdicts = _stop(restored, units, kernel, checked, noises, tile, holes)
            checked = checked if check else None
    kind = np.dtype(image.pixels.dtype if dtype is None else dtype)
    counts = scaling.to_counts(restored, kind)
    band = half_width * np.float32(scaling.factor) if uncertainty else None
    black, white = _clip(restored, image.planes(), scaling, kind, band, holes)
    if gaps is not None:
        counts = gaps.placed(counts, whole.planes())
        if band is not None:
            band = gaps.placed(band, np.full(whole.planes().shape, np.nan, np.float32))
        checked, verdicts = _on_whole(checked, verdicts, gaps)
    return Restored(
        whole.with_planes(counts),
        uncertainty=None if band is None else whole.light().with_planes(band),
        consistency=checked,
        verdicts=verdicts,
        no_data=0.0 if gaps is None else gaps.share,
        outliers=int(defects.sum()),
        clipped=black + white,
        clipped_black=black,
        channel_rule=restorer.channel_rule,
        blended=_blended(restorer, max(units.shape[2:]), tile),
    )


def _checked(
    restored: Batch,
    units: Batch,
    kernel: Kernel,
    noises: list[noise.Noise],
    holes: Mask | None,
    drift: Drift | None,
    plain: Batch | None = None,
) -> Check:
    """Return the consistency check, with the kernel of each place where it drifts."""

    def with_kernel(kernel: Kernel) -> Check:
        return consistency.check(restored, units, kernel, noises, holes, plain)

    return with_kernel(kernel) if drift is None else drifting.check(drift, with_kernel)


def _conserved(restored: Batch, blurred: Batch, holes: Mask | None) -> Batch:
    """Return the result with the light of the blurred planes' data, in place."""
    if holes is None:
        return flux.conserve(restored, blurred, out=restored)
    flux.conserve_data(restored, blurred, holes)
    return restored


def _clip(
    restored: Batch,
    recorded: NDArray[Any],
    scaling: Scaling,
    dtype: np.dtype[Any],
    band: NDArray[np.float32] | None,
    holes: Mask | None,
) -> tuple[int, int]:
    """Return how many pixels the dtype clips at its lower and its upper limit, not yet recorded so.

    restored: units. recorded: counts. band: half-widths, counts, which grow in place by what was
    clipped, so that they hold around the clipped value too.
    """
    kind = np.dtype(dtype)
    ends = scaling.to_counts(np.array([[restored.min(), restored.max()]]), np.float64)[0]
    limits = np.iinfo(kind) if kind.kind in "iu" else np.finfo(kind)
    if ends[0] >= limits.min and ends[1] <= limits.max:
        return 0, 0
    counted = [0, 0]
    for index in np.ndindex(restored.shape[:2]):
        beyond = scaling.excess(restored[index], kind)
        if holes is not None:
            beyond[holes[index]] = 0
        if band is not None:
            band[index] += np.abs(beyond)
        counted[0] += int(((beyond < 0) & (recorded[index] > limits.min)).sum())
        counted[1] += int(((beyond > 0) & (recorded[index] < limits.max)).sum())
    return counted[0], counted[1]


def _on_whole(
    checked: Check | None, verdicts: Verdicts | None, gaps: Gaps
) -> tuple[Check | None, Verdicts | None]:
    """Return check and verdicts of the part with data on the tiles of the whole image."""
    side = consistency.TILE
    # A tile of the whole has the value of the part's tile in which its middle, or what of it is in
    # the part, lies.
    held, nearest = [], []
    for length, span in zip(gaps.mask.shape[2:], gaps.box, strict=True):
        starts = np.arange(0, length, side)
        held.append((starts + side > span.start) & (starts < span.stop))
        middles = np.clip(starts + side // 2, span.start, span.stop - 1)
        nearest.append((middles - span.start) // side)

    def placed(values: NDArray[Any], elsewhere: float) -> NDArray[Any]:
        return np.where(np.logical_and.outer(*held), values[..., *np.ix_(*nearest)], elsewhere)

    if checked is not None:
        checked = replace(checked, misfit=placed(checked.misfit, 1.0))
    if verdicts is not None:
        untouched = (verdicts == consistency.INPUT).all()
        elsewhere = consistency.INPUT if untouched else consistency.RESTORED
        verdicts = placed(verdicts, elsewhere).astype(verdicts.dtype)
    return checked, verdicts


def _tile(restorer: Restorer, longest: int, requested: int | None) -> int | None:
    """Return the side of the tiles to work in, pixels; longest: side of the image."""
    if requested is not None:
        return requested
    if restorer.halo is not None:
        return TILE if longest > WHOLE else None
    return restorer.tile if restorer.tile is not None and longest > restorer.tile else None


def _blended(restorer: Restorer, longest: int, tile: int | None) -> tuple[int, int] | None:
    """Return side and least overlap of blended tiles; None where tiles are not blended."""
    if tile is None or restorer.halo is not None:
        return None
    side = tiling.whole_steps(restorer, tile)
    return (side, tiling.overlap_of(restorer, side) or 0) if longest > side else None


class _WithUncertainty(Restorer):
    """A restorer whose result has the channels, followed by their uncertainties."""

    def __init__(self, restorer: UncertainRestorer) -> None:
        self._restorer = restorer

    @property
    def halo(self) -> int | None:
        return self._restorer.halo

    @property
    def grid(self) -> int:
        return self._restorer.grid

    @property
    def tile(self) -> int | None:
        return self._restorer.tile

    @property
    def overlap(self) -> int | None:
        return self._restorer.overlap

    def restore(self, batch: Batch) -> Batch:
        return self._restorer.restore_with_uncertainty(batch)


def _replace_inconsistent(
    restored: Batch,
    uncertainty: Batch,
    blurred: Batch,
    kernel: Kernel,
    checked: Check,
    noises: list[noise.Noise],
    tile: int | None,
    holes: Mask | None,
    drift: Drift | None = None,
) -> tuple[Batch, Batch, Verdicts]:
    """Return the result and its uncertainty with inconsistent tiles replaced, and the verdicts."""
    if checked.explained.all():
        return restored, uncertainty, np.zeros(checked.misfit.shape, np.uint8)
    plain, plain_check = restored, checked  # where only empty planes are unexplained
    if (~checked.explained & ~checked.empty[..., None, None]).any():

        def deconvolved(kernel: Kernel, around: tuple[slice, slice]) -> Batch:
            wiener = methods.find("wiener").fit(blurred[:, :, *around], kernel)
            return _conserved(tiling.restore(wiener, blurred, tile), blurred, holes)

        if drift is None:
            plain = _plain(blurred, kernel, tile, holes)
        else:
            plain = drifting.restore(drift, blurred.shape[2:], deconvolved)
        checked, plain_check = (
            _checked(result, blurred, kernel, noises, holes, drift, plain)
            for result in (restored, plain)
        )
    mended, verdicts = consistency.fall_back(restored, plain, blurred, checked, plain_check)
    if uncertainty.size:
        uncertainty = np.maximum(uncertainty, np.abs(mended - restored))
    some_replaced, some_restored = (
        (verdicts != verdict).any(axis=(2, 3))
        for verdict in (consistency.RESTORED, consistency.INPUT)
    )
    for i, j in np.argwhere(some_replaced & some_restored):
        plane = slice(i, i + 1), slice(j, j + 1)
        _conserved(mended[plane], blurred[plane], None if holes is None else holes[plane])
    return mended, uncertainty, verdicts


def _plain(blurred: Batch, kernel: Kernel, tile: int | None, holes: Mask | None) -> Batch:
    """Return the plain deconvolution."""
    wiener = methods.find("wiener").fit(blurred, kernel)
    return _conserved(tiling.restore(wiener, blurred, tile), blurred, holes)


def _stop(
    restored: Batch,
    blurred: Batch,
    kernel: Kernel,
    checked: Check,
    noises: list[noise.Noise],
    tile: int | None,
    holes: Mask | None,
) -> Verdicts | None:
    """Put the recorded planes in place of those whose kernel is wrong, and return the verdicts.

    They are None where no plane was replaced. For methods that are not guarded.
    """
    if checked.kernel_may_be_right.all():
        return None
    plain = _plain(blurred, kernel, tile, holes)
    checked = consistency.check(restored, blurred, kernel, noises, holes, plain)
    wrong = ~checked.kernel_may_be_right
    restored[wrong] = blurred[wrong]
    verdicts = np.full(checked.misfit.shape, consistency.RESTORED, np.uint8)
    verdicts[wrong] = consistency.INPUT
    return verdicts if wrong.any() else None


def check_size(image: Image) -> Image:
    """Return the image if it is large enough to restore; raises ImageError otherwise."""
    height, width = image.planes().shape[-2:]
    if min(height, width) < SMALLEST:
        raise ImageError(
            f"{image.name}: an image must be at least {SMALLEST}x{SMALLEST} pixels to restore, "
            f"got {height}x{width}."
        )
    return image
