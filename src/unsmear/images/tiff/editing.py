"""A TIFF file with other pixels: every tag, page, directory and comment of the input stays.

Uncompressed pixels of the same size and dtype are replaced where they lie, so that whatever points
into the file, such as the index of Micro-Manager, stays right. A stack of ImageJ, which has one
directory for all its planes, is put behind that directory. Any other file is laid out anew.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsmear.images.area_mean import area_mean
from unsmear.images.tiff import directories, layout
from unsmear.images.tiff.directories import ASCII, LONG, SHORT, Directory, Entry, File
from unsmear.images.tiff.segments import COMPRESSIONS, Storage, can_store, encode, in_order
from unsmear.images.tiff.stored import Stored

WIDTH, LENGTH, BITS, COMPRESSION, PHOTOMETRIC, DESCRIPTION = 256, 257, 258, 259, 262, 270
ROWS_A_STRIP, PREDICTOR, COLOUR_MAP, SAMPLE_FORMAT = 278, 317, 320, 339
OF_VALUES = (280, 281, 340, 341, 33920)
"""Tags about the range of the pixels, which are wrong for another dtype."""
OF_JPEG = (347, 512, 513, 514, 515, 517, 518, 519, 520, 521, 529, 530, 531, 532)
"""Tags of lossy compression and of its colours."""
YCBCR, RGB, BLACK_IS_ZERO, PALETTE = 6, 2, 1, 3
POSITIONS, SPARE = 2**32, 2**16
"""Number of positions in a file that is no BigTIFF; room for a directory, bytes."""


Tags = Mapping[int, tuple[int, Sequence[int] | bytes] | None]
"""Tags of the first page that change, by code: (type, values), or None for one that goes."""


Patch = tuple[int, bytes | memoryview]
"""A position in a file, and the bytes that come there."""


def with_pixels(
    file: File, stored: Stored, pixels: NDArray[Any], tags: Tags
) -> list[bytes | memoryview] | None:
    """Return the file with other pixels, as pieces in order; None where it cannot get them.

    stored: the image of that file which gets the pixels.
    pixels: in the image's axes; y and x may have become smaller, and the dtype another.
    """
    levels = stored.levels
    if not _has_planes_of(stored, pixels) or not all(can_store(one.keyframe) for one in levels):
        return None
    pieces = _in_place(file, stored, pixels, tags) if is_in_place(stored, pixels) else None
    if pieces is not None:
        return pieces
    pages = pages_of(file, stored)
    if pages is not None:
        return _anew(file, stored, pages, pixels, tags)
    if stored.dataoffset is not None and len(file.all()) == 1 and len(levels) == 1:
        return _behind(file, stored, pixels, tags)
    return None


def pages_of(file: File, stored: Stored) -> list[list[Directory]] | None:
    """Return the directories of each level, a plane each; None where planes share one."""
    pages = [_pages_of(file, level) for level in stored.levels]
    return None if None in pages else [own for own in pages if own]


def _pages_of(file: File, stored: Stored) -> list[Directory] | None:
    """Return the directory of each plane, or None where planes share one.

    tifffile makes up pages for planes behind each other: those are known by their pixels.
    """
    by_offset = {directory.offset: directory for directory in file.all()}
    by_start = {
        places[0][0]: directory
        for directory in file.all()
        if (places := directories.segments_of(file, directory)[1])
    }
    pages = [
        by_offset.get(page.offset) or by_start.get(page.dataoffsets[0]) for page in stored.pages
    ]
    found = [page for page in pages if page is not None]
    whole = len({id(page) for page in found}) == len(stored.pages)
    size = len(found) * math.prod(stored.keyframe.shape)
    return found if whole and size == math.prod(stored.shape) else None


def _has_planes_of(stored: Stored, pixels: NDArray[Any]) -> bool:
    """Return whether pixels have the image's planes; y and x may have become smaller."""
    return pixels.ndim == len(stored.shape) and all(
        new <= old if axis in "YX" else new == old
        for axis, new, old in zip(stored.axes, pixels.shape, stored.shape, strict=True)
    )


def is_in_place(stored: Stored, pixels: NDArray[Any]) -> bool:
    """Return whether pixels can replace those of the file where they lie."""
    same = pixels.dtype == stored.dtype and pixels.shape == stored.shape
    return same and int(stored.keyframe.compression) == 1 and len(stored.levels) == 1


def _in_place(
    file: File, stored: Stored, pixels: NDArray[Any], tags: Tags
) -> list[bytes | memoryview] | None:
    """Return the file with pixels replaced where they lie; new tags stand at its end.

    Return None where that cannot be: equal strips share a place, or the end is out of reach.
    """
    counts = pixels.astype(in_order(pixels.dtype, file.order), copy=False)
    patches: list[Patch] = []
    if stored.dataoffset is not None:
        patches.append((stored.dataoffset, _bytes(counts)))
    else:
        planes = counts.reshape(len(stored.pages), *stored.keyframe.shape)
        for page, plane in zip(stored.pages, planes, strict=True):
            pieces = encode(plane, Storage.of(page), file.order)
            if any(len(p) > size for p, size in zip(pieces, page.databytecounts, strict=True)):
                return None
            patches += list(zip(page.dataoffsets, pieces, strict=True))
    places = [(start, len(piece)) for start, piece in patches]
    if overlap(places) or not can_grow(file, tags):
        return None
    more, end = tags_patched(file, tags)
    return _patched(file.data, patches + more) + end


def tags_patched(file: File, tags: Tags) -> tuple[list[Patch], list[bytes | memoryview]]:
    """Return the patches that change tags of the first page, and what comes at the file's end."""
    first = file.chain[0]
    there = set(first.entries)
    change(file, first, tags)
    if tags and set(first.entries) == there:
        return _entries_patched(file, first, list(tags))
    if tags:
        pointer, end = _directory_moved(file, first)
        return [pointer], end
    return [], []


def overlap(places: Sequence[tuple[int, int]]) -> bool:
    """Return whether two places (position, size) share bytes: equal strips may be stored once."""
    ends = [(start, start + size) for start, size in sorted(places)]
    return any(end > start for (_, end), (start, _) in pairwise(ends))


def can_grow(file: File, tags: Tags) -> bool:
    """Return whether tags can stand at the file's end: positions may have 32 bits only."""
    kept = sum(len(entry.value) for entry in file.chain[0].entries.values())
    new = sum(8 * len(change[1]) for change in tags.values() if change is not None)
    return file.big or len(file.data) + kept + new + SPARE < POSITIONS


def _behind(
    file: File, stored: Stored, pixels: NDArray[Any], tags: Tags
) -> list[bytes | memoryview]:
    """Return the file as its directory and all planes behind it.

    The directory is that of the first plane, as ImageJ writes it; so a stack of more than 4 GiB
    needs no larger positions.
    """
    first = file.chain[0]
    change(file, first, tags)
    counts = pixels.astype(in_order(pixels.dtype, file.order), copy=False)
    plane = counts.reshape(-1, *_page_shape(stored, pixels))[0]
    storage = Storage.of(stored.pages[0])
    sides = plane.shape[storage.rows], plane.shape[storage.rows + 1]
    _set_size(file, first, storage.changed(1, 1, sides[0]), sides, pixels.dtype)
    first.entries.pop(PREDICTOR, None)
    parts = len(plane) if storage.rows else 1  # separate samples have a strip each
    pointer = directories.LONG8 if file.big else LONG
    size = plane.nbytes // parts
    first.entries[directories.STRIPS[1]] = file.entry(pointer, [size] * parts)
    start = 0
    for _ in range(2):  # the size of the head does not depend on the position of the pixels
        places = [start + size * part for part in range(parts)]
        first.entries[directories.STRIPS[0]] = file.entry(pointer, places)
        head = layout.lay_out_head(file)
        start = sum(map(len, head))
    return [*head, _bytes(counts)]


def _entries_patched(
    file: File, first: Directory, codes: Sequence[int]
) -> tuple[list[Patch], list[bytes | memoryview]]:
    """Return patches for entries whose values stand at the file's end, and that end.

    The directory stays where it is: Micro-Manager counts from there to the pixels.
    """
    pieces, places = _values(file, {code: first.entries[code] for code in codes})
    return [
        (
            first.places[code],
            layout.pack_entry(code, first.entries[code], places.get(code), file.order, file.big),
        )
        for code in codes
    ], pieces


def _directory_moved(file: File, first: Directory) -> tuple[Patch, list[bytes | memoryview]]:
    """Return the patch that leads to the first directory at the file's end, and that end."""
    pieces, places = _values(file, first.entries)
    at = len(file.data) + sum(map(len, pieces))
    following = file.chain[1].offset if len(file.chain) > 1 else 0
    pieces.append(layout.pack(first.entries, places, following, file.order, file.big))
    pointer = directories.LONG8 if file.big else LONG
    return (8 if file.big else 4, file.entry(pointer, [at]).value), pieces


def _values(
    file: File, entries: Mapping[int, Entry]
) -> tuple[list[bytes | memoryview], dict[int, int]]:
    """Return the values that have no room in a directory, for the file's end, and their places."""
    pieces: list[bytes | memoryview] = [bytes(len(file.data) % 2)]
    at = len(file.data) + len(pieces[0])
    places = {}
    for code, entry in sorted(entries.items()):
        if len(entry.value) > (8 if file.big else 4):
            pieces.append(entry.value + bytes(len(entry.value) % 2))
            places[code] = at
            at += len(pieces[-1])
    return pieces, places


def _patched(data: memoryview, patches: Sequence[Patch]) -> list[bytes | memoryview]:
    """Return the data with other bytes at the given positions."""
    pieces: list[bytes | memoryview] = []
    at = 0
    for start, piece in sorted(patches, key=lambda patch: patch[0]):
        pieces += [data[at:start], piece]
        at = start + len(piece)
    return [*pieces, data[at:]]


def _anew(
    file: File,
    stored: Stored,
    pages: Sequence[Sequence[Directory]],
    pixels: NDArray[Any],
    tags: Tags,
) -> list[bytes | memoryview]:
    """Return the file laid out anew, its strips or tiles and those of its levels encoded again.

    pages: the directories of each level.
    """
    change(file, file.chain[0], tags)
    rows, columns = stored.axes.index("Y"), stored.axes.index("X")
    for level, own in zip(stored.levels, pages, strict=True):
        smaller = pixels
        if level is not stored:
            sides = _level_sides(stored, level, pixels)
            smaller = area_mean(pixels, rows, columns, sides)
        planes = smaller.reshape(len(level.pages), *_page_shape(level, smaller))
        for page, directory, plane in zip(level.pages, own, planes, strict=True):
            _store(file, directory, Storage.of(page), plane)
    return layout.lay_out(file)


def _level_sides(stored: Stored, level: Stored, pixels: NDArray[Any]) -> tuple[int, int]:
    """Return the sides of a level; where the image became smaller, they become so too."""
    if pixels.shape == stored.shape:
        return level.shape[level.axes.index("Y")], level.shape[level.axes.index("X")]
    return tuple(
        max(
            1,
            round(
                pixels.shape[stored.axes.index(axis)]
                * level.shape[level.axes.index(axis)]
                / stored.shape[stored.axes.index(axis)]
            ),
        )
        for axis in "YX"
    )


def _page_shape(stored: Stored, pixels: NDArray[Any]) -> tuple[int, ...]:
    """Return the shape of a page of these pixels, whose y and x may have changed."""
    axes = stored.keyframe.axes
    return tuple(
        pixels.shape[stored.axes.index(axis)] if axis in "YX" else size
        for axis, size in zip(axes, stored.keyframe.shape, strict=True)
    )


def _store(file: File, directory: Directory, storage: Storage, plane: NDArray[Any]) -> None:
    """Give a directory other pixels, and the tags that fit them."""
    sides = plane.shape[storage.rows], plane.shape[storage.rows + 1]
    storage = describe(file, directory, storage, sides, plane.dtype)
    directory.segments = encode(plane, storage, file.order)


def describe(
    file: File,
    directory: Directory,
    storage: Storage,
    sides: tuple[int, int],
    dtype: np.dtype[Any],
) -> Storage:
    """Give a directory the tags of other pixels, and return how these are to be stored.

    storage: of those in the file. sides: (y, x) of a plane.
    """
    entries = directory.entries
    lossy = storage.compression not in COMPRESSIONS
    compression = 8 if lossy else storage.compression
    keep_predictor = compression == 5 and storage.predictor == 2 and dtype.kind in "iu"
    # A strip of the whole image stays one of the whole image.
    rows = min(storage.strip, sides[0]) if storage.tile is None else storage.strip
    entries[COMPRESSION] = file.entry(SHORT, [compression])
    if not keep_predictor:
        entries.pop(PREDICTOR, None)
    if lossy:
        _forget(entries, OF_JPEG)
        if file.integers(entries[PHOTOMETRIC]) == [YCBCR]:
            entries[PHOTOMETRIC] = file.entry(SHORT, [RGB])
    changed = storage.changed(compression, 2 if keep_predictor else 1, rows)
    _set_size(file, directory, changed, sides, dtype)
    return changed


def _set_size(
    file: File,
    directory: Directory,
    storage: Storage,
    sides: tuple[int, int],
    dtype: np.dtype[Any],
) -> None:
    """Set the tags of a page's size, strips and dtype."""
    entries = directory.entries
    length, width = sides
    entries[WIDTH], entries[LENGTH] = file.entry(LONG, [width]), file.entry(LONG, [length])
    if storage.tile is None:
        entries[ROWS_A_STRIP] = file.entry(LONG, [storage.strip])
    if dtype.newbyteorder("=") != storage.dtype.newbyteorder("="):
        _change_dtype(file, entries, dtype, storage.samples)


def _change_dtype(
    file: File, entries: dict[int, Entry], dtype: np.dtype[Any], samples: int
) -> None:
    entries[BITS] = file.entry(SHORT, [dtype.itemsize * 8] * samples)
    kind = {"u": 1, "i": 2, "f": 3}[dtype.kind]
    entries[SAMPLE_FORMAT] = file.entry(SHORT, [kind] * samples)
    _forget(entries, OF_VALUES)
    if file.integers(entries[PHOTOMETRIC]) == [PALETTE]:
        entries[PHOTOMETRIC] = file.entry(SHORT, [BLACK_IS_ZERO])
        entries.pop(COLOUR_MAP, None)


def change(file: File, directory: Directory, tags: Tags) -> None:
    """Change the tags of a page."""
    for code, change in tags.items():
        if change is None:
            directory.entries.pop(code, None)
        else:
            directory.entries[code] = file.entry(*change)


def text(value: str | bytes) -> tuple[int, bytes]:
    """Return a text as a tag's type and values."""
    data = value.encode() if isinstance(value, str) else value
    return ASCII, data.rstrip(b"\0") + b"\0"


def _forget(entries: dict[int, Entry], codes: Sequence[int]) -> None:
    for code in codes:
        entries.pop(code, None)


def _bytes(pixels: NDArray[Any]) -> memoryview:
    flat: Any = np.ascontiguousarray(pixels).reshape(-1).view(np.uint8)
    return memoryview(flat)
