"""What is measured on the windows of a plane, so that its blocks are restored alike."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from unsmear.blur import Kernel
from unsmear.errors import OptionError
from unsmear.images import Image
from unsmear.images.area_mean import reduce
from unsmear.images.nodata import Gaps, NoData
from unsmear.images.scaling import Scaling
from unsmear.restoration import flux, methods
from unsmear.restoration.application import apply
from unsmear.restoration.base import Batch, Restorer, UncertainRestorer
from unsmear.restoration.consistency import INPUT, WRONG_KERNEL
from unsmear.restoration.field_kernel import FieldKernel
from unsmear.restoration.flux import FluxShift
from unsmear.restoration.guarding import Guard
from unsmear.restoration.noise import CELL
from unsmear.restoration.preparation import prepare
from unsmear.restoration.settings import Settings
from unsmear.restoration.single_kernel import CONTRADICTED, ONLY_NOISE
from unsmear.restoration.slide.missing import chosen
from unsmear.restoration.slide.survey import SMALL
from unsmear.restoration.whole import Whole

Mapper = Callable[[Callable[[Any], tuple[Any, Any]], Sequence[Any]], Iterable[tuple[Any, Any]]]
"""Does a work on blocks or windows, in any order and in any processes; each result has its item's
name or number."""


def in_turn(
    work: Callable[[Any], tuple[Any, Any]], todo: Sequence[Any]
) -> Iterator[tuple[Any, Any]]:
    """Do a work on one item after the other, in this process."""
    return map(work, todo)


@dataclass(frozen=True, eq=False)
class Window:
    """A window of a plane, as it goes to a worker: its number, pixels (y, x), and its no data."""

    number: int
    pixels: NDArray[Any]
    no_data: NoData | None = None

    def __str__(self) -> str:
        return f"measuring, window {self.number}"


@dataclass(frozen=True, eq=False)
class Sample:
    """Windows of a plane, counts.

    busy: (n, y, x), those with the most to see. even: (n, y, x), evenly spaced. ends: the plane's
    lowest and highest counts, in its dtype. name: of the slide. no_data, even_no_data: a
    value that stands for no data, or masks of the busy and of the even windows.
    """

    busy: NDArray[Any]
    even: NDArray[Any]
    ends: NDArray[Any]
    name: str
    no_data: NoData | None = None
    even_no_data: NoData | None = None


def measure(
    sample: Sample, field_kernel: FieldKernel, settings: Settings, mapped: Mapper = in_turn
) -> tuple[Whole | None, str]:
    """Return what was measured on a plane; None, and why it is left alone, where that is better.

    mapped: does the work on the windows.

    Raises OptionError for a method that depends on the whole image.
    """
    method, kernel = settings.method, field_kernel.kernel
    scaling = Scaling.of(sample.ends)
    busy, no_data = without_gaps(sample.busy, sample.no_data, sample.name)
    sample = replace(sample, busy=busy, no_data=no_data)
    image = Image(sample.busy, "TYX", name=sample.name)
    gaps = Gaps.of(image, sample.no_data)
    prepared = prepare(image, field_kernel, gaps, scaling)
    restorer = method.fit(prepared.blurred, kernel, **settings.options).precise()
    if restorer.halo is None:
        raise OptionError(
            f"{sample.name}: {method.name} needs the whole image in memory, and this one is too "
            "large; use deep-wiener, deep-wiener-lean, deep-wiener-fast or wiener."
        )
    guard = Guard.of(prepared, field_kernel)
    wiener = methods.find("wiener")
    is_plain = method == wiener and not settings.options
    plain = restorer if is_plain else wiener.fit(prepared.blurred, kernel).precise()
    even = _even(sample, field_kernel, scaling)
    floor = flux.background(even)
    kept = _flux(restorer, even, floor, mapped)
    if settings.uncertainty:
        restorer = _with_widths(cast(UncertainRestorer, restorer), even, kernel, mapped)
    whole = Whole(
        scaling,
        restorer,
        plain,
        kept,
        kept if is_plain else _flux(plain, even, floor, mapped),
        replace(guard.noises[0], contrast=_contrast(even)),
    )
    if guard.check(prepared.blurred).empty.all():
        return None, ONLY_NOISE
    if settings.force or _put_back(sample, field_kernel, settings, whole, mapped) <= WRONG_KERNEL:
        return whole, ""
    return None, CONTRADICTED


def _put_back(
    sample: Sample, field_kernel: FieldKernel, settings: Settings, whole: Whole, mapped: Mapper
) -> float:
    """Return the fraction of tiles of the windows that the check puts back."""
    settings = replace(settings, progress=None, uncertainty=False)
    work = partial(_share_put_back, sample.name, field_kernel, settings, whole)
    return float(np.mean(_of_each(sample.busy, work, mapped, sample.no_data)))


def _share_put_back(
    name: str,
    field_kernel: FieldKernel,
    settings: Settings,
    whole: Whole,
    window: Window,
) -> tuple[int, float]:
    image = Image(window.pixels, "YX", name=name)
    tried = apply(image, field_kernel, settings, Gaps.of(image, window.no_data), whole)
    put_back = tried.verdicts is not None and (tried.verdicts == INPUT).mean()
    return window.number, float(put_back)


def _of_each(
    planes: NDArray[Any],
    work: Callable[[Window], tuple[int, Any]],
    mapped: Mapper,
    no_data: NoData | None = None,
) -> list[Any]:
    """Return what a work gives for each window (n, y, x), in their order."""
    items = [Window(n, pixels, chosen(no_data, n)) for n, pixels in enumerate(planes)]
    return [result for _, result in sorted(mapped(work, items), key=lambda each: each[0])]


def _even(sample: Sample, field_kernel: FieldKernel, scaling: Scaling) -> Batch:
    """Return the evenly spaced windows that hold something, (n, 1, y, x), units."""
    held = [number for number, window in enumerate(sample.even) if _holds_light(window)]
    counts, no_data = sample.busy, sample.no_data
    if held:
        counts, no_data = sample.even[held], chosen(sample.even_no_data, held)
    counts, no_data = without_gaps(counts, no_data, sample.name)
    image = Image(counts, "TYX", name=sample.name)
    return prepare(image, field_kernel, Gaps.of(image, no_data), scaling).blurred


def _holds_light(window: NDArray[Any]) -> bool:
    return bool(np.isfinite(window).any() and np.nanmin(window) < np.nanmax(window))


def without_gaps(
    counts: NDArray[Any], no_data: NoData | None, name: str
) -> tuple[NDArray[Any], NoData | None]:
    """Return the windows (n, y, x) that hold data everywhere, and their no data.

    Where there are none it is all windows. name: of the slide.
    """
    gaps = Gaps.of(Image(counts, "TYX", name=name), no_data)
    if gaps is None:
        return counts, no_data
    whole = ~gaps.mask.any(axis=(1, 2, 3))
    return (counts[whole], chosen(no_data, whole)) if whole.any() else (counts, no_data)


def _flux(restorer: Restorer, blurred: Batch, floor: float, mapped: Mapper) -> FluxShift:
    restored = np.stack(_of_each(blurred[:, 0], partial(_restored, restorer), mapped))
    # A smaller window is as large as the plane: no light comes over its border.
    spanned = tuple(side < SMALL for side in blurred.shape[2:])
    return FluxShift.of(restored, blurred[:, 0], floor, spanned)


def _with_widths(
    restorer: UncertainRestorer, blurred: Batch, kernel: Kernel, mapped: Mapper
) -> UncertainRestorer:
    """Return a restorer whose half-widths follow from evenly spaced windows, (n, 1, y, x)."""
    widths = np.stack(_of_each(blurred[:, 0], partial(_widths, restorer), mapped))
    return restorer.with_widths_of(widths[:, None], blurred, kernel)


def _widths(restorer: UncertainRestorer, window: Window) -> tuple[int, NDArray[Any]]:
    return window.number, restorer.restore_with_uncertainty(window.pixels[None, None])[0, 1]


def _restored(restorer: Restorer, window: Window) -> tuple[int, NDArray[Any]]:
    return window.number, restorer.restore(window.pixels[None, None])[0, 0]


def _contrast(planes: Batch) -> float:
    """Return the standard deviation of the means over cells, as the check has it for a plane."""
    tall, wide = (side // CELL for side in planes.shape[2:])
    inside = planes[:, 0, : tall * CELL, : wide * CELL]
    return float(np.std([reduce(plane, (tall, wide)) for plane in inside]))
