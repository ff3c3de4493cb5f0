"""Positions of the stage: which of them a file holds, and which image of the metadata each is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from xml.etree import ElementTree

import numpy as np
import tifffile

from unsmear.errors import ImageError
from unsmear.images.tiff import ome, ome_set
from unsmear.images.tiff.stored import Stored

POSITION = "R"
"""tifffile's letter for positions of the stage."""


def check_index(file: tifffile.TiffFile, name: str) -> None:
    """Raise ImageError for a Micro-Manager index of far more planes than there can be, before a
    list of them is made.
    """
    index = (file.micromanager_metadata or {}).get("IndexMap") if file.is_micromanager else None
    if index is None or not len(index):
        return
    declared = math.prod(int(last) + 1 for last in np.asarray(index)[:, :4].max(axis=0))
    size = int(file.filehandle.size)
    if declared > ome_set.MOST_PLANES + size // ome_set.LEAST_PAGE:
        raise ImageError(
            f"{name}: its index must be of the planes that it has, got {declared:,} in a file of "
            f"{size:,} bytes."
        )


def own(file: tifffile.TiffFile, stored: Stored) -> list[Stored]:
    """Return an image of which planes lie in the file; of several positions, those that do.

    An image that is spread over several files, one a channel or a plane, is returned as it is.
    """
    mine = np.array([page is not None and is_own(file, page) for page in stored.pages], bool)
    if not mine.any():
        return []
    if mine.all() or POSITION not in stored.axes or stored.series[0].kind == "ndtiff":
        return [stored]
    # Micro-Manager: a file a position, and all of them in the metadata of each.
    place, shape = stored.axes.index(POSITION), _shape_of_pages(stored)
    numbers = np.arange(len(stored.pages)).reshape(shape)
    numbers = np.moveaxis(numbers, place, 0).reshape(shape[place], -1)
    return [
        replace(
            stored,
            number=position,
            axes=stored.axes.replace(POSITION, ""),
            shape=stored.shape[:place] + stored.shape[place + 1 :],
            pages=tuple(stored.pages[page] for page in numbers[position]),
        )
        for position in np.flatnonzero(mine[numbers].any(axis=1)).tolist()
    ]


def _shape_of_pages(stored: Stored) -> tuple[int, ...]:
    """Return the leading dimensions, those over the pages."""
    count = 0
    while int(np.prod(stored.shape[:count])) < len(stored.pages):
        count += 1
    return stored.shape[:count]


def is_own(file: tifffile.TiffFile, page: Any) -> bool:
    """Return whether a page lies in the file."""
    return bool(page.parent is file or page.parent.filehandle.path == file.filehandle.path)


def numbered(file: tifffile.TiffFile, stored: Sequence[Stored], xml: str) -> list[Stored]:
    """Return images with their numbers in OME-XML; tifffile leaves out those of absent files."""
    try:
        described = len(ElementTree.fromstring(xml).findall("{*}Image"))
    except ElementTree.ParseError:  # what reads it says so
        return list(stored)
    if described == len(file.series) > 1:
        return list(stored)
    numbers = ome_set.numbers_in(xml, file) or _in_index(file)
    if described == 1:
        numbers = [0]
    if not numbers or 1 < len(stored) != len(numbers):
        return list(stored)
    return [replace(one, number=number) for one, number in zip(stored, numbers, strict=False)]


def _in_index(file: tifffile.TiffFile) -> list[int]:
    """Return the positions in Micro-Manager's index of a file."""
    index = (file.micromanager_metadata or {}).get("IndexMap")
    return [] if index is None else sorted({int(row[3]) for row in index})


def are_alike(stored: Sequence[Stored], xml: str, name: str) -> bool:
    """Return whether images can be the positions of one: of one kind, with the same metadata."""
    if len({(one.axes, one.shape, one.dtype) for one in stored}) != 1:
        return False
    if not xml or "<" not in xml:
        return True
    return len({ome.parse(xml, name, one.number)[:2] for one in stored}) == 1


def joined(stored: Sequence[Stored]) -> Stored:
    """Return images of one shape as the positions of one."""
    first = stored[0]
    return replace(
        first,
        axes=POSITION + first.axes,
        shape=(len(stored), *first.shape),
        pages=tuple(page for one in stored for page in one.pages),
        series=tuple(series for one in stored for series in one.series),
    )
