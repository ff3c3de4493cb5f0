"""A method with a known kernel: scale, restore in tiles, conserve flux, check and round."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, cast

import numpy as np
from numpy.typing import DTypeLike, NDArray

from unsmear.blur import Kernel, check_kernel
from unsmear.errors import ImageError, OptionError
from unsmear.estimate.drift import Drift
from unsmear.images import Image, outliers
from unsmear.images.nodata import Gaps, Mask
from unsmear.images.scaling import Scaling
from unsmear.restoration import consistency, drifting, filling, methods, noise, saturation, tiling
from unsmear.restoration.base import Batch, Method, Restorer, UncertainRestorer
from unsmear.restoration.classical import kernel_evidence
from unsmear.restoration.consistency import Check, Verdicts
from unsmear.restoration.guarding import Guard, conserved
from unsmear.restoration.methods import NO_OPTIONS
from unsmear.restoration.restored import Restored

SMALLEST = 3
"""Smallest side of an image, pixels; smaller ones cannot be mirrored without the border pixel."""

WHOLE = 2560
"""Longest side of an image that is restored whole by default, pixels; tiles save memory."""
TILE = 2048
"""Default side of the tiles of larger images, pixels."""

Progress = Callable[[int, int], None]
"""Callback with the number of finished tiles and of all tiles."""


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
    most_saturated: float = 1.0,
) -> Restored[Image, Image]:
    """Return the image restored with a known kernel, without the decision of `restore`.

    image: at least 3x3 pixels, of any axes; its planes share one scaling and one kernel.
    method: as for `methods.find`, a name or a path of weights. kernel: the point spread function;
    None for a blind method. gaps: where the image has no data. drift: how the kernel changes across
    the field; then `kernel` is that of its middle. stop: whether planes whose kernel is wrong come
    back as they were, whatever the method; without it nothing is replaced. most_saturated: fraction
    of a plane above which its saturated pixels are taken as they are. The rest is as in `restore`.

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
    unknown = defects if holes is None else defects | holes
    saturated = None if kernel is None else saturation.find(image.planes(), unknown, most_saturated)
    image = image.with_planes(planes)
    scaling = Scaling.of(image.pixels)
    units = scaling.to_units(image.planes())
    recorded = units
    if saturated is not None and kernel is not None:
        units = saturation.continued(units, saturated, check_kernel(kernel))
    mirrored = units
    if holes is not None and kernel is not None and holes.any():
        units = filling.continued(units, holes, kernel)
    restorer = resolved.fit(units, kernel, **options)
    tile = _tile(restorer, max(units.shape[2:]), tile)

    def restored_by(fitted: Restorer) -> Batch:
        working = _WithUncertainty(cast(UncertainRestorer, fitted)) if uncertainty else fitted
        return tiling.restore(working, units, tile, progress)

    def restored_with(kernel: Kernel, around: tuple[slice, slice]) -> Batch:
        return restored_by(resolved.fit(units[:, :, *around], kernel, **options))

    try:
        if drift is None:
            results = restored_by(restorer)
        else:
            results = drifting.restore(drift, units.shape[2:], restored_with)
    except ImageError as wrong:  # restorers do not know the file
        raise ImageError(f"{image.name}: {wrong}") from wrong
    restored, half_width = np.split(results, [units.shape[1]], axis=1)
    if uncertainty and kernel is not None:
        half_width = cast(UncertainRestorer, restorer).widths_of(half_width, units, kernel)
    if resolved.conserves_flux:
        restored = conserved(restored, units, holes)
    checked, verdicts = None, None
    if kernel is not None:
        rounded = noise.rounding(image.pixels.dtype, scaling.factor)
        noises = _noises(mirrored, units, kernel, rounded, drift)
        guard = Guard(recorded, units, kernel, noises, tile, holes, saturated, drift)
        checked = guard.check(restored)
        if resolved.guarded and stop:
            restored, half_width, verdicts = guard.mend(restored, half_width, checked)
        elif not resolved.guarded:
            if stop:
                verdicts = guard.stop(restored, checked)
            checked = checked if check else None
    kind = np.dtype(image.pixels.dtype if dtype is None else dtype)
    over = None
    if saturated is not None:
        if uncertainty:
            half_width = half_width + np.abs(units - recorded)
        if dtype is None:
            over = saturation.excess(restored, recorded, saturated)
            restored = restored - over
            half_width = half_width + over if uncertainty else half_width
    counts = scaling.to_counts(restored, kind)
    band = half_width * np.float32(scaling.factor) if uncertainty else None
    black, white = _clip(restored, image.planes(), scaling, kind, band, holes)
    if over is not None and saturated is not None:
        white += int(((over > 0.5 / scaling.factor) & ~saturated).sum())
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
        saturated=0 if saturated is None else int(saturated.sum()),
        clipped=black + white,
        clipped_black=black,
        channel_rule=restorer.channel_rule,
        blended=_blended(restorer, max(units.shape[2:]), tile),
    )


def _noises(
    planes: Batch, continued: Batch, kernel: Kernel, rounded: float, drift: Drift | None
) -> list[noise.Noise]:
    """Return the noise of each channel of planes, rounded in steps of that variance.

    continued: the planes with their gaps filled by what is around them.
    """
    channels = planes.swapaxes(0, 1)
    if drift is not None:
        # Where a motion drifts, the light at the zeros of one kernel is that of other places.
        return [noise.measure(channel, rounded) for channel in channels]
    kernel = check_kernel(kernel)
    return [
        kernel_evidence.measure(channel, kernel, rounded, whole)
        for channel, whole in zip(channels, continued.swapaxes(0, 1), strict=True)
    ]


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


def check_size(image: Image) -> Image:
    """Return the image if it is large enough to restore; raises ImageError otherwise."""
    height, width = image.planes().shape[-2:]
    if min(height, width) < SMALLEST:
        raise ImageError(
            f"{image.name}: an image must be at least {SMALLEST}x{SMALLEST} pixels to restore, "
            f"got {height}x{width}."
        )
    return image
