"""Reading of JPEG files; they are not written, because the compression would lose detail."""

from __future__ import annotations

import imagecodecs

from unsmear.errors import ImageError, error_text
from unsmear.images import axes as axes_
from unsmear.images import jpeg_metadata
from unsmear.images.image import Image, check_declared, check_pixels

MAGIC = b"\xff\xd8\xff"
PIXELS_A_BYTE = 512
"""Largest number of pixels per byte of a file: a block of 8x8 pixels takes at least a bit."""
FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""Second bytes of the markers of frame headers."""


def read(data: bytes, name: str, axes: str | None = None) -> Image:
    """Return the image in the bytes of a JPEG file, grey or RGB."""
    declared, scan = _declared(data, name)
    check_declared(declared, 1, name)
    if declared[0] * declared[1] > PIXELS_A_BYTE * len(data):
        raise ImageError(
            f"{name}: {len(data)} bytes of JPEG must be enough for the image, "
            f"got a header that declares {declared[0]}x{declared[1]} pixels."
        )
    # The decoder silently fills missing data with grey.
    if data.find(b"\xff\xd9", scan) < 0:
        raise ImageError(f"{name}: the JPEG file is cut short after {len(data)} bytes.")
    try:
        pixels = imagecodecs.jpeg8_decode(data)
    except (ValueError, RuntimeError, MemoryError) as error:
        raise ImageError(f"{name}: the JPEG data are damaged ({error_text(error)}).") from error
    own = "YX" if pixels.ndim == 2 else "YXS"
    own_axes = axes_.contradicted(axes, own, pixels.shape, name)
    axes = axes or own
    channels = ("red", "green", "blue") if axes == "YXS" and pixels.shape[2] == 3 else ()
    # A JPEG becomes a PNG: what it says beside its pixels is carried as that says it.
    metadata = {"png": jpeg_metadata.chunks(data)}
    return Image(
        check_pixels(pixels, name),
        axes,
        channels,
        name=name,
        metadata=metadata,
        own_axes=own_axes,
    )


def _declared(data: bytes, name: str) -> tuple[tuple[int, int, int], int]:
    """Return (height, width, samples) from the frame header, and the position of its end."""
    at = 2
    while at + 10 <= len(data) and data[at] == 0xFF:
        if data[at + 1] in FRAMES:
            height = int.from_bytes(data[at + 5 : at + 7], "big")
            width = int.from_bytes(data[at + 7 : at + 9], "big")
            return (height, width, data[at + 9]), at + 10
        if data[at + 1] == 0xFF:  # fill bytes
            at += 1
        else:
            at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    raise ImageError(f"{name}: the JPEG header is damaged.")
