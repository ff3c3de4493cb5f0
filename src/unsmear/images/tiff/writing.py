"""Writing of TIFF files: the file that was read with other pixels, or a new one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from unsmear.atomic import Parts, Pieces
from unsmear.images.image import Image
from unsmear.images.tiff import contents, directories, editing, new, ome, records
from unsmear.images.tiff.directories import RATIONAL, SHORT, File
from unsmear.images.tiff.reading import opened, stamp
from unsmear.images.tiff.segments import ZSTD
from unsmear.images.tiff.stored import Stored

X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT = 282, 283, 296
NO_UNIT, CENTIMETRE = 1, 3
OF_MICROMANAGER = "Micro-Manager's index and summary"


def write(image: Image, done: str = "", name: str = "") -> Parts:
    """Return a TIFF in pieces: the file that was read with other pixels, or a new one.

    done: the processing record, which joins the description. name: that of the file.
    """
    carried: Mapping[str, Any] = image.metadata.get("tiff", {})
    edited = _edited(image, carried, done, name) if can_edit(image, carried) else None
    if edited is not None:
        return edited
    if "imagej" in carried and new.fits_imagej(image):
        return new.write(image, carried, new.imagej_options(image, carried, done))
    if ("ome" in carried or carried.get("kind") in contents.VENDOR) and new.fits_ome(image):
        return new.write_ome(image, carried, done)
    return new.write(image, carried, new.plain_options(image, carried, done))


def write_ome(image: Image, done: str = "", name: str = "") -> Parts:
    """Return an OME-TIFF; a TIFF that was read under such a name stays of its kind."""
    carried: Mapping[str, Any] = image.metadata.get("tiff", {})
    if not new.stays(carried) and new.fits_ome(image):
        return new.write_ome(image, carried, done)
    return write(image, done, name)


def remark(image: Image) -> str:
    """Return what a user should know of the TIFF that an image becomes, or ""."""
    carried: Mapping[str, Any] = image.metadata.get("tiff", {})
    remarks = []
    if carried.get("compression") == ZSTD:
        remarks.append("Zstandard, which ImageJ and Viv cannot open")
    if "S" in image.axes and image.pixels.dtype.kind == "f":
        remarks.append("colours of floats, which ImageJ and Pillow cannot open")
    return "; ".join(remarks)


def says_more(image: Image) -> bool:
    """Return whether the TIFF that an image was read from says more than an Image does."""
    kind = image.metadata.get("tiff", {}).get("kind")
    return kind in ("ome", "imagej", "metaseries")


def _edited(image: Image, carried: Mapping[str, Any], done: str, name: str) -> Parts | None:
    """Return the file that was read with other pixels; None where that cannot be."""
    source: Path | bytes = carried["file"]
    if stamp(source) is None or stamp(source) != carried["stamp"]:  # gone, or another file by now
        return None
    # Mapped, so that what stays the same is not read before it is written.
    data: Any = source if isinstance(source, bytes) else np.memmap(source, mode="r")
    with opened(source, image.name) as file:
        stored = contents.images(file, image.name)[0][carried["scene"]]
        try:
            parsed = directories.read(memoryview(data))
            tags = tags_of(parsed, stored, image, done, name)
            pieces = editing.with_pixels(parsed, stored, image.pixels, tags)
        except ValueError:  # tags that only tifffile can make sense of
            return None
        if pieces is None:
            return None
        # Micro-Manager's own data stand outside all directories, and say where pixels lie.
        moved = (image.pixels.shape, image.pixels.dtype) != (carried["shape"], carried["dtype"])
        return Pieces(pieces, (OF_MICROMANAGER,) if moved and file.is_micromanager else ())


def tags_of(parsed: File, stored: Stored, image: Image, done: str, name: str) -> records.Tags:
    """Return the tags that change where the file that was read gets other pixels.

    parsed, stored: that file. image: with the pixels. done: the record. name: of the result.
    """
    carried = image.metadata["tiff"]
    changes = _changes(image, carried, stored, name)
    tags = records.tags(parsed, carried["kind"], done, changes)
    given = changes.pixel_size is not None
    if given and carried["kind"] == "imagej":
        tags |= _fractions(parsed, [1 / size for size in image.pixel_size or ()], NO_UNIT)
    elif given or carried["kind"] == "ome":
        tags |= _resolution_tags(parsed, image, given)
    return tags


def can_edit(image: Image, carried: Mapping[str, Any]) -> bool:
    """Return whether the metadata of the file that was read can be those of the image."""
    if not carried.get("editable") or image.channels != carried["channels"]:
        return False
    if image.axes != carried["axes"]:
        return False
    if image.pixel_size == carried["pixel_size"]:
        return True
    # A pixel size that was given is put where the file's own stands.
    return image.pixel_size is not None and (
        carried["kind"] in ("ome", "imagej", "metaseries", "shaped")
        or carried["pixel_size"] is None
        or carried["size_from"].startswith("resolution tags")
    )


def _changes(image: Image, carried: Mapping[str, Any], stored: Stored, name: str) -> ome.Changes:
    """Return what an image has other than the one in its file."""
    attributes: dict[str, str | None] = {}
    for axis in "XY":
        side = image.pixels.shape[stored.axes.index(axis)]
        if side != stored.shape[stored.axes.index(axis)]:
            attributes[f"Size{axis}"] = str(side)
    if image.pixels.dtype != stored.dtype:
        attributes |= {"Type": new.OME_TYPES.get(str(image.pixels.dtype)), "SignificantBits": None}
    size = None if image.pixel_size == carried["pixel_size"] else image.pixel_size
    names = (carried["name"], name or carried["name"])
    axes = image.axes if image.axes != stored.axes else ""
    return ome.Changes(stored.number, image.pixels.shape, attributes, size, names, axes)


def _resolution_tags(file: File, image: Image, given: bool) -> records.Tags:
    """Return resolution tags for a file without them: many programs read nothing else.

    given: whether the pixel size is another than that of the file.
    """
    first = file.chain[0].entries
    unit = file.integers(first[RESOLUTION_UNIT])[0] if RESOLUTION_UNIT in first else 2
    there = X_RESOLUTION in first and unit != 1
    if image.pixel_size is None or (there and not given):
        return {}
    return _fractions(file, [1e4 / size for size in image.pixel_size], CENTIMETRE)


def _fractions(file: File, per_unit: Sequence[float], unit: int) -> records.Tags:
    """Return resolution tags. per_unit: pixels (y, x) of a unit, whose number is given."""
    y, x = (np.array(_fraction(value), f"{file.order}u4").tobytes() for value in per_unit)
    return {
        X_RESOLUTION: (RATIONAL, x),
        Y_RESOLUTION: (RATIONAL, y),
        RESOLUTION_UNIT: (SHORT, [unit]),
    }


def _fraction(value: float) -> tuple[int, int]:
    """Return a number as the fraction of two integers of 32 bits."""
    bottom = 1
    while bottom < 10**6 and value * bottom * 10 < 2**32 and value * bottom % 1:
        bottom *= 10
    return min(round(value * bottom), 2**32 - 1), bottom
