"""PNG: 8 and 16 bit, one to four channels, pixel size and texts kept."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

import cv2
import imagecodecs
import numpy as np

from unsmear.errors import ImageError
from unsmear.images.image import Image, check_declared, check_pixels, said

MAGIC = b"\x89PNG\r\n\x1a\n"
COLOURS = {1: (), 2: ("grey", "alpha"), 3: ("red", "green", "blue")}
COLOURS[4] = (*COLOURS[3], "alpha")
ADAM7 = (
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
)
"""First column, first row and their steps in each pass of an interlaced PNG."""
KEPT = (b"pHYs", b"tEXt", b"iTXt", b"zTXt", b"tIME")


def read(data: bytes, name: str, axes: str | None = None) -> Image:
    """Return the image in the bytes of a PNG file; a palette is expanded to its colours."""
    chunks = dict.fromkeys(KEPT, b"")
    drawn = {b"IHDR": b"", b"PLTE": b"", b"tRNS": b"", b"IDAT": b""}
    for kind, body in _chunks(data, name):
        if kind in chunks:
            chunks[kind] += _chunk(kind, body)
        elif kind in drawn:
            drawn[kind] += body
    _check_stream(drawn[b"IHDR"], drawn[b"IDAT"], name)
    # What is not needed stays out: libpng prints what it thinks of colour profiles and texts.
    needed = b"".join(_chunk(kind, body) for kind, body in drawn.items() if body)
    try:
        pixels = imagecodecs.png_decode(MAGIC + needed + _chunk(b"IEND", b""))
    except (ValueError, RuntimeError, MemoryError) as error:
        raise ImageError(f"{name}: the PNG data are damaged ({said(error)}).") from error
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
        data = bytes(imagecodecs.png_encode(np.ascontiguousarray(pixels), level=1))
    else:
        order = {3: [2, 1, 0], 4: [2, 1, 0, 3]}.get(samples, [0])
        stored = pixels if pixels.ndim == 2 else pixels[..., order]
        data = cv2.imencode(".png", np.ascontiguousarray(stored))[1].tobytes()
    extra: bytes = image.metadata.get("png", b"")
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
        length = int.from_bytes(data[at : at + 4], "big")
        end = at + 12 + length
        if end > len(data):
            raise ImageError(f"{name}: the PNG file is cut short after {len(data)} bytes.")
        kind, body = data[at + 4 : at + 8], data[at + 8 : end - 4]
        if zlib.crc32(body, zlib.crc32(kind)) != int.from_bytes(data[end - 4 : end], "big"):
            raise ImageError(f"{name}: the PNG file is damaged (a checksum is wrong).")
        yield kind, body
        at = end


def _check_stream(header: bytes, stream: bytes, name: str) -> None:
    """Raise ImageError unless the compressed data are what the header declares.

    libpng would find it out too, but it prints as well.
    """
    if len(header) != 13:
        raise ImageError(f"{name}: the PNG header is damaged.")
    width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", header)
    samples = {2: 3, 4: 2, 6: 4}.get(colour, 1)
    check_declared((height, width, 3 if colour == 3 else samples), 2 if depth == 16 else 1, name)
    wanted = 0
    for x, y, step_x, step_y in ADAM7 if interlaced else [(0, 0, 1, 1)]:
        columns, rows = -((x - width) // step_x), -((y - height) // step_y)
        wanted += rows * (1 + (columns * depth * samples + 7) // 8) if columns > 0 else 0
    inflate = zlib.decompressobj()
    try:
        got = len(inflate.decompress(stream, wanted + 1))
    except zlib.error as error:
        raise ImageError(f"{name}: the PNG data are damaged ({said(error)}).") from error
    if got != wanted or not inflate.eof:
        raise ImageError(
            f"{name}: the PNG data must hold {wanted} bytes, got {'more' if got > wanted else got}."
        )


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _pixel_size(chunk: bytes) -> tuple[float, float] | None:
    if len(chunk) < 21:
        return None
    x, y, unit = struct.unpack_from(">IIB", chunk, 8)
    return (1e6 / y, 1e6 / x) if unit == 1 and x and y else None
