"""Reading of index files: XML without its dangers, text, and numbers that can be none."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from unsmear import plain_files
from unsmear.data.plates.plate import Indexed, Place, listed
from unsmear.errors import DataError, error_text, shown

LARGEST = 2**30
"""Largest index file, bytes; those of whole plates have some hundred million."""
LARGEST_IN_MEMORY = 2**28
"""Largest index file that is read as a whole, bytes."""
CHUNK = 2**18
DEEPEST = 100
"""How deep elements may nest; those of vendors stay below ten."""


class _Records:
    """Collects the wanted elements of an XML file while it is parsed; a target of XMLParser."""

    def __init__(self, file: Path, wanted: frozenset[str]) -> None:
        self.file, self.wanted = file, wanted
        self.found: list[ElementTree.Element] = []
        self._open: list[ElementTree.Element] = []
        self._depth = 0

    def doctype(self, name: str, public: str | None, system: str | None) -> None:
        # Entities stand there, and a few lines of them can fill the memory.
        raise DataError(f"{self.file.name}: an index must have no DOCTYPE, got {shown(name)}.")

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > DEEPEST:
            raise DataError(
                f"{self.file.name}: elements of an index must nest at most {DEEPEST} deep, "
                f"got {self._depth}."
            )
        name = _local(tag)
        if not self._open and name not in self.wanted:
            return
        if attributes:
            attributes = {_local(key): value for key, value in attributes.items()}
        element = ElementTree.Element(name, attributes)
        if self._open:
            self._open[-1].append(element)
        self._open.append(element)

    def data(self, text: str) -> None:
        if self._open:
            self._open[-1].text = (self._open[-1].text or "") + text

    def end(self, tag: str) -> None:
        self._depth -= 1
        if self._open:
            element = self._open.pop()
            if not self._open:
                self.found.append(element)

    def close(self) -> None:
        """Do nothing: what was found has been taken."""


def records(file: Path, *names: str) -> Iterator[ElementTree.Element]:
    """Yield the elements of these names, each with what is in it; namespaces are left out.

    Raises DataError for a file that cannot be read, is no XML, too large, or has a DOCTYPE.
    """
    target = _Records(file, frozenset(names))
    parser = ElementTree.XMLParser(target=target)
    try:
        _check_size(file, LARGEST)
        with file.open("rb") as stream:
            while chunk := stream.read(CHUNK):
                parser.feed(chunk)
                yield from target.found
                target.found.clear()
        parser.close()
        yield from target.found
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(
            f"{file.name}: an index must be well-formed XML, got {error_text(error)}."
        ) from error
    except OSError as error:
        raise _unreadable(file, error) from error


def read_json(file: Path) -> dict[str, Any]:
    """Return an index of JSON; raises DataError for one that cannot be read or is no object."""
    try:
        value = json.loads(read_text(file))
    except (ValueError, RecursionError) as error:
        if isinstance(error, DataError):
            raise
        reason = str(error) or "too deep nesting"
        raise DataError(f"{file.name}: an index must be JSON, got {reason}.") from error
    if not isinstance(value, dict):
        raise DataError(f"{file.name}: an index must be an object, got {type(value).__name__}.")
    return value


def read_text(file: Path) -> str:
    """Return the text of an index file, UTF-8 or UTF-16 by its mark, else Latin 1."""
    try:
        _check_size(file, LARGEST_IN_MEMORY)
        data = file.read_bytes()
    except OSError as error:
        raise _unreadable(file, error) from error
    for encoding in (
        ("utf-16", "utf-8-sig") if data[:2] in (b"\xff\xfe", b"\xfe\xff") else ("utf-8-sig",)
    ):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    return data.decode("latin-1")


def _check_size(file: Path, largest: int) -> None:
    plain_files.check(file)
    size = os.path.getsize(file)
    if size > largest:
        raise DataError(
            f"{file.name}: an index must have at most {largest >> 20} MiB, got {size >> 20} MiB."
        )


def _unreadable(file: Path, error: OSError) -> DataError:
    return DataError(f"{file.name}: the index cannot be read ({error.strerror or error}).")


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


def number(text: object) -> float | None:
    """Return a finite number above 0, None for all else."""
    try:
        value = float(text)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return None
    return value if math.isfinite(value) and value > 0 else None


def whole(text: object) -> int | None:
    """Return a whole number from 0 to a million, None for all else."""
    try:
        value = int(text) if isinstance(text, int) else int(str(text).strip())
    except ValueError:
        return None
    return value if 0 <= value <= 10**6 else None


def child(element: ElementTree.Element, name: str) -> ElementTree.Element:
    """Return a child element, an empty one where there is none."""
    found = element.find(name)
    return ElementTree.Element(name) if found is None else found


def text_of(element: ElementTree.Element, name: str) -> str:
    """Return a child's text without the blanks around it, "" where there is none."""
    return (child(element, name).text or "").strip()


def file_named(folders: Iterable[Path], is_wanted: Mapping[str, int]) -> Path | None:
    """Return the first file of one of these lower-case names, those of the lowest rank first."""
    for folder in folders:
        found = [file for file in files_in(folder) if file.name.lower() in is_wanted]
        if found:
            return min(found, key=lambda file: (is_wanted[file.name.lower()], file.name))
    return None


def files_in(folder: Path) -> list[Path]:
    """Return a folder's files, sorted; none where it cannot be read."""
    try:
        with os.scandir(folder) as entries:
            return sorted(folder / entry.name for entry in entries if entry.is_file())
    except OSError:
        return []


def above(folder: Path) -> Path:
    """Return the folder above one, also of "."."""
    return Path(os.path.abspath(folder)).parent


def base_name(given: str) -> str:
    """Return the last part of a path of any system: what an index names lies beside it."""
    return given.strip().replace("\\", "/").rpartition("/")[2]


def compared(
    index: Path,
    by_name: Mapping[str, Place],
    named: Iterable[Path],
    folders: Iterable[Path],
) -> Indexed:
    """Return the places of the files that an index lists, and where it and the disk differ.

    by_name: places by the names that the index lists. named: images recognised by their names.
    folders: where listed files lie.
    """
    # Copies of a plate can have other cases than its index: Windows makes no difference.
    on_disk = {file.name.lower(): file for folder in folders for file in files_in(folder)}
    places = {
        on_disk[name.lower()]: place for name, place in by_name.items() if name.lower() in on_disk
    }
    missing = sorted(name for name in by_name if name.lower() not in on_disk)
    extra = sorted(file.name for file in named if file not in places)
    problems = []
    if missing:
        problems.append(
            f"{index.name}: the files that it lists must be there, "
            f"got {len(missing)} missing: {listed(missing)}."
        )
    if extra:
        problems.append(
            f"{index.name}: an index must list all images, got {len(extra)} that it lacks: "
            f"{listed(extra)}."
        )
    return Indexed(places, tuple(problems))
