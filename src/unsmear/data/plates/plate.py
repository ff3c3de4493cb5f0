"""What is known of a plate: its image files, the place of each, and the files beside them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from unsmear.images import units

SECONDS = {"us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0}
"""Times of units in index files, seconds."""
ROWS = "(?:A[A-F]|[A-P])"
"""Names of the rows of plates up to 1,536 wells, a pattern."""
FEW = 3
"""How many files a sentence names before it counts the others."""


@dataclass(frozen=True)
class Place:
    """Where on the plate, and as what, an image was recorded.

    well: "B02"; "" where the files have no wells. row, column: "B" and "2".
    field: number of the field (site, position) in the well, from 0.
    channel: its name, or the vendor's number ("w1") where none is said; "" where neither is.
    z, t: numbers of the slice and the time point, from 0 as a rule; only their order counts.
    pixel_size: (y, x) in micrometres, as the index says. pixel_size_from: the index file's name.
    exposure: seconds.
    projection: whether the file is a projection of the slices that lie beside it.
    order: the vendor's number of the channel, by which channels are sorted.
    """

    well: str = ""
    row: str = ""
    column: str = ""
    field: int = 0
    channel: str = ""
    z: int = 0
    t: int = 0
    pixel_size: tuple[float, float] | None = None
    pixel_size_from: str = ""
    exposure: float | None = None
    projection: bool = False
    order: int = 0


@dataclass(frozen=True)
class Plate:
    """A plate as its microscope's program left it.

    vendor: whose layout it is, "ImageXpress". name: of the plate, "" where the names hold none.
    root: the folder that holds all of it.
    fields: the place of each image file.
    side_files: files that are no image of the plate; the vendor's program needs them.
    problems: sentences on what its index and its files do not agree on.
    """

    vendor: str
    root: Path
    fields: Mapping[Path, Place]
    side_files: tuple[Path, ...] = ()
    name: str = ""
    problems: tuple[str, ...] = ()

    @property
    def channels(self) -> tuple[str, ...]:
        """The names of its channels, in order; two of one name get the vendor's numbers too."""
        keys = self.channel_keys
        names = [name for _, name in keys]
        return tuple(f"{name} {order}" if names.count(name) > 1 else name for order, name in keys)

    @property
    def channel_keys(self) -> list[tuple[int, str]]:
        """(number, name) of each channel, in order."""
        keys = {(place.order, place.channel) for place in self.fields.values()}
        return sorted(keys, key=lambda key: (key[0], in_order(key[1])))


@dataclass(frozen=True)
class Indexed:
    """What an index says: the place of each file, and what is wrong with it.

    has_file: whether there is an index file at all, so that the folder is the plate's own.
    """

    places: Mapping[Path, Place]
    problems: tuple[str, ...] = ()
    has_file: bool = True


@dataclass(frozen=True)
class Named:
    """What a file's name says. sure: whether no other program gives such names."""

    place: Place
    plate: str = ""
    sure: bool = True


@dataclass(frozen=True)
class Vendor:
    """A vendor's layout of folders, names and index files.

    title: the vendor's name in sentences.
    named: (an image file) to what its name says, or None.
    root: (the folder of an image or of an index) to the plate's root.
    is_index: (a file's name) to whether it may be an index that lists images.
    indexed: (the root, the plate's name, places by name) to what the index says, or None.
    is_side: (a file) to whether a file with an image's ending is no image of the plate.
    side_endings: endings of the vendor's own files, lower case.
    """

    title: str
    named: Callable[[Path], Named | None]
    root: Callable[[Path], Path]
    is_index: Callable[[str], bool]
    indexed: Callable[[Path, str, Mapping[Path, Place]], Indexed | None]
    is_side: Callable[[Path], bool] = lambda file: False
    side_endings: tuple[str, ...] = ()


def in_order(name: str) -> tuple[object, ...]:
    """Return a key that sorts "w10" behind "w2"."""
    digits = name.lstrip("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
    prefix = name[: len(name) - len(digits)]
    return (prefix, int(digits) if digits.isdecimal() and len(digits) < 9 else -1, name)


def in_well(row: str | int | None, column: str | int | None) -> Place:
    """Return a place in a well, in none where its row or column is 0 or not known.

    row: its letter, or its number from 1. column: its number from 1.
    """
    if not row or not column or int(column) == 0:
        return Place()
    letters = row_letters(row) if isinstance(row, int) else row.upper()
    return Place(f"{letters}{int(column):02d}", letters, str(int(column)))


def row_letters(number: int) -> str:
    """Return the name of a row by its number from 1: A to Z, AA to AZ, ..."""
    letters = ""
    while number > 0:
        number, letter = divmod(number - 1, 26)
        letters = chr(ord("A") + letter) + letters
    return letters


def micrometres(y: float | None, x: float | None, unit: str) -> tuple[float, float] | None:
    """Return a pixel size (y, x) in micrometres, None where a microscope cannot have it."""
    factor = units.micrometres(unit)
    if y is None or x is None or factor is None:
        return None
    size = (y * factor, x * factor)
    return size if is_plausible(size) else None


def is_plausible(size: tuple[float, float] | None) -> bool:
    """Return whether a pixel size (y, x), micrometres, can be a microscope's."""
    return size is not None and not units.doubt(size, "index")


def listed(names: list[str]) -> str:
    """Return names as text, of many the first and how many more there are."""
    more = len(names) - FEW
    return ", ".join(names[:FEW]) + (f" and {more} more" if more > 0 else "")
