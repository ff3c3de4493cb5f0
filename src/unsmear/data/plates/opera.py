"""Plates of Harmony (Operetta, Opera Phenix): Images/r01c01f01p01-ch1sk1fk1fl1.tiff, Index.xml.

The index lists every image with its place. In version 6 what a channel shares (its name, the
pixel size) stands once, in an <Entry ChannelID="1">. Older names (003005-1-001001001.tif) are
known from the index alone.
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
    file_named,
    number,
    records,
    text_of,
    whole,
)
from unsmear.data.plates.plate import (
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
    r"r(?P<row>\d{2})c(?P<column>\d{2})f(?P<field>\d{2,4})p(?P<plane>\d{2,4})"
    r"-ch(?P<channel>\d{1,2})(?:sk(?P<time>\d{1,5})fk\d+fl\d+|t(?P<frame>\d{1,5}))\.tiff?",
    re.IGNORECASE,
)
INDEX = {"index.xml": 0, "index.idx.xml": 1, "index.ref.xml": 2}
"""Names of index files, those that are asked first at 0."""
LENGTH = ("ImageResolutionY", "ImageResolutionX")


def _named(file: Path) -> Named | None:
    match = IMAGE.fullmatch(file.name)
    if match is None or not int(match["row"]) or not int(match["column"]):
        return None
    place = replace(
        in_well(int(match["row"]), match["column"]),
        field=max(int(match["field"]) - 1, 0),
        channel=f"ch{int(match['channel'])}",
        order=int(match["channel"]),
        z=max(int(match["plane"]) - 1, 0),
        t=max(int(match["time"]) - 1, 0) if match["time"] else int(match["frame"]),
    )
    return Named(place)


def _root(folder: Path) -> Path:
    return folder.parent if folder.name.lower() == "images" else folder


def _indexed(root: Path, plate: str, named: Mapping[Path, Place]) -> Indexed | None:
    folders = [root / "Images", root / "images", root]
    index = file_named(folders + ([above(root)] if named else []), INDEX)
    if index is None:
        return None
    try:
        by_name = _places(index)
    except DataError as error:
        return Indexed({}, (str(error),))
    return compared(index, by_name, named, [*{file.parent for file in named}, *folders])


def _places(index: Path) -> dict[str, Place]:
    """Return the places by the names of the files that an index lists."""
    shared: dict[str, Place] = {}
    listed: dict[str, tuple[str, Place]] = {}
    for record in records(index, "Image", "Entry"):
        if record.tag == "Entry":
            channel = record.get("ChannelID", "")
            shared[channel] = _described(record, shared.get(channel, Place()), index)
        elif name := base_name(text_of(record, "URL")):
            listed[name] = (text_of(record, "ChannelID"), _place(record, index))
    return {name: _filled(place, shared.get(key, Place())) for name, (key, place) in listed.items()}


def _place(record: Element, index: Path) -> Place:
    row, column = whole(text_of(record, "Row")), whole(text_of(record, "Col"))
    numbers = [whole(text_of(record, name)) for name in ("FieldID", "PlaneID", "TimepointID")]
    field, plane, time = (0 if value is None else value for value in numbers)
    place = replace(
        in_well(row, column),
        field=max(field - 1, 0),
        z=max(plane - 1, 0),
        t=time,
        order=whole(text_of(record, "ChannelID")) or 0,
    )
    channel = text_of(record, "ChannelID")
    return replace(_described(record, place, index), channel=_channel(record, channel))


def _channel(record: Element, channel: str) -> str:
    return text_of(record, "ChannelName") or (f"ch{channel}" if channel else "")


def _described(record: Element, place: Place, index: Path) -> Place:
    """Return a place with the channel, the pixel size and the exposure that a record says."""
    size = place.pixel_size or _pixel_size(record)
    unit = child(record, "ExposureTime").get("Unit", "")
    time = number(text_of(record, "ExposureTime"))
    seconds = time * SECONDS[unit] if time and unit in SECONDS else None
    return replace(
        place,
        channel=text_of(record, "ChannelName") or place.channel,
        pixel_size=size,
        pixel_size_from=index.name if size else "",
        exposure=seconds or place.exposure,
    )


def _pixel_size(record: Element) -> tuple[float, float] | None:
    y, x = (number(text_of(record, name)) for name in LENGTH)
    units = {child(record, name).get("Unit", "") for name in LENGTH}
    return micrometres(y, x, units.pop()) if len(units) == 1 else None


def _filled(place: Place, shared: Place) -> Place:
    """Return a place with what its channel's entry says and its own record does not."""
    size = place.pixel_size or shared.pixel_size
    return replace(
        place,
        channel=shared.channel or place.channel,
        pixel_size=size,
        pixel_size_from=place.pixel_size_from or shared.pixel_size_from,
        exposure=place.exposure or shared.exposure,
    )


VENDOR = Vendor(
    title="Opera/Operetta",
    named=_named,
    root=_root,
    is_index=lambda name: name.lower() in INDEX,
    indexed=_indexed,
    side_endings=(".kw.txt", ".xml"),
)
