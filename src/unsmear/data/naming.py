"""Names of the images of a source: each unique, and none written over another's result."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import chain, count
from pathlib import Path, PurePosixPath

from unsmear import images
from unsmear.data.discovery import FoundFile, place_of


def distinct(spellings: Sequence[Sequence[str]], endings: Sequence[tuple[str, ...]]) -> list[str]:
    """Return the first unique spelling of each item, or a numbered one."""
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
        free = next(n for n in numbered if taken.isdisjoint(n + ending for ending in of_item))
        taken.update(free + ending for ending in of_item)
        distinct.append(free)
    return distinct


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
