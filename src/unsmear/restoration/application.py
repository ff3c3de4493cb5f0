"""A method with a known kernel: scale, restore in tiles, conserve flux, check and round."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

import numpy as np

from unsmear.blur import Kernel, check_kernel
from unsmear.errors import ImageError, OptionError
from unsmear.images import Image
from unsmear.images.nodata import Gaps
from unsmear.restoration import drifting, methods, tiling
from unsmear.restoration.base import Batch, Method, Restorer, UncertainRestorer
from unsmear.restoration.completion import Completed, Result
from unsmear.restoration.field_kernel import FieldKernel
from unsmear.restoration.guarding import Guard, conserved
from unsmear.restoration.methods import NO_OPTIONS
from unsmear.restoration.preparation import Prepared, check_kernel_fits, check_size, prepare
from unsmear.restoration.restored import Restored
from unsmear.restoration.settings import Settings
from unsmear.restoration.whole import Whole


def apply_method(
    image: Image,
    method: str | Method,
    kernel: Kernel | None = None,
    tile: int | None = None,
    options: Mapping[str, Any] = NO_OPTIONS,
    *,
    uncertainty: bool = False,
    check: bool = False,
) -> Restored[Image, Image]:
    """Return the image restored with a known kernel, without the decision of `restore`.

    image: at least 3x3 pixels, of any axes; its planes share one scaling and one kernel.
    method: as for `methods.find`, a name or a path of weights. kernel: the point spread function;
    None for a blind method. The rest is as in `restore`.

    Raises OptionError for an unknown method or option, a kernel that is missing, or the uncertainty
    of a method that has none, ImageError for an image that is too small, and KernelError for a
    kernel that is longer than it.
    """
    settings = Settings(methods.find(method), options, tile, uncertainty, check)
    if kernel is not None:
        check_kernel_fits(check_kernel(kernel), check_size(image))
    return apply(image, None if kernel is None else FieldKernel(kernel), settings)


def apply(
    image: Image,
    field_kernel: FieldKernel | None,
    settings: Settings,
    gaps: Gaps | None = None,
    whole: Whole | None = None,
) -> Restored[Image, Image]:
    """Return the image restored by a kernel; None for a blind method.

    gaps: where the image has no data. whole: the plane that the image is a part of.

    Raises OptionError for a kernel that is missing, and ImageError as `apply_method`.
    """
    method = settings.method
    kernel = None if field_kernel is None else field_kernel.kernel
    if method.needs_kernel and kernel is None:
        raise OptionError(f"{method.name} must have a kernel, got none.")
    prepared = prepare(image, field_kernel, gaps, None if whole is None else whole.scaling)
    if whole is None:
        restorer = method.fit(prepared.blurred, kernel, **settings.options)
    else:
        restorer = whole.restorer
    longest = max(prepared.blurred.shape[2:])
    tile = tiling.side_of(restorer, longest, settings.tile)
    guard = None if field_kernel is None else Guard.of(prepared, field_kernel, tile, whole)
    drifts = field_kernel is not None and field_kernel.drift is not None
    steps = _steps(restorer, prepared.blurred.shape, all_at_once=drifts)
    completed = Completed(prepared, settings)
    for number, few in enumerate(steps):
        part = prepared.planes(few)
        result = _restored(part, field_kernel, settings.part(number, len(steps)), restorer, tile)
        if method.conserves_flux:
            result = _with_flux(result, part, whole)
        if guard is not None:
            result = _guarded(result, replace(guard, prepared=part), settings)
        completed.put(few, result, part)
    return replace(
        completed.restored(),
        channel_rule=restorer.channel_rule,
        blended=tiling.blended(restorer, longest, tile),
    )


def _steps(restorer: Restorer, shape: tuple[int, ...], *, all_at_once: bool) -> list[slice]:
    """Return the planes that are restored together, a few at a time: they are worked on in many
    times their own size. all_at_once: where something is measured on all of them on the way.
    """
    few = shape[0] if all_at_once else tiling.few_of(restorer, shape)
    return [slice(start, start + few) for start in range(0, shape[0], few)]


def _restored(
    prepared: Prepared,
    field_kernel: FieldKernel | None,
    settings: Settings,
    restorer: Restorer,
    tile: int | None,
) -> Result:
    """Return what a restorer makes of an image, with the kernel of each place where it drifts."""
    method, blurred = settings.method, prepared.blurred

    def restored_by(fitted: Restorer) -> Batch:
        uncertain = settings.uncertainty
        working = _WithUncertainty(cast(UncertainRestorer, fitted)) if uncertain else fitted
        return tiling.restore(working, blurred, tile, settings.progress)

    def restored_with(kernel: Kernel, around: tuple[slice, slice]) -> Batch:
        return restored_by(method.fit(blurred[:, :, *around], kernel, **settings.options))

    try:
        if field_kernel is None or field_kernel.drift is None:
            channels = restored_by(restorer)
        else:
            channels = drifting.restore(field_kernel.drift, blurred.shape[2:], restored_with)
    except ImageError as wrong:  # restorers do not know the file
        raise ImageError(f"{prepared.whole.name}: {wrong}") from wrong
    restored, half_width = np.split(channels, [blurred.shape[1]], axis=1)
    if settings.uncertainty and field_kernel is not None:
        uncertain = cast(UncertainRestorer, restorer)
        half_width = uncertain.widths_of(half_width, blurred, field_kernel.kernel)
    return Result(restored, half_width)


def _with_flux(result: Result, prepared: Prepared, whole: Whole | None) -> Result:
    """Return the result with the flux that was recorded."""
    if whole is None:
        restored = conserved(result.restored, prepared.blurred, prepared.holes)
    else:
        restored = whole.flux.keep(result.restored)
    return replace(result, restored=restored)


def _guarded(result: Result, guard: Guard, settings: Settings) -> Result:
    """Return the result with its check, what is not consistent replaced unless it is forced."""
    restored, half_width, verdicts = result.restored, result.half_width, None
    check = guard.check(restored)
    if settings.method.guarded:
        if not settings.force:
            restored, half_width, verdicts = guard.mend(restored, half_width, check)
        return Result(restored, half_width, check, verdicts)
    if not settings.force:
        verdicts = guard.stop(restored, check)
    return Result(restored, half_width, check if settings.check else None, verdicts)


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
