"""Plates of the InCell Analyzer: "A - 1(fld 1 wv DAPI - DAPI).tif" and an .xdce index.

The index lists the images and holds the pixel size (micrometres where it names no unit).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from xml.etree.ElementTree import Element

from unsmear.data.plates.index_files import (
    above,
    base_name,
    child,
    compared,
    files_in,
    number,
    records,
    whole,
)
from unsmear.data.plates.plate import (
    ROWS,
    SECONDS,
    Indexed,
    Named,
    Place,
    Vendor,
    in_well,
    micrometres,
)
from unsmear.errors import DataError

IMAGE = re.compile(
    rf"(?:(?P<plate>.*)_)?(?P<row>{ROWS}) ?- ?(?P<column>\d\d?)\(fld (?P<field>\d{{1,4}})"
    r"(?: wv (?P<wave>[^()]*?))?(?: wix (?P<wix>\d{1,2}))?(?: z (?P<z>\d{1,4}))?"
    r"(?: time (?P<time>\d{1,6})(?: - [\d.]+ ?m?s)?)?(?: z (?P<z2>\d{1,4}))?\)\.tiff?",
    re.IGNORECASE,
)
THUMBNAIL = re.compile(r".*thumb.*\.(?:tiff?|jpe?g|png)", re.IGNORECASE)


def _named(file: Path) -> Named | None:
    match = IMAGE.fullmatch(file.name)
    if match is None or not int(match["column"]):
        return None
    z, time = match["z"] or match["z2"] or "1", match["time"] or "1"
    place = replace(
        in_well(match["row"], match["column"]),
        field=max(int(match["field"]) - 1, 0),
        channel=_channel(match["wave"] or ""),
        z=max(int(z) - 1, 0),
        t=max(int(time) - 1, 0),
    )
    return Named(place, match["plate"] or "")


def _channel(wave: str) -> str:
    """Return a channel's name, "DAPI" for "DAPI - DAPI": excitation and emission filter."""
    excitation, _, emission = wave.strip().partition(" - ")
    return excitation if excitation == emission else wave.strip()


def _indexed(root: Path, plate: str, named: Mapping[Path, Place]) -> Indexed | None:
    folders = [*dict.fromkeys([*(file.parent for file in named), root])]
    found = [f for folder in [*folders, above(root)] for f in files_in(folder) if _is_index(f.name)]
    if not found:
        return None
    try:
        by_name = _places(found[0])
    except DataError as error:
        return Indexed({}, (str(error),))
    result = compared(found[0], by_name, named, folders)
    # The names hold the filters of the channels, the index their numbers.
    places = {
        file: replace(place, channel=named[file].channel) if file in named else place
        for file, place in result.places.items()
    }
    return replace(result, places=places)


def _places(index: Path) -> dict[str, Place]:
    """Return the places by the names of the files that an index lists."""
    size: tuple[float, float] | None = None
    places: dict[str, Place] = {}
    for record in records(index, "Image", "ObjectiveCalibration"):
        if record.tag == "ObjectiveCalibration":
            size = size or _pixel_size(record)
        elif name := base_name(record.get("filename", "")):
            places[name] = _place(record)
    if size is None:
        return places
    return {
        name: replace(place, pixel_size=size, pixel_size_from=index.name)
        for name, place in places.items()
    }


def _pixel_size(record: Element) -> tuple[float, float] | None:
    x = number(record.get("pixel_width"))
    return micrometres(number(record.get("pixel_height")) or x, x, record.get("unit") or "um")


def _place(record: Element) -> Place:
    elements = {element.tag: element for element in record.iter()}
    row, column = (
        whole(elements[tag].get("number")) if tag in elements else None for tag in ("Row", "Column")
    )
    identifier = elements.get("Identifier", record)
    field, wave, z, time = (
        whole(identifier.get(f"{key}_index")) or 0 for key in ("field", "wave", "z", "time")
    )
    exposure = child(record, "Exposure")
    seconds, unit = number(exposure.get("time")), exposure.get("unit", "")
    return replace(
        in_well(row, column),
        field=field,
        channel=f"wave {wave}",
        order=wave,
        z=z,
        t=time,
        exposure=seconds * SECONDS[unit] if seconds and unit in SECONDS else None,
    )


def _is_index(name: str) -> bool:
    return name.lower().endswith(".xdce")


VENDOR = Vendor(
    title="InCell",
    named=_named,
    root=lambda folder: folder,
    is_index=_is_index,
    indexed=_indexed,
    is_side=lambda file: THUMBNAIL.fullmatch(file.name) is not None,
    side_endings=(".xdce", ".xaqp", ".xlog"),
)
