"""Which images a TIFF file holds: thumbnails, labels and levels are none of their own."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from unsmear.errors import ImageError
from unsmear.images.logged import quiet
from unsmear.images.tiff import ome_set
from unsmear.images.tiff.stored import Stored

SLIDES = ("svs", "ndpi", "scn", "bif", "philips", "qpi", "ventana")
"""Kinds of slide scanners' files, whose first image is the slide."""
VENDOR = ("lsm", "stk", *SLIDES)
"""Kinds of files that are read and not written: their results are OME-TIFFs."""


def kind_of(file: tifffile.TiffFile) -> str:
    """Return whose metadata a file has: of a vendor's format, ome, imagej, metaseries, shaped, or
    plain for all others.
    """
    for kind in (*VENDOR, "ome", "imagej", "metaseries", "shaped"):
        if getattr(file, f"is_{kind}", False):
            return kind
    return "plain"


def images(file: tifffile.TiffFile, name: str) -> tuple[list[Stored], tuple[str, ...]]:
    """Return the images of a file, and what it holds that is no image of its own, in words.

    Images of one shape and dtype are the positions of one image, with the axis R first.

    Raises ImageError for a file without an image.
    """
    if not len(file.pages) or not file.series:
        raise ImageError(f"{name}: the TIFF file holds no image.")
    series = list(file.series)
    kind = kind_of(file)
    if kind == "ome" and ome_set.companion_of(file):
        return [ome_set.read(file, name)], ()
    if kind in SLIDES:
        return [_whole(series[0], 0)], ("label, macro and thumbnail images",) * (len(series) > 1)
    if kind == "lsm":
        return [_whole(series[0], 0)], ("thumbnails",) * (len(series) > 1)
    full = [number for number, one in enumerate(series) if not _is_small(one)]
    small = ("thumbnails",) * (0 < len(full) < len(series))
    numbers = full or list(range(len(series)))
    stored = [part for number in numbers for part in _own(file, series[number], number, kind)]
    if not stored:
        raise ImageError(
            f"{name}: the TIFF file holds no image: its metadata describe those of other files."
        )
    if len(stored) > 1 and len({(s.axes, s.shape, s.dtype) for s in stored}) == 1:
        return [_joined(stored)], small
    return stored, small


def _is_small(series: Any) -> bool:
    """Return whether a series is a thumbnail, by the tag that says so."""
    return bool(int(series.keyframe.subfiletype) & 1)


def _whole(series: Any, number: int) -> Stored:
    pages = tuple(series.pages)
    return Stored(series.name, number, series.axes, tuple(series.shape), pages, (series,))


def _own(file: tifffile.TiffFile, series: Any, number: int, kind: str) -> list[Stored]:
    """Return a series, where any of its planes lies in this file; of positions, those that do."""
    stored = _whole(series, number)
    own = [page is None or _is_own(file, page) for page in stored.pages]
    if kind != "ome" or all(own) or not any(own):
        return [stored] if any(own) else []
    if stored.axes[0] != "R":
        return [stored]  # a set of files, one a channel or a plane
    # Micro-Manager: a file a position, and all of them in the metadata of each.
    positions = np.array(own).reshape(stored.shape[0], -1).all(axis=1)
    pages = np.array(stored.pages, dtype=object).reshape(stored.shape[0], -1)
    return [
        replace(
            stored,
            number=int(position),
            axes=stored.axes[1:],
            shape=stored.shape[1:],
            pages=tuple(pages[position]),
        )
        for position in np.flatnonzero(positions)
    ]


def _is_own(file: tifffile.TiffFile, page: Any) -> bool:
    return page.parent is file or page.parent.filehandle.path == file.filehandle.path


def _joined(stored: Sequence[Stored]) -> Stored:
    """Return images of one shape as the positions of one."""
    first = stored[0]
    return replace(
        first,
        axes="R" + first.axes,
        shape=(len(stored), *first.shape),
        pages=tuple(page for one in stored for page in one.pages),
        series=tuple(series for one in stored for series in one.series),
    )


def members(path: Path) -> tuple[str, ...]:
    """Return the names of the files of one image that is spread over several, in order.

    For any other file its own name; so for one position of several.
    """
    try:
        with quiet("tifffile"), tifffile.TiffFile(path) as file:
            if not file.is_ome or not (
                ome_set.names_in(file) - {path.name} or ome_set.companion_of(file)
            ):
                return (path.name,)
            stored, _ = images(file, path.name)
            pages = [page for one in stored for page in one.pages if page is not None]
            names = dict.fromkeys(os.path.basename(page.parent.filehandle.path) for page in pages)
            return tuple(names) if path.name in names else (path.name,)
    # Whatever is wrong with the file, reading it says so.
    except Exception:
        return (path.name,)
