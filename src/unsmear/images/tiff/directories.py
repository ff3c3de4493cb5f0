"""Directories (IFDs) of a TIFF file.

TIFF 6.0 and BigTIFF, of both byte orders. tifffile reads pixels and metadata; it cannot copy a file
with all that it holds, so this module treats tags as bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
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
