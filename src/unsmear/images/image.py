"""An image with everything that its file said about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsmear.errors import ImageError
from unsmear.images import axes as axes_

MICROMETRES = {
    "nm": 1e-3,
    "um": 1.0,
    "µm": 1.0,
    "μm": 1.0,
    "\\u00b5m": 1.0,
    "micron": 1.0,
    "microns": 1.0,
    "mm": 1e3,
    "cm": 1e4,
    "m": 1e6,
    "inch": 25400.0,
}
"""The length of a file's unit, for `Image.pixel_size`."""


@dataclass(frozen=True, eq=False)
class Image:
    """Pixels as stored, and what is needed to store them again.

    pixels: an array in the file's own dtype and order; uint8, uint16 or float32 as a rule.
    axes: its axes, a string of letters of "STCZYX"; S are the samples of a colour image.
    channels: the channels' names, in order, or empty where the file has none.
    pixel_size: (y, x) in micrometres, or None where the file does not say.
    name: what error sentences call it, the file's name as a rule.
    metadata: what one format carries and its writer gives back, under that format's name.
    """

    pixels: NDArray[Any]
    axes: str
    channels: tuple[str, ...] = ()
    pixel_size: tuple[float, float] | None = None
    name: str = "image"
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        axes_.check(self.axes, self.pixels.shape, self.name)
        count = axes_.channel_count(self.axes, self.pixels.shape)
        if self.channels and len(self.channels) != count:
            raise ImageError(
                f"{self.name}: channel names must be as many as its {count} channels, "
                f"got {len(self.channels)}."
            )

    def planes(self) -> NDArray[Any]:
        """Return the pixels as (batch, channel, y, x), in counts."""
        return axes_.to_planes(self.pixels, self.axes)

    def with_planes(self, planes: NDArray[Any]) -> Image:
        """Return this image with other counts, given as (batch, channel, y, x)."""
        pixels = axes_.from_planes(planes, self.axes, self.pixels.shape)
        return replace(self, pixels=np.ascontiguousarray(pixels))


def check_pixels(pixels: NDArray[Any], name: str) -> NDArray[Any]:
    """Return `pixels`, in the machine's byte order, if they are numbers that an image can hold.

    Raises ImageError for no pixels, dtypes that are no counts, NaN and infinities.
    """
    if pixels.size == 0:
        sizes = "x".join(map(str, pixels.shape))
        raise ImageError(f"{name}: an image must have at least one pixel, got a size of {sizes}.")
    if pixels.dtype == bool or pixels.dtype.kind not in "uif":
        raise ImageError(f"{name}: pixels must be integers or floats, got {pixels.dtype}.")
    if pixels.dtype.kind == "f":
        bad = pixels.size - int(np.isfinite(pixels).sum())
        if bad:
            raise ImageError(f"{name}: pixels must be finite, got {bad} NaN or infinite ones.")
    return pixels.astype(pixels.dtype.newbyteorder("="), copy=False)


def said(error: Exception) -> str:
    """Return what an error of another library says, as part of one line."""
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__


LARGEST = 16 * 2**30
"""Bytes that one image may take in memory; a damaged header can declare far more."""


def check_declared(size: tuple[int, ...], itemsize: int, name: str) -> None:
    """Raise ImageError for a declared size of nothing, or of more than `LARGEST` bytes."""
    sizes = "x".join(map(str, size))
    total = itemsize
    for length in size:
        total *= length
    if total <= 0:
        raise ImageError(f"{name}: an image must have at least one pixel, got a size of {sizes}.")
    if total > LARGEST:
        raise ImageError(
            f"{name}: an image must fit in {LARGEST >> 30} GiB of memory, "
            f"got a header that declares {sizes} pixels ({total / 2**30:,.0f} GiB)."
        )
