"""A slide's result as the TIFF that was read, with other pixels."""

from __future__ import annotations

import contextlib
import math
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, BinaryIO

import numpy as np
import tifffile
from numpy.typing import NDArray

from unsmear.images.slides import bands, levels, places, stage
from unsmear.images.slides.places import Planes, WritablePlanes
from unsmear.images.slides.result import Site
from unsmear.images.slides.slide import LONGEST
from unsmear.images.slides.tiff_planes import TiffPlanes
from unsmear.images.tiff import contents, directories, editing, layout, reading, segments, writing
from unsmear.images.tiff.directories import LONG, STRIPS, TILES, Directory, File
from unsmear.images.tiff.segments import Storage
from unsmear.images.tiff.stored import Stored

TILE_WIDTH, TILE_LENGTH, ROWS_A_STRIP = 322, 323, 278


class InPlace:
    """A copy of a TIFF whose uncompressed pixels are replaced where they lie."""

    def __init__(self, site: Site, planes: TiffPlanes) -> None:
        self._site, self._own = site, planes.at(site.result)

    def prepare(self) -> None:
        """Copy the file."""
        shutil.copyfile(self._site.slide.path, self._site.result)

    def planes(self) -> WritablePlanes:
        """Return the copy's planes."""
        return self._own

    def finish(self, done: str) -> tuple[str, ...]:
        """Write the tags that change, at the end of the file."""
        site = self._site
        with _source(site) as (parsed, stored, _):
            tags = writing.tags_of(parsed, stored, site.image, done, site.name)
            patches, end = editing.tags_patched(parsed, tags)
        with site.result.open("r+b") as file:
            file.truncate(len(parsed.data))
            file.seek(len(parsed.data))
            file.writelines(end)
            for start, piece in patches:
                file.seek(start)
                file.write(piece)
        return site.image.unkept


class Anew:
    """A TIFF that is laid out anew from blocks that wait in a stage, every tag kept."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def prepare(self) -> None:
        """Make the stage."""
        site = self._site
        stage.make(site.stage, site.image.planes().shape, site.dtype, site.block)
        site.result.touch()

    def planes(self) -> WritablePlanes:
        """Return the stage."""
        return stage.planes(self._site.stage, self._site.name)

    def finish(self, done: str) -> tuple[str, ...]:
        """Write all strips or tiles, those of the levels too, and the directories behind them."""
        site = self._site
        with _source(site) as (parsed, stored, file):
            tags = writing.tags_of(parsed, stored, site.image, done, site.name)
            editing.change(parsed, parsed.chain[0], tags)
            pages = _described(parsed, stored, site)
            unkept = (writing.OF_MICROMANAGER,) if file.is_micromanager else ()
        with site.result.open("wb") as stream:
            _lay_out(stream, parsed, pages, site, self.planes())
        return (*site.image.unkept, *unkept)


@dataclass(frozen=True)
class Page:
    """A page of a result. plane: its number among the pages of its level. sides: (y, x)."""

    plane: int
    sides: tuple[int, int]
    storage: Storage


def result_of(site: Site) -> InPlace | Anew | None:
    """Return how a TIFF that was read gets other pixels, or None where it cannot keep its own tags.

    In place where its pixels are uncompressed and blocks are whole tiles; else laid out anew.
    """
    image = site.image
    carried = image.metadata["tiff"]
    planes = site.slide.planes
    if not writing.can_edit(image, carried) or not isinstance(planes, TiffPlanes):
        return None
    with _source(site) as (parsed, stored, _):
        if not all(segments.can_store(level.keyframe) for level in stored.levels):
            return None
        whole = all(side % own == 0 for side, own in zip(site.block, planes.chunk, strict=True))
        in_place = editing.is_in_place(stored, image.pixels) and planes.is_raw and whole
        if in_place and not editing.overlap(planes.segments()) and editing.can_grow(parsed, {}):
            return InPlace(site, planes)
        alike = all(len(level.pages) == len(stored.pages) for level in stored.levels)
        return Anew(site) if alike and editing.pages_of(parsed, stored) is not None else None


@contextlib.contextmanager
def _source(site: Site) -> Iterator[tuple[File, Stored, tifffile.TiffFile]]:
    """Open the file that was read: its directories, its image, and what tifffile makes of it."""
    path = site.slide.path
    with reading.opened(path, path.name) as file:
        stored = contents.images(file, path.name)[0][site.image.metadata["tiff"]["scene"]]
        data: Any = np.memmap(path, mode="r")
        yield directories.read(memoryview(data)), stored, file


def _described(parsed: File, stored: Stored, site: Site) -> dict[int, Page]:
    """Give every directory of an image the tags of the result; return its pages by directory."""
    pages: dict[int, Page] = {}
    for level, own in zip(stored.levels, editing.pages_of(parsed, stored) or [], strict=True):
        sides = level.shape[level.axes.index("Y")], level.shape[level.axes.index("X")]
        for number, (page, directory) in enumerate(zip(level.pages, own, strict=True)):
            storage = Storage.of(page)
            if storage.tile is None and sides[1] > LONGEST:
                storage = replace(storage, tile=bands.TILE)
                _tile(parsed, directory)
            storage = editing.describe(parsed, directory, storage, sides, site.dtype)
            pages[id(directory)] = Page(number, sides, storage)
    return pages


def _tile(parsed: File, directory: Directory) -> None:
    """Give a directory of strips tags of tiles."""
    for code in (*STRIPS, ROWS_A_STRIP):
        directory.entries.pop(code, None)
    sides = dict(zip((TILE_LENGTH, TILE_WIDTH), bands.TILE, strict=True))
    for code, value in {**sides, TILES[0]: 0, TILES[1]: 0}.items():
        directory.entries[code] = parsed.entry(LONG, [value])


def _lay_out(
    stream: BinaryIO, parsed: File, pages: dict[int, Page], site: Site, planes: Planes
) -> None:
    """Write a file: strips and tiles, then directories, then the header."""
    image = site.image
    raw = sum(
        math.prod(page.sides) * page.storage.samples * site.dtype.itemsize
        for page in pages.values()
    )
    big = parsed.big or raw + len(parsed.data) >= layout.FULL
    stream.write(bytes(layout.head_size(big)))
    found = []
    for directory in parsed.all():
        page = pages.get(id(directory))
        own = (
            directories.segments_in(parsed, directory)
            if page is None
            else _encoded(page, image.axes, image.pixels.shape, planes, site.dtype, parsed.order)
        )
        lying = []
        for piece in own:
            lying.append((stream.tell(), len(piece)))
            stream.write(piece)
        found.append(lying)
    head, pieces = layout.lay_out_behind(parsed, big, found, stream.tell())
    stream.writelines(pieces)
    stream.seek(0)
    stream.write(head)


def _encoded(
    page: Page,
    axes: str,
    shape: Sequence[int],
    planes: Planes,
    dtype: np.dtype[Any],
    order: str,
) -> Iterator[bytes]:
    """Return the strips or tiles of a page, one after the other."""
    storage = page.storage
    size = 3 if storage.samples > 1 else 2
    outer, inner = axes[:-size], axes[-size:]
    at = np.unravel_index(page.plane, shape[: len(outer)]) if outer else ()
    place = {letter: int(number) for letter, number in zip(outer, at, strict=True)}
    letter = next((letter for letter in inner if letter not in "YX"), "")
    samples = [
        places.number(axes, shape, place | ({letter: sample} if letter else {}))
        for sample in range(storage.samples)
    ]
    whole = shape[axes.index("Y")], shape[axes.index("X")]
    for group in [[one] for one in samples] if storage.rows else [samples]:
        step = storage.strip if storage.tile is None else storage.tile[0]
        row = page.sides[1] * len(group) * dtype.itemsize
        for rows in bands.of(page.sides[0], step, row):
            columns = slice(0, page.sides[1])
            band = [_part(planes, plane, whole, page.sides, (rows, columns)) for plane in group]
            pixels = band[0] if len(band) == 1 else np.stack(band, axis=-1)
            for piece in segments.pieces(pixels, storage):
                yield segments.encode_piece(np.ascontiguousarray(piece), storage, order)


def _part(
    planes: Planes,
    plane: tuple[int, int],
    whole: tuple[int, int],
    sides: tuple[int, int],
    part: tuple[slice, slice],
) -> NDArray[Any]:
    """Return a part of a plane at the size of a level."""
    return levels.area(lambda rows, columns: planes.read(*plane, rows, columns), whole, sides, part)
