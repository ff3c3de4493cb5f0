"""Which images a TIFF file holds: thumbnails, labels and levels are none of their own."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import tifffile

from unsmear.errors import ImageError
from unsmear.images.logged import quiet
from unsmear.images.tiff import ndtiff, ome_set, positions
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

    Images of one shape, dtype, pixel size and channels are the positions of one image, with the
    axis R first.

    Raises ImageError for a file without an image, and for one of a set that is not whole.
    """
    if not len(file.pages):
        raise ImageError(f"{name}: the TIFF file holds no image.")
    kind = kind_of(file)
    companion = ome_set.with_companion(file, name) if kind == "ome" else ""
    series = _series(file, name, kind)
    if kind in SLIDES:
        return [_whole(series[0], 0)], ("label, macro and thumbnail images",) * (len(series) > 1)
    if kind == "lsm":
        return [_whole(series[0], 0)], ("thumbnails",) * (len(series) > 1)
    placed = ndtiff.read(file)
    if placed is not None:
        return [placed], ()
    full = [number for number, one in enumerate(series) if not _is_small(one)]
    small = ("thumbnails",) * (0 < len(full) < len(series))
    numbers = full or list(range(len(series)))
    stored = [
        part for number in numbers for part in positions.own(file, _whole(series[number], number))
    ]
    if not stored:
        raise ImageError(
            f"{name}: the TIFF file holds no image: its metadata describe those of other files."
        )
    xml = str(file.ome_metadata) if kind == "ome" else ""
    if xml:
        _check_set(file, stored, name)
        stored = [replace(s, xml=companion) for s in positions.numbered(file, stored, xml)]
    if len(stored) > 1 and positions.are_alike(stored, xml, name):
        return [positions.joined(stored)], small
    return stored, small


def _series(file: tifffile.TiffFile, name: str, kind: str) -> list[Any]:
    """Return tifffile's series; raises ImageError where there is none."""
    if kind == "ome":
        ome_set.check(file, name)
    ndtiff.check(file, name)
    positions.check_index(file, name)
    try:
        series = list(file.series)
    except ValueError:  # tifffile needs a file of a set to know how many planes another has
        _refuse_missing(ome_set.missing(file) if kind == "ome" else [], name)
        raise
    if not series:
        raise ImageError(f"{name}: the TIFF file holds no image.")
    return series


def _check_set(file: tifffile.TiffFile, stored: Sequence[Stored], name: str) -> None:
    """Raise ImageError where files of a set are missing, and with them planes of an image."""
    if any(page is None for one in stored for page in one.pages):
        _refuse_missing(ome_set.missing(file), name)


def _refuse_missing(missing: Sequence[str], name: str) -> None:
    if missing:
        raise ImageError(
            f"{name}: every file of its OME-TIFF set must lie beside it, "
            f"got no {', '.join(missing)}."
        )


def _is_small(series: Any) -> bool:
    """Return whether a series is a thumbnail, by the tag that says so."""
    return bool(int(series.keyframe.subfiletype) & 1)


def _whole(series: Any, number: int) -> Stored:
    pages = tuple(series.pages)
    return Stored(series.name, number, series.axes, tuple(series.shape), pages, (series,))


def members(path: Path) -> tuple[str, ...]:
    """Return the names of the files of one image that is spread over several, in order.

    For any other file its own name; so for one position of several.
    """
    try:
        with quiet("tifffile"), tifffile.TiffFile(path) as file:
            if len(names := ndtiff.members(file)) > 1:
                return tuple(names)
            if not file.is_ome or not (
                ome_set.names_in(file) - {path.name} or ome_set.companion_of(file)
            ):
                return (path.name,)
            stored, _ = images(file, path.name)
            pages = [page for one in stored for page in one.pages if page is not None]
            names = list(dict.fromkeys(os.path.basename(p.parent.filehandle.path) for p in pages))
            return tuple(names) if path.name in names else (path.name,)
    # Whatever is wrong with the file, reading it says so.
    except Exception:
        return (path.name,)
