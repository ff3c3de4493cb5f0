"""Micro-Manager's NDTiff: each page says in its own metadata where it stands along which axes."""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tifffile

from unsmear import plain_files
from unsmear.errors import ImageError
from unsmear.images.tiff.stored import Stored

METADATA = 51123
"""Number of the tag with Micro-Manager's metadata of a page."""
INDEX = "NDTiff.index"
"""Name of the file beside a data set that says where all its planes lie."""
LETTERS = {"position": "R", "time": "T", "channel": "C", "z": "Z"}
"""tifffile's letters for the axes that NDTiff names; the slowest first."""


def read(file: tifffile.TiffFile) -> Stored | None:
    """Return the image of an NDTiff file, or None for another file, and for one of several.

    None too for axes that are none of ours and for planes that are not there, of which tifffile's
    own reading says what can be said.
    """
    if not _is_ndtiff(file) or len(members(file)) > 1:
        return None
    pages = [page.aspage() for page in file.pages]
    places = [_axes(page) for page in pages]
    names = list(dict.fromkeys(itertools.chain.from_iterable(places)))
    if set(names) - set(LETTERS) or any(set(place) != set(names) for place in places):
        return None
    names = [name for name in LETTERS if name in names]
    values = {name: _in_order([place[name] for place in places]) for name in names}
    by_place = {tuple(place[n] for n in names): p for place, p in zip(places, pages, strict=True)}
    grid = list(itertools.product(*values.values()))
    if len(by_place) != len(pages) or len(grid) != len(pages):
        return None
    series = file.series[0]
    long = [name for name in names if len(values[name]) > 1]
    return Stored(
        name="",
        number=0,
        axes="".join(LETTERS[name] for name in long) + pages[0].axes,
        shape=(*(len(values[name]) for name in long), *pages[0].shape),
        pages=tuple(by_place[place] for place in grid),
        series=(series,),
    )


def channels(file: tifffile.TiffFile, stored: Stored) -> tuple[str, ...]:
    """Return the names of the channels, in order, where each page says the name of its own."""
    if not _is_ndtiff(file):
        return ()
    if stored.series[0].kind == "ndtiff" and stored.is_series:
        return _in_index(file)
    names: list[str] = []
    for page in stored.pages:
        said = _said(page)
        value = _axes(page).get("channel")
        names.append(value if isinstance(value, str) else str(said.get("Channel") or ""))
    found = tuple(dict.fromkeys(names))
    return found if all(found) else ()


def _in_index(file: tifffile.TiffFile) -> tuple[str, ...]:
    """Return the channels that the index names; it may number them instead."""
    index = Path(file.filehandle.dirname) / INDEX
    names = dict.fromkeys(row[0].get("channel") for row in tifffile.read_ndtiff_index(index))
    return tuple(map(str, names)) if all(isinstance(name, str) for name in names) else ()


def members(file: tifffile.TiffFile) -> list[str]:
    """Return the names of the files of a data set, by its index; of one without, its own."""
    own = os.path.basename(file.filehandle.path)
    index = Path(file.filehandle.dirname or ".") / INDEX
    if not _is_ndtiff(file) or not file.filehandle.is_file or not index.is_file():
        return [own]
    names = dict.fromkeys(os.path.basename(row[1]) for row in tifffile.read_ndtiff_index(index))
    return list(names) if own in names else [own]


def check(file: tifffile.TiffFile, name: str) -> None:
    """Raise ImageError where a file of a data set is a pipe or a device: reading may never end."""
    if not _is_ndtiff(file) or not file.filehandle.is_file:
        return
    folder = Path(file.filehandle.dirname or ".")
    for other in (INDEX, *members(file)):
        if plain_files.is_special(folder / other):
            raise ImageError(
                f"{name}: a file of its NDTiff data set must be a file, got a pipe or a device in "
                f"{other}."
            )


def _is_ndtiff(file: tifffile.TiffFile) -> bool:
    return file.is_micromanager and bool(_axes(file.pages.first))


def _said(page: Any) -> dict[str, Any]:
    """Return Micro-Manager's metadata of a page."""
    tag = getattr(page, "tags", {}).get(METADATA)  # a virtual frame has none
    return tag.value if tag is not None and isinstance(tag.value, dict) else {}


def _axes(page: Any) -> dict[str, Any]:
    """Return the place of a page along its axes."""
    axes = _said(page).get("Axes")
    return axes if isinstance(axes, dict) else {}


def _in_order(values: Sequence[Any]) -> list[Any]:
    """Return the distinct values: numbers rising, names as they come."""
    distinct = list(dict.fromkeys(values))
    return sorted(distinct) if all(isinstance(value, int) for value in distinct) else distinct
