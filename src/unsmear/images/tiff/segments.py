"""Strips and tiles: how a page stores its pixels, and the encoding of other pixels in that way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import imagecodecs
import numpy as np
import tifffile
from numpy.typing import NDArray

from unsmear.errors import ImageError

LZW, ZLIB, DEFLATE, PACKBITS, LZMA, ZSTD = 5, 8, 32946, 32773, 34925, 50000
deflate = imagecodecs.deflate_encode if imagecodecs.DEFLATE.available else imagecodecs.zlib_encode
"""libdeflate where it is there, as tifffile has it: six times as fast."""
COMPRESSIONS: dict[int, Callable[..., Any]] = {
    1: bytes,
    LZW: imagecodecs.lzw_encode,
    ZLIB: deflate,
    DEFLATE: deflate,
    PACKBITS: imagecodecs.packbits_encode,
    LZMA: imagecodecs.lzma_encode,
    ZSTD: imagecodecs.zstd_encode,
}
"""Encoders by the number of a lossless compression; all others become deflate."""


@dataclass(frozen=True)
class Storage:
    """How a page stores its pixels.

    rows: number of the axis y in the page's array, 0, or 1 where the samples are separate.
    strip: rows of a strip. tile: (rows, columns) of a tile, or None for strips.
    """

    dtype: np.dtype[Any]
    compression: int
    predictor: int
    samples: int
    rows: int
    strip: int
    tile: tuple[int, int] | None

    @classmethod
    def of(cls, page: Any) -> Storage:
        """Return that of a page of tifffile."""
        key = page.keyframe
        return cls(
            np.dtype(key.dtype),
            int(key.compression),
            int(key.predictor),
            int(key.samplesperpixel),
            1 if int(key.planarconfig) == 2 and key.samplesperpixel > 1 else 0,
            int(key.rowsperstrip) or int(key.imagelength),
            (int(key.tilelength), int(key.tilewidth)) if key.is_tiled else None,
        )

    def changed(self, compression: int, predictor: int, strip: int) -> Storage:
        """Return this storage with another encoding."""
        return replace(self, compression=compression, predictor=predictor, strip=strip)


def check(page: Any, name: str, whole: bool) -> None:
    """Raise ImageError for a strip or tile that is missing or cut; tifffile makes it black.

    whole: whether to read those of JPEG, whose decoder takes what is there.
    """
    size = page.parent.filehandle.size
    segments = list(zip(page.dataoffsets, page.databytecounts, strict=True))
    if max((start + count for start, count in segments), default=0) > size:
        raise ImageError(f"{name}: the TIFF file is cut short after {size} bytes.")
    missing = sum(not (start and count) for start, count in segments)
    if missing:
        raise ImageError(f"{name}: the TIFF file lacks {missing} of {len(segments)} strips.")
    if whole and page.keyframe.compression == tifffile.COMPRESSION.JPEG:
        for start, count in segments:
            page.parent.filehandle.seek(start)
            check_jpeg(page.parent.filehandle.read(count), name)


def check_jpeg(segment: bytes, name: str) -> None:
    """Raise ImageError for a strip or tile of JPEG that is cut short."""
    if b"\xff\xd9" not in segment:
        raise ImageError(f"{name}: a JPEG strip of the TIFF file is cut short.")


def can_store(page: Any) -> bool:
    """Return whether other pixels can be stored as those of this page are."""
    return (
        page.dtype is not None
        and page.dtype.kind in "uif"
        and page.bitspersample == page.dtype.itemsize * 8
        and int(page.fillorder) == 1
        and page.imagedepth == 1
    )


def encode(plane: NDArray[Any], storage: Storage, order: str) -> list[bytes]:
    """Return the strips or tiles of a page.

    plane: (y, x), (y, x, sample) or, with `storage.rows` 1, (sample, y, x). order: "<" or ">".
    """
    return [
        encode_piece(np.ascontiguousarray(piece), storage, order)
        for part in (plane if storage.rows else plane[None])
        for piece in pieces(part, storage)
    ]


def pieces(part: NDArray[Any], storage: Storage) -> Iterator[NDArray[Any]]:
    """Return the strips or tiles of a plane, (y, x) or (y, x, sample); tiles have whole sides."""
    length, width = part.shape[:2]
    rows, columns = storage.tile or (storage.strip, width)
    for top in range(0, length, rows):
        for left in range(0, width, columns):
            piece = part[top : top + rows, left : left + columns]
            below, beside = rows - piece.shape[0], columns - piece.shape[1]
            if storage.tile is not None and (below or beside):
                padding = [(0, below), (0, beside), *[(0, 0)] * (part.ndim - 2)]
                piece = np.pad(piece, padding, mode="edge")
            yield piece


def encode_piece(piece: NDArray[Any], storage: Storage, order: str) -> bytes:
    """Return a strip or tile as bytes. order: "<" or ">"."""
    if storage.predictor == 2:
        piece = imagecodecs.delta_encode(piece, axis=1)
    stored = piece.astype(in_order(piece.dtype, order), copy=False)
    if storage.compression == 1:
        return stored.tobytes()
    if storage.compression == PACKBITS:  # each row by itself
        rows = stored.reshape(len(stored), -1).view(np.uint8)
        return b"".join(bytes(imagecodecs.packbits_encode(row.tobytes())) for row in rows)
    return bytes(COMPRESSIONS[storage.compression](stored.tobytes()))


def in_order(dtype: np.dtype[Any], order: str) -> np.dtype[Any]:
    """Return a dtype in a byte order, "<" or ">"."""
    return dtype.newbyteorder("<" if order == "<" else ">")
