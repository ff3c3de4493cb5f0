"""An image restored as the user gets it: scaled, restored in tiles, rounded to the file's dtype.

The command line and the evaluation go the same way, so that what is scored is what is written.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from types import MappingProxyType

from unsmear import tiling
from unsmear.blur import Kernel
from unsmear.classical import METHODS
from unsmear.errors import ImageError, OptionError
from unsmear.images import Image
from unsmear.intensity import Scaling
from unsmear.light import conserve

NO_OPTIONS: Mapping[str, float] = MappingProxyType({})

SMALLEST = 3
"""Pixels; below it mirroring without the border pixel has nothing to mirror."""


def restore_image(
    image: Image,
    method: str,
    kernel: Kernel | None = None,
    tile: int | None = None,
    options: Mapping[str, float] = NO_OPTIONS,
) -> Image:
    """Return the image restored, with its own dtype, axes, pixel size and metadata.

    image: at least 3x3 pixels, of any axes; its planes share one scaling and one kernel.
    method: a name in `classical.METHODS`. options: that method's own, by name.
    kernel: what blurred the image; None for a method that needs none.
    tile: side of the tiles in pixels; None for the whole image at once.

    Raises OptionError for an unknown method or option, or a kernel that is missing, and ImageError
    for an image that is too small.
    """
    check_options(method, options)
    if METHODS[method].needs_kernel and kernel is None:
        raise OptionError(f"{method} must have a kernel, got none.")
    planes = check_size(image).planes()
    scaling = Scaling.of(image.pixels)
    units = scaling.to_units(planes)
    restorer = METHODS[method].fit(units, kernel, **options)
    restored = conserve(tiling.restore(restorer, units, tile), units)
    return image.with_planes(scaling.to_counts(restored, image.pixels.dtype))


def check_size(image: Image) -> Image:
    """Return the image if it is large enough to restore; raises ImageError otherwise."""
    height, width = image.planes().shape[-2:]
    if min(height, width) < SMALLEST:
        raise ImageError(
            f"{image.name}: an image must be at least {SMALLEST}x{SMALLEST} pixels to restore, "
            f"got {height}x{width}."
        )
    return image


def check_method(method: str) -> str:
    """Return the name if it is one of a method; raises OptionError, with the known ones."""
    if method not in METHODS:
        raise OptionError(f"a method must be one of {', '.join(METHODS)}, got {method!r}.")
    return method


def check_options(method: str, options: Mapping[str, float]) -> None:
    """Raise OptionError for an unknown method, or an option that this one does not have."""
    parameters = inspect.signature(METHODS[check_method(method)].fit).parameters.values()
    known = [parameter.name for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY]
    for name in options:
        if name not in known:
            said = f"one of {', '.join(known)}" if known else "none, for it has no options"
            raise OptionError(f"an option of {method} must be {said}, got {name!r}.")
