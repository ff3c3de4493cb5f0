"""The images of a Zarr: those of a plate, of a collection, or in groups of any name."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from unsmear import plain_files
from unsmear.errors import ImageError
from unsmear.images.ome_zarr.metadata import (
    DAMAGE,
    WANTED,
    is_array,
    is_zarr,
    ome_of,
    open_group,
    text,
)

if TYPE_CHECKING:
    import zarr

DEEPEST = 5
"""Number of groups in one another that are searched for images."""


def images_in(path: Path, name: str) -> list[PurePosixPath]:
    """Return the path below a Zarr of every image in it, "." for an image itself.

    A well that a plate names and that is missing is returned as if it were an image, so that
    reading it names it while the other wells are read.

    Raises ImageError for a folder that holds none.
    """
    group = open_group(path, name)
    ome = ome_of(group)
    try:
        found = _listed(group, ome, name)
    except DAMAGE as error:
        raise ImageError(f"{name}: its OME-Zarr metadata are damaged ({text(error)}).") from error
    found = found or _searched(path)
    if not found:
        raise ImageError(f"{name}: a folder must be {WANTED}, got a Zarr without them.")
    for place in found:
        if place.is_absolute() or ".." in place.parts:
            raise ImageError(
                f"{name}: the images of a Zarr must lie inside it, got the path {str(place)!r}."
            )
    return found


def _listed(group: zarr.Group, ome: Mapping[str, Any], name: str) -> list[PurePosixPath]:
    """Return the images that the metadata name."""
    if "multiscales" in ome:
        return [PurePosixPath()]
    if "plate" in ome:
        return [
            place
            for well in ome["plate"]["wells"]
            for place in _fields(group, PurePosixPath(str(well["path"])), name)
        ]
    if "well" in ome:
        return [PurePosixPath(str(image["path"])) for image in ome["well"]["images"]]
    if "bioformats2raw.layout" in ome:
        return [PurePosixPath(one) for one in _series(group)]
    return []


def _fields(group: zarr.Group, well: PurePosixPath, name: str) -> list[PurePosixPath]:
    try:
        listed = ome_of(group[str(well)])["well"]["images"]  # type: ignore[arg-type]
        return [well / str(image["path"]) for image in listed]
    except DAMAGE:
        return [well]


def _series(group: zarr.Group) -> list[str]:
    """Return the names of the images of a collection, as Bio-Formats writes it."""
    if "OME" in group:
        listed = ome_of(group["OME"]).get("series")  # type: ignore[arg-type]
        if listed:
            return [str(one) for one in listed]
    found: list[str] = []
    while str(len(found)) in group:
        found.append(str(len(found)))
    return found


def _searched(path: Path) -> list[PurePosixPath]:
    """Return the images in groups of any name, as in SpatialData; labels are none."""
    found = []
    for root, folders, _ in os.walk(path):
        here = Path(root)
        said = attributes(here)
        place = PurePosixPath(here.relative_to(path).as_posix())
        if here != path and "multiscales" in said and "image-label" not in said:
            found.append(place)
            folders.clear()
        elif is_array(here) or len(place.parts) >= DEEPEST:
            folders.clear()
        folders[:] = sorted(n for n in folders if n != "labels" and is_zarr(here / n))
    return found


def attributes(folder: Path) -> Mapping[str, Any]:
    """Return the attributes of OME in a folder, none where they cannot be read."""
    try:
        new = folder / "zarr.json"
        document = plain_files.read_json(new if new.is_file() else folder / ".zattrs")
        document = document.get("attributes", {}) if new.is_file() else document
        inner = document.get("ome", document)
    except DAMAGE:
        return {}
    return inner if isinstance(inner, dict) else {}
