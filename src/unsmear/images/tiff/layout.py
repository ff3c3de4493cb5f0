"""Laying a TIFF file out anew from its directories, with every tag kept."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence

from unsmear.images.tiff.directories import (
    AGAIN,
    LONG,
    LONG8,
    STRIPS,
    TILES,
    Directory,
    Entry,
    File,
    segments_in,
)

FULL = 2**32 - 2**20
"""Size from which a file becomes a BigTIFF, bytes."""


def head_size(big: bool) -> int:
    """Return the size of a file's header, bytes. big: whether it is that of a BigTIFF."""
    return 16 if big else 8


def lay_out(file: File) -> list[bytes | memoryview]:
    """Return a file of these directories, laid out anew, as pieces in order.

    It becomes a BigTIFF where the positions need that.
    """
    size = sum(len(segment) for d in file.all() for segment in d.segments or [])
    size += len(file.data)
    return _Layout(file, file.big or size >= FULL).build()


def lay_out_behind(
    file: File, big: bool, places: Sequence[Sequence[tuple[int, int]]], at: int
) -> tuple[bytes, list[bytes | memoryview]]:
    """Return the header of a file, and its directories, which come behind their strips and tiles.

    big: whether it becomes a BigTIFF. places: (position, size) of the strips or tiles of each of
    `file.all()`. at: where they end.
    """
    layout = _Layout(file, big, at)
    for directory, own in zip(file.all(), places, strict=True):
        layout.place(directory, own)
    head, *pieces = layout.add_directories()
    return bytes(head), pieces


def lay_out_head(file: File) -> list[bytes | memoryview]:
    """Return the header and the first directory with its values, before any pixels."""
    layout = _Layout(file, file.big)
    start, _ = layout.add_directory(file.chain[0].entries)
    pieces = layout.pieces(start)
    return [*pieces, bytes(-sum(map(len, pieces)) % 16)]


class _Layout:
    """The pieces of a file that grows, and the number of bytes before the next."""

    def __init__(self, file: File, big: bool, at: int = 0) -> None:
        self._file, self._big, self._order = file, big, file.order
        self._pieces: list[bytes | memoryview] = []
        self._segments: dict[int, dict[int, Entry]] = {}
        self._at = at or head_size(big)

    def build(self) -> list[bytes | memoryview]:
        """Add all strips and tiles, then every directory, and return the file.

        Planes of an ImageJ stack stay behind each other, as tifffile takes them to be.
        """
        for directory in self._file.all():
            self._add_segments(directory)
        return self.add_directories()

    def add_directories(self) -> list[bytes | memoryview]:
        """Add every directory, and return the file, or what comes behind what stands already."""
        starts: list[int] = []
        patches: list[Callable[[int], None]] = []
        for directory in self._file.chain:
            start, patch = self._write(directory)
            starts.append(start)
            patches.append(patch)
        for patch, following in zip(patches, [*starts[1:], 0], strict=True):
            patch(following)
        return self.pieces(starts[0] if starts else 0)

    def pieces(self, first: int) -> list[bytes | memoryview]:
        """Return what was added, behind a header. first: position of the first directory."""
        order = b"II" if self._order == "<" else b"MM"
        head = (
            struct.pack(f"{self._order}HHHQ", 43, 8, 0, first)
            if self._big
            else struct.pack(f"{self._order}HI", 42, first)
        )
        return [order + head, *self._pieces]

    def _add(self, piece: bytes | memoryview) -> int:
        """Add a piece at an even position, which is returned."""
        if self._at % 2:
            self._pieces.append(b"\0")
            self._at += 1
        at = self._at
        self._pieces.append(piece)
        self._at += len(piece)
        return at

    def _add_segments(self, directory: Directory) -> None:
        """Add the strips or tiles of a directory, without gaps."""
        new: Sequence[bytes | memoryview] = (
            segments_in(self._file, directory) if directory.segments is None else directory.segments
        )
        places = []
        for piece in new:
            places.append((self._at, len(piece)))
            self._pieces.append(piece)
            self._at += len(piece)
        self.place(directory, places)

    def place(self, directory: Directory, places: Sequence[tuple[int, int]]) -> None:
        """Say where the strips or tiles of a directory lie: (position, size) of each."""
        if places:
            tags = TILES if TILES[0] in directory.entries else STRIPS
            pointer = LONG8 if self._big else LONG
            self._segments[id(directory)] = {
                tag: self._file.entry(pointer, values)
                for tag, values in zip(tags, zip(*places, strict=True), strict=True)
            }

    def _write(self, directory: Directory) -> tuple[int, Callable[[int], None]]:
        """Add a directory and all that it needs; return its position, and what sets the next."""
        entries = {**directory.entries, **self._segments.get(id(directory), {})}
        pointer = LONG8 if self._big else LONG
        for code, children in directory.children.items():
            places = []
            for child in children:
                place, patch = self._write(child)
                patch(0)
                places.append(place)
            if places:
                entries[code] = self._file.entry(pointer, places)
        return self.add_directory(entries)

    def add_directory(self, entries: dict[int, Entry]) -> tuple[int, Callable[[int], None]]:
        """Add a directory and its values; return its position, and what sets the next."""
        room = 8 if self._big else 4
        places = {
            code: self._add(entry.value)
            for code, entry in sorted(entries.items())
            if len(entry.value) > room
        }
        at = self._add(pack(entries, places, 0, self._order, self._big))
        place = len(self._pieces) - 1

        def set_next(following: int) -> None:
            self._pieces[place] = pack(entries, places, following, self._order, self._big)

        return at, set_next


def pack(
    entries: dict[int, Entry], places: dict[int, int], following: int, order: str, big: bool
) -> bytes:
    """Return a directory as bytes.

    places: positions of the values that have no room in it. following: that of the next one.
    """
    pointer = "Q" if big else "I"
    rows = [
        pack_entry(code, entry, places.get(code), order, big)
        for code, entry in sorted(entries.items(), key=lambda item: _place_of(item[0]))
        if not entry.broken
    ]
    count = struct.pack(f"{order}{'Q' if big else 'H'}", len(rows))
    return count + b"".join(rows) + struct.pack(f"{order}{pointer}", following)


def pack_entry(code: int, entry: Entry, place: int | None, order: str, big: bool) -> bytes:
    """Return an entry of a directory as bytes. place: position of a value that has no room."""
    room, pointer = (8, "Q") if big else (4, "I")
    inline = entry.value.ljust(room, b"\0")
    if place is not None:
        inline = struct.pack(f"{order}{pointer}", place)
    return struct.pack(f"{order}HH{pointer}", code % AGAIN, entry.kind, entry.count) + inline


def _place_of(code: int) -> tuple[int, int]:
    """Return what a tag's place in a directory is sorted by."""
    return code % AGAIN, code
