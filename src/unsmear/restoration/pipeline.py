"""An image restored as the user gets it: scaled, restored in tiles, rounded to the file's dtype.

The command line and the evaluation go the same way, so that what is scored is what is written.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from unsmear.blur import Kernel
from unsmear.errors import ImageError, OptionError
from unsmear.images import Image
from unsmear.images.scaling import Scaling
from unsmear.restoration import consistency, methods, noise, tiling
from unsmear.restoration.base import Batch, Method, Restorer
from unsmear.restoration.consistency import Check, Verdicts
from unsmear.restoration.flux import conserve

NO_OPTIONS: Mapping[str, Any] = MappingProxyType({})

SMALLEST = 3
"""Pixels; below it mirroring without the border pixel has nothing to mirror."""

WHOLE = 2560
"""Pixels; images with a longer side are worked in tiles of `TILE` where none are asked for, which
changes nothing but the memory they take."""
TILE = 2048


@dataclass(frozen=True)
class Restored:
    """What became of an image.

    image: the result, with the input's dtype, axes, pixel size and metadata.
    error: half the width of a band around each value that holds the sharp one nine times of ten,
        in counts, float32; None for a method that has none, or where it was not asked for.
    check: how well the result, blurred again, explains the input; None without a kernel.
    verdicts: of each tile of a guarded restorer, whether its result was kept.
    channels: how they met those of a network, a rule of `learned.network_restorer`; "" for other
        methods.
    blended: side and least overlap of the tiles of a result that is not that of the whole, pixels.
    """

    image: Image
    error: Image | None = None
    check: Check | None = None
    verdicts: Verdicts | None = None
    channels: str = ""
    blended: tuple[int, int] | None = None


def restore_image(
    image: Image,
    method: str | Method,
    kernel: Kernel | None = None,
    tile: int | None = None,
    options: Mapping[str, Any] = NO_OPTIONS,
) -> Image:
    """Return the image restored, with its own dtype, axes, pixel size and metadata.

    image: at least 3x3 pixels, of any axes; its planes share one scaling and one kernel.
    method: what `methods.find` takes: a name, or a path of weights.
    options: that method's own, by name.
    kernel: what blurred the image; None for a method that needs none.
    tile: side of the tiles in pixels; None leaves it to the size of the image.

    Raises OptionError for an unknown method or option, or a kernel that is missing, and ImageError
    for an image that is too small.
    """
    return restore(image, method, kernel, tile, options).image


def restore(
    image: Image,
    method: str | Method,
    kernel: Kernel | None = None,
    tile: int | None = None,
    options: Mapping[str, Any] = NO_OPTIONS,
    *,
    error: bool = False,
    checked: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Restored:
    """Return the image restored, and what can be said of the result.

    error: whether to give the error too. checked: whether to check the result of a method that is
    not guarded too; that of a guarded one always is, and tiles that do not explain the input fall
    back to the plain deconvolution or to the input. progress: called with tiles done and all tiles.
    The rest is as in `restore_image`.

    Raises OptionError also where the error of a method that has none is asked for.
    """
    way = methods.find(method)
    check_options(way, options)
    if way.needs_kernel and kernel is None:
        raise OptionError(f"{way.name} must have a kernel, got none.")
    if error and not way.guarded:
        raise OptionError(f"the error must be asked of a deep-wiener, got {way.name}.")
    scaling = Scaling.of(image.pixels)
    units = scaling.to_units(check_size(image).planes())
    restorer = way.fit(units, kernel, **options)
    tile = _tile(restorer, max(units.shape[2:]), tile)
    doing = _WithError(restorer) if error else restorer
    try:
        results = tiling.restore(doing, units, tile, progress)
    except ImageError as wrong:  # restorers do not know the file
        raise ImageError(f"{image.name}: {wrong}") from wrong
    restored, doubt = np.split(results, [units.shape[1]], axis=1)
    if way.conserves_light:
        restored = conserve(restored, units, out=restored)
    seen, verdicts = None, None
    if kernel is not None and (way.guarded or checked):
        rounded = noise.rounding(image.pixels.dtype, scaling.factor)
        noises = [noise.measure(units[:, channel], rounded) for channel in range(units.shape[1])]
        seen = consistency.check(restored, units, kernel, noises)
        if way.guarded:
            restored, doubt, verdicts = _mend(restored, doubt, units, kernel, seen, noises, tile)
    return Restored(
        image.with_planes(scaling.to_counts(restored, image.pixels.dtype)),
        image.with_planes(doubt * np.float32(scaling.factor)) if error else None,
        seen,
        verdicts,
        getattr(restorer, "rule", ""),
        _blended(restorer, max(units.shape[2:]), tile),
    )


def _tile(restorer: Restorer, longest: int, asked: int | None) -> int | None:
    """Return the side of the tiles to work in, pixels; longest: side of the image."""
    if asked is not None:
        return asked
    if restorer.halo is not None:
        return TILE if longest > WHOLE else None
    own: int | None = getattr(restorer, "tile", None)
    return own if own is not None and longest > own else None


def _blended(restorer: Restorer, longest: int, tile: int | None) -> tuple[int, int] | None:
    """Return side and least overlap of the tiles that fade into each other; None where none do."""
    if tile is None or restorer.halo is not None:
        return None
    side = tiling.whole_steps(restorer, tile)
    return (side, tiling.overlap_of(restorer, side) or 0) if longest > side else None


class _WithError:
    """A guarded restorer whose result has the errors of its channels behind the channels."""

    def __init__(self, restorer: Any) -> None:
        self.halo, self.restore = restorer.halo, restorer.restore_with_error


def _mend(
    restored: Batch,
    doubt: Batch,
    blurred: Batch,
    kernel: Kernel,
    seen: Check,
    noises: list[noise.Noise],
    tile: int | None,
) -> tuple[Batch, Batch, Verdicts]:
    """Return the result and its error after what explains nothing has fallen back, and verdicts."""
    if seen.explained.all():
        return restored, doubt, np.zeros(seen.misfit.shape, np.uint8)
    plain, plainly = restored, seen  # where only empty planes are unexplained
    if (~seen.explained & ~seen.empty[..., None, None]).any():
        wiener = methods.find("wiener").fit(blurred, kernel)
        plain = tiling.restore(wiener, blurred, tile)
        conserve(plain, blurred, out=plain)
        plainly = consistency.check(plain, blurred, kernel, noises)
    mended, verdicts = consistency.fall_back(restored, plain, blurred, seen, plainly)
    if doubt.size:
        doubt = np.maximum(doubt, np.abs(mended - restored))
    changed, left = (
        (verdicts != one).any(axis=(2, 3)) for one in (consistency.KEPT, consistency.INPUT)
    )
    for i, j in np.argwhere(changed & left):
        one = slice(i, i + 1), slice(j, j + 1)
        conserve(mended[one], blurred[one], out=mended[one])
    return mended, doubt, verdicts


def check_size(image: Image) -> Image:
    """Return the image if it is large enough to restore; raises ImageError otherwise."""
    height, width = image.planes().shape[-2:]
    if min(height, width) < SMALLEST:
        raise ImageError(
            f"{image.name}: an image must be at least {SMALLEST}x{SMALLEST} pixels to restore, "
            f"got {height}x{width}."
        )
    return image


def try_out(method: Method, options: Mapping[str, Any] = NO_OPTIONS) -> Restorer:
    """Return the method fitted to a small black image, before any other is read.

    Raises what it will raise for every image: OptionError for options, WeightsError for weights.
    """
    check_options(method, options)
    return method.fit(np.zeros((1, 1, 8, 8), np.float32), np.ones((1, 1)), **options)


def options_of(method: Method) -> list[str]:
    """Return the names of a method's own options."""
    parameters = inspect.signature(method.fit).parameters.values()
    return [parameter.name for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY]


def check_options(method: Method, options: Mapping[str, Any]) -> None:
    """Raise OptionError for an option that the method does not have."""
    known = options_of(method)
    for name in options:
        if name not in known:
            if name == "channels":
                raise OptionError(
                    f"channels must be left out for {method.name}, which takes each channel by "
                    "itself: they are for networks with channels of their own."
                )
            said = f"one of {', '.join(known)}" if known else "none, for it has no options"
            raise OptionError(f"an option of {method.name} must be {said}, got {name!r}.")
