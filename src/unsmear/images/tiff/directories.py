"""Directories (IFDs) of a TIFF file: reading, and laying a file out anew, with every tag kept.

TIFF 6.0 and BigTIFF, of both byte orders. tifffile reads pixels and metadata; it cannot copy a file
with all that it holds, so this module treats tags as bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4,
         16: 8, 17: 8, 18: 8}  # fmt: skip
"""Size of a value by its type, bytes."""
CODES = {1: "B", 2: "B", 3: "H", 4: "I", 6: "b", 7: "B", 8: "h", 9: "i", 13: "I", 16: "Q",
         17: "q", 18: "Q"}  # fmt: skip
"""Letters of `struct` for the types of integers."""
ASCII, SHORT, LONG, RATIONAL, LONG8 = 2, 3, 4, 5, 16
STRIPS, TILES = (273, 279), (324, 325)
"""Tags of the positions and the sizes of strips and of tiles."""
SUBIFDS = 330
POINTERS = (SUBIFDS, 34665, 34853, 40965)
"""Tags that hold positions of other directories: SubIFDs, EXIF, GPS and interoperability."""
AGAIN = 0x10000
"""What is added to a tag's code where it comes again."""
FULL = 2**32 - 2**20
"""Size from which a file becomes a BigTIFF, bytes."""
DEEPEST = 4
"""Largest depth of directories in directories."""


class DamageError(ValueError):
    """A directory that cannot be read, or that leads back to itself."""


@dataclass
class Entry:
    """A tag's type, number of values, and values as bytes in the file's byte order.

    broken: whether its type is unknown or its values lie beyond the end of the file, as dangling
    pointers of EXIF do; it stays where it is, and has no place in a directory that is written.
    """

    kind: int
    count: int
    value: bytes
    broken: bool = False


@dataclass
class Directory:
    """The tags of an image by code, and the directories to which some of them point.

    entries: a code that comes again, as tifffile writes a second description, has `AGAIN` added.
    offset: its position in the file that was read. places: those of its entries, by code.
    segments: strips or tiles that replace those of the file; None keeps them.
    """

    offset: int
    entries: dict[int, Entry]
    children: dict[int, list[Directory]] = field(default_factory=dict)
    segments: list[bytes] | None = None
    places: dict[int, int] = field(default_factory=dict)


@dataclass
class File:
    """The directories of a TIFF file, and how it stores numbers."""

    data: memoryview
    order: str
    big: bool
    chain: list[Directory]

    def integers(self, entry: Entry) -> list[int]:
        """Return the values of a tag of integers."""
        return list(struct.unpack(f"{self.order}{entry.count}{CODES[entry.kind]}", entry.value))

    def entry(self, kind: int, values: Sequence[int] | bytes) -> Entry:
        """Return a tag of a type, from integers, or from bytes for texts and others."""
        if isinstance(values, bytes | bytearray):
            return Entry(kind, len(values) // SIZES[kind], bytes(values))
        packed = struct.pack(f"{self.order}{len(values)}{CODES[kind]}", *values)
        return Entry(kind, len(values), packed)

    def all(self) -> list[Directory]:
        """Return every directory, those in others too."""
        found: list[Directory] = []
        waiting = list(self.chain)
        while waiting:
            directory = waiting.pop(0)
            found.append(directory)
            waiting += [child for group in directory.children.values() for child in group]
        return found


def read(data: memoryview) -> File:
    """Return the directories of a file; raises DamageError where they cannot be followed."""
    order = {b"II": "<", b"MM": ">"}.get(bytes(data[:2]))
    if order is None or len(data) < 8:
        raise DamageError("no TIFF header")
    big = struct.unpack_from(f"{order}H", data, 2)[0] == 43
    file = File(data, order, big, [])
    seen: set[int] = set()
    at = struct.unpack_from(f"{order}{'Q' if big else 'I'}", data, 8 if big else 4)[0]
    try:
        while at:
            directory, at = _read_directory(file, at, seen, 0)
            file.chain.append(directory)
    except struct.error as error:
        raise DamageError(str(error)) from error
    return file


def _read_directory(file: File, at: int, seen: set[int], depth: int) -> tuple[Directory, int]:
    """Return a directory, and the position of the next."""
    if at in seen or depth > DEEPEST:
        raise DamageError("a directory leads back to itself")
    seen.add(at)
    head, number, pointer = (8, "Q", "Q") if file.big else (2, "H", "I")
    width, room = (20, 8) if file.big else (12, 4)
    count = struct.unpack_from(f"{file.order}{number}", file.data, at)[0]
    directory = Directory(at, {})
    for index in range(count):
        place = at + head + index * width
        code = struct.unpack_from(f"{file.order}H", file.data, place)[0]
        while code in directory.entries:
            code += AGAIN
        directory.entries[code] = _read_entry(file, place, room)
        directory.places[code] = place
    _read_children(file, directory, seen, depth)
    end = at + head + count * width
    if end + room > len(file.data):  # some writers leave the last pointer out
        return directory, 0
    return directory, struct.unpack_from(f"{file.order}{pointer}", file.data, end)[0]


def _read_entry(file: File, place: int, room: int) -> Entry:
    """Return the entry at a position. room: bytes for a value in the entry itself."""
    pointer = "Q" if file.big else "I"
    kind, count = struct.unpack_from(f"{file.order}H{pointer}", file.data, place + 2)
    start = place + 4 + room
    size = count * SIZES.get(kind, 0)
    if size > room:
        start = struct.unpack_from(f"{file.order}{pointer}", file.data, start)[0]
    if kind not in SIZES or start + size > len(file.data):
        return Entry(kind, count, b"", broken=True)
    return Entry(kind, count, bytes(file.data[start : start + size]))


def _read_children(file: File, directory: Directory, seen: set[int], depth: int) -> None:
    """Read the directories to which one points; a broken pointer to metadata leads nowhere."""
    for code in POINTERS:
        entry = directory.entries.get(code)
        if entry is None or entry.broken or entry.kind not in CODES:
            continue
        try:
            directory.children[code] = [
                _read_directory(file, child, seen, depth + 1)[0]
                for child in file.integers(entry)
                if child
            ]
        except (struct.error, DamageError):
            if code == SUBIFDS:
                raise
            entry.broken = True


def segments_of(file: File, directory: Directory) -> tuple[tuple[int, int], list[tuple[int, int]]]:
    """Return the tags of the strips or tiles, and (position, size) of each."""
    tags = TILES if TILES[0] in directory.entries else STRIPS
    if tags[0] not in directory.entries:
        return tags, []
    starts = file.integers(directory.entries[tags[0]])
    if tags[1] in directory.entries:
        return tags, list(zip(starts, file.integers(directory.entries[tags[1]]), strict=True))
    raise DamageError("the sizes of the strips are missing")


def segments_in(file: File, directory: Directory) -> list[memoryview]:
    """Return the strips or tiles of a directory as they are in the file."""
    return [file.data[start : start + size] for start, size in segments_of(file, directory)[1]]


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
