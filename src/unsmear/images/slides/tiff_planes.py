"""Planes of a TIFF file, read by windows: only the strips and tiles that a window touches."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import tifffile
from numpy.typing import NDArray

from unsmear.errors import ImageError, error_text
from unsmear.images.image import Image
from unsmear.images.slides import places
from unsmear.images.tiff.segments import can_store, check_jpeg, in_order
from unsmear.images.tiff.stored import Stored

JPEGS = (6, 7, 33007, 34892)
"""Compressions whose segments need the page's tables."""


@dataclass(frozen=True)
class Grid:
    """How a page is cut into strips or tiles.

    sides: rows and columns of one. whole: those of the page. separate: whether each sample has its
    own. samples: of a page.
    """

    sides: tuple[int, int]
    whole: tuple[int, int]
    separate: bool
    samples: int

    @classmethod
    def of(cls, key: Any) -> Grid:
        """Return that of a keyframe of tifffile."""
        whole = int(key.imagelength), int(key.imagewidth)
        sides = (
            (int(key.tilelength), int(key.tilewidth))
            if key.is_tiled
            else (min(int(key.rowsperstrip) or whole[0], whole[0]), whole[1])
        )
        samples = int(key.samplesperpixel)
        return cls(sides, whole, int(key.planarconfig) == 2 and samples > 1, samples)

    @property
    def counts(self) -> tuple[int, int]:
        """Return the numbers of strips or tiles along y and x."""
        return -(-self.whole[0] // self.sides[0]), -(-self.whole[1] // self.sides[1])

    def number(self, sample: int, row: int, column: int) -> int:
        """Return the number of a strip or tile among those of its page."""
        down, across = self.counts
        return (sample * down * across if self.separate else 0) + row * across + column


@dataclass(frozen=True)
class Segments:
    """Where the strips or tiles of a page lie: the file, their positions and sizes in bytes."""

    path: Path
    starts: NDArray[np.uint64]
    sizes: NDArray[np.uint64]
    tables: bytes | None

    @classmethod
    def of(cls, page: Any) -> Segments:
        """Return those of a page of tifffile."""
        tables = page.jpegtables if int(page.keyframe.compression) in JPEGS else None
        return cls(
            Path(page.parent.filehandle.path),
            np.array(page.dataoffsets, np.uint64),
            np.array(page.databytecounts, np.uint64),
            tables,
        )


class TiffPlanes:
    """Windows of an image of a TIFF file.

    image: as its header says. stored: how it is stored, in a file that is open now.
    """

    def __init__(self, image: Image, stored: Stored, path: Path) -> None:
        key = stored.keyframe
        self._image, self._name, self._path = image, image.name, path
        self._check_axes(stored)
        self._dtype = in_order(np.dtype(stored.dtype), stored.series[0].parent.byteorder)
        self.grid = Grid.of(key)
        self._inner = image.axes[-len(key.shape) :]
        self._outer = image.axes[: -len(key.shape)]
        self._raw = int(key.compression) == 1 and int(key.predictor) == 1 and can_store(key)
        self._start = stored.dataoffset if self._raw else None
        self._pages = (
            [] if self._start is not None else [Segments.of(page) for page in stored.pages]
        )
        self._decode: Callable[..., Any] = key.decode
        self._compression = int(key.compression)
        self._header = getattr(key, "jpegheader", None) if self._compression in JPEGS else None
        self._strips = self._raw and not key.is_tiled

    @property
    def chunk(self) -> tuple[int, int]:
        """Return the rows and columns that are read together; one of each where all are apart."""
        return (1, 1) if self._start is not None or self._strips else self.grid.sides

    @property
    def is_raw(self) -> bool:
        """Return whether each plane's pixels stand uncompressed by themselves, to be replaced."""
        return self._raw and (self.grid.separate or self.grid.samples == 1)

    def at(self, path: Path) -> TiffPlanes:
        """Return the planes of a copy of the file."""
        other = copy.copy(self)
        other._path = path
        other._pages = [replace(page, path=path) for page in self._pages]
        return other

    def segments(self) -> list[tuple[int, int]]:
        """Return the position and size of every strip or tile, bytes; none of pixels in one run."""
        return [
            (int(start), int(size))
            for page in self._pages
            for start, size in zip(page.starts, page.sizes, strict=True)
        ]

    def read(self, batch: int, channel: int, rows: slice, columns: slice) -> NDArray[Any]:
        """Return a window; raises ImageError for a strip or tile that is damaged."""
        page, sample = self._place(batch, channel)
        result = np.empty((rows.stop - rows.start, columns.stop - columns.start), self._native_type)
        try:
            if self._start is not None or self._strips:
                self._read_rows(page, sample, rows, columns, result)
            else:
                self._read_segments(self._pages[page], sample, rows, columns, result)
        except ImageError:
            raise
        # A decoder can raise any error for what is damaged.
        except Exception as error:
            raise ImageError(
                f"{self._name}: the TIFF file is damaged ({error_text(error)})."
            ) from error
        return result

    def write(
        self, batch: int, channel: int, rows: slice, columns: slice, pixels: NDArray[Any]
    ) -> None:
        """Replace a window of raw pixels: whole tiles, or rows of strips."""
        page, sample = self._place(batch, channel)
        stored = pixels.astype(self._dtype, copy=False)
        if self._start is None and not self._strips:
            self._write_tiles(self._pages[page], sample, (rows, columns), stored)
            return
        path = self._path if self._start is not None else self._pages[page].path
        with path.open("r+b") as file:
            for row, line in zip(range(rows.start, rows.stop), stored, strict=True):
                file.seek(self._position(page, sample, row, columns.start))
                file.write(line.tobytes())

    def _write_tiles(
        self, page: Segments, sample: int, window: tuple[slice, slice], stored: NDArray[Any]
    ) -> None:
        high, wide = self.grid.sides
        padding = [
            (0, -size % side) for size, side in zip(stored.shape, self.grid.sides, strict=True)
        ]
        padded = np.pad(stored, padding, mode="edge")
        top, left = window[0].start // high, window[1].start // wide
        with page.path.open("r+b") as file:
            for row, column in np.ndindex(padded.shape[0] // high, padded.shape[1] // wide):
                number = self.grid.number(sample, top + row, left + column)
                tile = padded[row * high : (row + 1) * high, column * wide : (column + 1) * wide]
                file.seek(int(page.starts[number]))
                file.write(tile.tobytes())

    def _place(self, batch: int, channel: int) -> tuple[int, int]:
        """Return the numbers of a plane's page and of its sample."""
        found = places.numbers(self._image.axes, self._image.pixels.shape, batch, channel)
        outer = [found[letter] for letter in self._outer]
        sizes = self._image.pixels.shape[: len(outer)]
        page = int(np.ravel_multi_index(outer, sizes)) if outer else 0
        return page, found[self._sample] if self._sample else 0

    @property
    def _sample(self) -> str:
        """Return the letter of the samples' axis inside a page, or ""."""
        return next((letter for letter in self._inner if letter not in "YX"), "")

    @property
    def _native_type(self) -> np.dtype[Any]:
        return self._dtype.newbyteorder("=")

    def _check_axes(self, stored: Stored) -> None:
        """Raise ImageError for axes that put y or x elsewhere than along the rows of a page."""
        own = stored.keyframe.axes
        given = self._image.axes[-len(own) :]
        apart = [own.index(letter) for letter in "YX"] != [given.find(letter) for letter in "YX"]
        if apart or len(own) > 3:
            raise ImageError(
                f"{self._name}: its pages must be (y, x) or (y, x, samples) to be read in parts, "
                f"got axes {self._image.axes}; write it as OME-Zarr."
            )

    def _read_rows(
        self, page: int, sample: int, rows: slice, columns: slice, into: NDArray[Any]
    ) -> None:
        """Read from uncompressed pixels, of which only the columns of the window are read."""
        each = 1 if self.grid.separate else self.grid.samples
        size = into.shape[1] * each * self._dtype.itemsize
        path = self._path if self._start is not None else self._pages[page].path
        with path.open("rb") as file:
            for row in range(rows.start, rows.stop):
                file.seek(self._position(page, sample, row, columns.start))
                line = np.frombuffer(file.read(size), self._dtype).reshape(-1, each)
                into[row - rows.start] = line[:, 0 if self.grid.separate else sample]

    def _position(self, page: int, sample: int, row: int, column: int) -> int:
        """Return where an uncompressed pixel stands in the file: its first sample, bytes."""
        height, width = self.grid.whole
        each = 1 if self.grid.separate else self.grid.samples
        if self._start is None:
            step = self.grid.sides[0]
            start = int(self._pages[page].starts[self.grid.number(sample, row // step, 0)])
            return start + (row % step * width + column) * each * self._dtype.itemsize
        at = page * self.grid.samples * height * width
        at += sample * height * width if self.grid.separate else 0
        return self._start + (at + (row * width + column) * each) * self._dtype.itemsize

    def _read_segments(
        self, page: Segments, sample: int, rows: slice, columns: slice, into: NDArray[Any]
    ) -> None:
        """Read the strips or tiles that a window touches."""
        high, wide = self.grid.sides
        with page.path.open("rb") as file:
            for row in range(rows.start // high, -(-rows.stop // high)):
                for column in range(columns.start // wide, -(-columns.stop // wide)):
                    number = self.grid.number(sample, row, column)
                    segment = self._segment(file, page, number)
                    pixels = segment[..., 0 if self.grid.separate else sample]
                    _put(pixels, (row * high, column * wide), (rows, columns), into)

    def _segment(self, file: BinaryIO, page: Segments, number: int) -> NDArray[Any]:
        """Return a strip or tile, (y, x, sample)."""
        file.seek(int(page.starts[number]))
        data = file.read(int(page.sizes[number]))
        if self._compression == tifffile.COMPRESSION.JPEG:
            check_jpeg(data, self._name)
        tables = (
            {"jpegtables": page.tables, "jpegheader": self._header}
            if self._compression in JPEGS
            else {}
        )
        pixels = self._decode(data, number, **tables)[0]
        return np.asarray(pixels[0])


def _put(
    pixels: NDArray[Any], corner: tuple[int, int], window: tuple[slice, slice], into: NDArray[Any]
) -> None:
    """Copy what a window has of a segment. corner: the segment's first row and column."""
    here, there = [], []
    for first, size, wanted in zip(corner, pixels.shape, window, strict=True):
        start, stop = max(first, wanted.start), min(first + size, wanted.stop)
        here.append(slice(start - first, stop - first))
        there.append(slice(start - wanted.start, stop - wanted.start))
    into[tuple(there)] = pixels[tuple(here)]
