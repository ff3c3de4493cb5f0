"""PNG: 8 and 16 bit, one to four channels, pixel size and texts kept."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

import cv2
import imagecodecs
import numpy as np

from unsmear.errors import ImageError
from unsmear.images.image import Image, check_declared, check_pixels

MAGIC = b"\x89PNG\r\n\x1a\n"
COLOURS = {1: (), 2: ("grey", "alpha"), 3: ("red", "green", "blue")}
COLOURS[4] = (*COLOURS[3], "alpha")
KEPT = (b"pHYs", b"tEXt", b"iTXt", b"zTXt", b"tIME")


def read(data: bytes, name: str, axes: str | None = None) -> Image:
    """Return the image in the bytes of a PNG file; a palette is expanded to its colours."""
    chunks = dict.fromkeys(KEPT, b"")
    for kind, body in _chunks(data, name):
        if kind == b"IHDR":
            if len(body) != 13:
                raise ImageError(f"{name}: the PNG header is damaged.")
            width, height, depth, colour = struct.unpack(">IIBB", body[:10])
            samples = {0: 1, 2: 3, 3: 3, 4: 2, 6: 4}.get(colour, 1)
            check_declared((height, width, samples), 2 if depth == 16 else 1, name)
        elif kind in chunks:
            chunks[kind] += _chunk(kind, body)
    try:
        pixels = imagecodecs.png_decode(data)
    except (ValueError, RuntimeError, MemoryError) as error:
        raise ImageError(f"{name}: the PNG data are damaged ({error}).") from error
    samples = 1 if pixels.ndim == 2 else pixels.shape[2]
    axes = axes or ("YX" if pixels.ndim == 2 else "YXS")
    return Image(
        pixels=check_pixels(pixels, name),
        axes=axes,
        channels=COLOURS[samples] if axes == "YXS" else (),
        pixel_size=_pixel_size(chunks[b"pHYs"]),
        name=name,
        metadata={"png": b"".join(chunks.values())},
    )


def write(image: Image, done: str = "") -> bytes:
    """Return the bytes of a PNG file; `done` becomes a text chunk named "Unsmear"."""
    pixels, axes = image.pixels, image.axes
    if axes in ("SYX", "CYX", "YXC"):
        pixels, axes = np.moveaxis(pixels, axes.index(axes.strip("YX")), -1), "YXS"
    samples = 1 if axes == "YX" else pixels.shape[-1]
    if axes not in ("YX", "YXS") or samples > 4 or pixels.dtype not in (np.uint8, np.uint16):
        raise ImageError(
            f"{image.name}: a PNG must be of one plane of one to four channels in 8 or 16 bit, "
            f"got axes {image.axes!r}, {samples} channels and {pixels.dtype}; write a TIFF."
        )
    if samples == 2:  # cv2 has no grey with alpha
        data: bytes = imagecodecs.png_encode(np.ascontiguousarray(pixels), level=1)
    else:
        order = {1: slice(None), 3: [2, 1, 0], 4: [2, 1, 0, 3]}[samples]
        stored = pixels if pixels.ndim == 2 else pixels[..., order]
        data = cv2.imencode(".png", np.ascontiguousarray(stored))[1].tobytes()
    extra = image.metadata.get("png", b"")
    if not extra and image.pixel_size:
        per_metre = [round(1e6 / size) for size in reversed(image.pixel_size)]
        extra = _chunk(b"pHYs", struct.pack(">IIB", *per_metre, 1))
    if done:
        extra += _chunk(b"tEXt", b"Unsmear\0" + done.encode("latin-1", "replace"))
    header = len(MAGIC) + 25  # IHDR is 13 bytes and 12 around them
    return data[:header] + extra + data[header:]


def _chunks(data: bytes, name: str) -> Iterator[tuple[bytes, bytes]]:
    """Yield (kind, body); raise ImageError where the file ends before its IEND chunk."""
    at, kind = len(MAGIC), b""
    while kind != b"IEND":
        if at + 12 > len(data):
            raise ImageError(f"{name}: the PNG file is cut short after {len(data)} bytes.")
        (length,) = struct.unpack_from(">I", data, at)
        kind = data[at + 4 : at + 8]
        yield kind, data[at + 8 : at + 8 + length]
        at += 12 + length


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _pixel_size(chunk: bytes) -> tuple[float, float] | None:
    if len(chunk) < 21:
        return None
    x, y, unit = struct.unpack_from(">IIB", chunk, 8)
    return (1e6 / y, 1e6 / x) if unit == 1 and x and y else None
