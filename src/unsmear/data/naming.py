"""Names of the images of a source: each unique, and none written over another's result."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import chain, count
from pathlib import Path, PurePosixPath

from unsmear import images
from unsmear.data.discovery import FoundFile, place_of

WINDOWS = os.name == "nt"
FORBIDDEN = re.compile(r'[\x00-\x1f<>:"|?*\\]')
"""Characters that names have nowhere on Windows."""
DEVICE = re.compile(r"(CON|PRN|AUX|NUL|COM[0-9]|LPT[0-9])\s*(\.|$)", re.IGNORECASE)
"""Beginning of the names of devices there, whatever their ending."""


def distinct(spellings: Sequence[Sequence[str]], endings: Sequence[tuple[str, ...]]) -> list[str]:
    """Return the first unique spelling of each item, or a numbered one.

    Names that differ by capitals alone are numbered too: many disks take them for the same.
    """
    names = spellings[0]
    for others in spellings[1:]:
        counts = Counter(
            name + ending
            for name, of_item in zip(names, endings, strict=True)
            for ending in of_item
        )
        names = [
            other if any(counts[name + ending] > 1 for ending in of_item) else name
            for name, other, of_item in zip(names, others, endings, strict=True)
        ]
    taken: set[str] = set()
    distinct = []
    for name, of_item in zip(names, endings, strict=True):
        numbered = chain([name], (f"{name}_{number}" for number in count(2)))
        free = next(n for n in numbered if taken.isdisjoint(_files(n, of_item)))
        taken.update(_files(free, of_item))
        distinct.append(free)
    return distinct


def _files(name: str, endings: tuple[str, ...]) -> set[str]:
    return {(name + ending).casefold() for ending in endings}


def for_windows(name: str) -> str:
    """Return a path below a folder as Windows takes it; a zip file may have any other.

    Characters that it forbids become "_": after a colon it would write into a hidden stream.
    """
    parts = [FORBIDDEN.sub("_", part).rstrip(". ") or "_" for part in PurePosixPath(name).parts]
    return "/".join(f"_{part}" if DEVICE.match(part) else part for part in parts)


def written_endings(siblings: Mapping[str, FoundFile]) -> tuple[str, ...]:
    """Return the endings of the output files of an image, which follow the stem."""
    return tuple(
        f"{colour and '_'}{colour}{images.written_ending(entry.file)}"
        for colour, entry in siblings.items()
    )


def placed(names: Sequence[str], entries: Sequence[FoundFile]) -> list[str]:
    """Return names relative to the folder or zip file of each search."""
    return [str(PurePosixPath(_folder(e), name)) for name, e in zip(names, entries, strict=True)]


def _folder(entry: FoundFile) -> str:
    above = Path(place_of(entry.file)).parents[len(entry.below.parts) - 1]
    return above.stem if above.suffix.lower() == ".zip" else above.name
