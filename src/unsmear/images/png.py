"""PNG files of 8 and 16 bit, grey or RGB, with opacity, pixel size, colour profile and texts."""

from __future__ import annotations

import logging
import struct
import zlib
from collections.abc import Iterator
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from unsmear.errors import ImageError, error_text
from unsmear.images import axes as axes_
from unsmear.images.image import Image, check_declared, check_pixels
from unsmear.images.jpeg_metadata import chunk
from unsmear.images.logged import logged_as_error
from unsmear.images.units import doubt

MAGIC = b"\x89PNG\r\n\x1a\n"
COLOURS = dict.fromkeys((1, 2), ()) | dict.fromkeys((3, 4), ("red", "green", "blue"))
"""Names of channels by the number of samples; the second and the fourth are opacity."""
PRESERVED = (b"cHRM", b"gAMA", b"iCCP", b"sBIT", b"sRGB", b"cICP", b"mDCV", b"cLLI", b"bKGD",
             b"pHYs", b"tEXt", b"iTXt", b"zTXt", b"tIME", b"eXIf")  # fmt: skip
"""Chunks that are written again."""
END = chunk(b"IEND", b"")
DECODED = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")
"""Chunks that are decoded."""
RUNS, SUBTRACT = 3, 16
"""libpng's numbers of a strategy (run lengths) and a filter (the pixel to the left is subtracted):
the fastest files, and no larger than others for images with noise."""


def read(data: bytes, name: str, axes: str | None = None) -> Image:
    """Return the image in the bytes of a PNG file; a palette is expanded to its colours."""
    chunks: dict[bytes, list[bytes]] = {kind: [] for kind in PRESERVED}
    # Other chunks are left out: libpng prints warnings about colour profiles and texts.
    decoded = [MAGIC]
    for kind, body, whole in _chunks(data, name):
        if kind == b"IHDR":
            _check_header(body, name)
        if kind in DECODED:
            decoded.append(whole)
        elif kind in chunks:
            chunks[kind].append(whole)
    if decoded[1][4:8] != b"IHDR":
        raise ImageError(f"{name}: the PNG header is damaged.")
    try:
        damaged = f"{name}: the PNG data are damaged"
        with logged_as_error("imagecodecs", logging.WARNING, damaged, about="IDAT"):
            pixels = imagecodecs.png_decode(b"".join(decoded))
    except ImageError:
        raise
    except (ValueError, RuntimeError, MemoryError) as error:
        raise ImageError(f"{name}: the PNG data are damaged ({error_text(error)}).") from error
    samples = 1 if pixels.ndim == 2 else pixels.shape[2]
    own = "YX" if pixels.ndim == 2 else "YXS"
    own_axes = axes_.contradicted(axes, own, pixels.shape, name)
    axes = axes or own
    size, where = _pixel_size(b"".join(chunks[b"pHYs"]))
    return Image(
        pixels=check_pixels(pixels, name),
        axes=axes,
        channels=COLOURS[samples] if axes == "YXS" else (),
        pixel_size=size,
        name=name,
        pixel_size_from=where,
        alpha=axes == "YXS" and samples in (2, 4),
        metadata={"png": b"".join(chunk for group in chunks.values() for chunk in group)},
        own_axes=own_axes,
    )


def write(image: Image, done: str = "") -> bytes:
    """Return the bytes of a PNG file; `done` becomes a text chunk named "Unsmear"."""
    pixels, axes = image.pixels, image.axes
    if axes in ("SYX", "CYX", "YXC"):
        pixels, axes = np.moveaxis(pixels, axes.index(axes.strip("YX")), -1), "YXS"
    samples = 1 if axes == "YX" else pixels.shape[-1]
    fits = axes in ("YX", "YXS") and pixels.dtype in (np.uint8, np.uint16)
    # Of stained channels the second or fourth would become opacity.
    most = 4 if "S" in image.axes else 3
    if not fits or samples > most or (samples == 2 and most == 3):
        raise ImageError(
            f"{image.name}: a PNG must be of one plane of one or three channels in 8 or 16 bit, "
            f"got axes {image.axes!r}, {samples} channels and {pixels.dtype}; write a TIFF."
        )
    data = encode(pixels[..., 0] if samples == 1 and pixels.ndim == 3 else pixels)
    extra = _fitting(image.metadata.get("png", b""), image, samples)
    if done:
        extra += chunk(b"tEXt", b"Unsmear\0" + done.encode("latin-1", "replace"))
    header = len(MAGIC) + 25  # IHDR is 13 bytes and 12 around them
    return data[:header] + extra + data[header:]


def encode(pixels: NDArray[Any]) -> bytes:
    """Return a PNG file of pixels alone, (y, x) or (y, x, samples) of 8 or 16 bit."""
    options = {"level": 1, "strategy": RUNS, "filter": SUBTRACT}
    return bytes(imagecodecs.png_encode(np.ascontiguousarray(pixels), **options))


def _fitting(extra: bytes, image: Image, samples: int) -> bytes:
    """Return the chunks that fit the image, with its pixel size where they say another."""
    kept, there = [], False
    for kind, body, whole in _chunks(MAGIC + extra + END, image.name):
        if kind == b"pHYs":
            there = image.pixel_size is None or _is_close(_pixel_size(whole)[0], image.pixel_size)
        if kind != b"IEND" and (there if kind == b"pHYs" else _fits(kind, body, samples)):
            kept.append(whole)
    if image.pixel_size and not there:
        per_metre = [round(1e6 / size) for size in reversed(image.pixel_size)]
        kept.append(chunk(b"pHYs", struct.pack(">IIB", *per_metre, 1)))
    return b"".join(kept)


def _is_close(said: tuple[float, float] | None, size: tuple[float, float]) -> bool:
    return said is not None and np.allclose(said, size, rtol=1e-3, atol=0)


def _fits(kind: bytes, body: bytes, samples: int) -> bool:
    """Return whether a chunk may stand in a PNG of so many samples: it may be of a coloured one."""
    colours = 1 if samples <= 2 else 3
    if kind == b"sBIT":
        return len(body) == samples
    if kind == b"bKGD":
        return len(body) == 2 * colours
    if kind == b"iCCP":
        try:
            profile = zlib.decompressobj().decompress(body[body.index(b"\0") + 2 :], 20)
        except (ValueError, zlib.error):
            return False
        return profile[16:20] == (b"GRAY" if colours == 1 else b"RGB ")
    return True


def _chunks(data: bytes, name: str) -> Iterator[tuple[bytes, bytes, bytes]]:
    """Yield (kind, body, whole chunk); raises ImageError if the file ends before IEND."""
    at, kind = len(MAGIC), b""
    while kind != b"IEND":
        length = int.from_bytes(data[at : at + 4], "big")
        end = at + 12 + length
        if end > len(data):
            raise ImageError(f"{name}: the PNG file is cut short after {len(data)} bytes.")
        kind, body = data[at + 4 : at + 8], data[at + 8 : end - 4]
        if zlib.crc32(body, zlib.crc32(kind)) != int.from_bytes(data[end - 4 : end], "big"):
            raise ImageError(f"{name}: the PNG file is damaged (a checksum is wrong).")
        yield kind, body, data[at:end]
        at = end


def _check_header(header: bytes, name: str) -> None:
    """Raise ImageError for a header that is damaged, or declares an impossible size."""
    if len(header) != 13:
        raise ImageError(f"{name}: the PNG header is damaged.")
    width, height, depth, colour = struct.unpack_from(">IIBB", header)
    samples = {2: 3, 3: 3, 4: 2, 6: 4}.get(colour, 1)
    check_declared((height, width, samples), 2 if depth == 16 else 1, name)


def _pixel_size(chunk: bytes) -> tuple[tuple[float, float] | None, str]:
    """Return (y, x) in micrometres and where it stands, or None and why it is not believed."""
    if len(chunk) < 21:
        return None, ""
    x, y, unit = struct.unpack_from(">IIB", chunk, 8)
    if unit != 1 or not (x and y):
        return None, ""
    size = (1e6 / y, 1e6 / x)
    why = doubt(size, "pHYs chunk", of_tags=True)
    return (None, why) if why else (size, "pHYs chunk")
