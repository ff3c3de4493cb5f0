"""Plates of Yokogawa's CellVoyager: PLATE_B03_T0001F001L01A01Z01C01.tif, MeasurementData.mlf.

MeasurementData.mlf lists the images, MeasurementDetail.mrf holds the pixel size (micrometres), a
.mes file the channels' names and exposures (milliseconds). DC_*.tif and SC_*.tif beside them are
the dark and the shading images of the cameras.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from unsmear.data.plates.index_files import (
    above,
    base_name,
    compared,
    file_named,
    files_in,
    number,
    records,
    whole,
)
from unsmear.data.plates.plate import (
    ROWS,
    Indexed,
    Named,
    Place,
    Vendor,
    in_well,
    micrometres,
)
from unsmear.errors import DataError

IMAGE = re.compile(
    rf"(?:(?P<plate>.*)_)?(?P<row>{ROWS})(?P<column>\d\d?)_T(?P<time>\d{{4}})F(?P<field>\d{{3,4}})"
    r"L\d{2}A\d{2}Z(?P<z>\d{2,4})C(?P<channel>\d{2})\.(?:tiff?|png)",
    re.IGNORECASE,
)
CORRECTION = re.compile(r"(?:DC_.*CAM\d+|SC_.*CH\d+)\.tiff?", re.IGNORECASE)
DATA = {"measurementdata.mlf": 0}
DETAIL = {"measurementdetail.mrf": 0}


def _named(file: Path) -> Named | None:
    match = IMAGE.fullmatch(file.name)
    if match is None or not int(match["column"]):
        return None
    place = replace(
        in_well(match["row"], match["column"]),
        field=max(int(match["field"]) - 1, 0),
        channel=f"C{int(match['channel']):02d}",
        order=int(match["channel"]),
        z=max(int(match["z"]) - 1, 0),
        t=max(int(match["time"]) - 1, 0),
    )
    return Named(place, match["plate"] or "")


def _root(folder: Path) -> Path:
    return folder.parent if folder.name.lower() in ("image", "images") else folder


def _indexed(root: Path, plate: str, named: Mapping[Path, Place]) -> Indexed | None:
    folders = [*dict.fromkeys(file.parent for file in named), root, above(root)]
    found = [file_named(folders, names) for names in (DATA, DETAIL)]
    if not any(found):
        return None
    data, detail = found
    problems: list[str] = []
    result = Indexed(named)
    if data is not None:
        try:
            result = compared(data, _listed(data), named, folders)
        except DataError as error:
            problems.append(str(error))
    sizes, described = _channels(detail, [*folders, data.parent if data else root], problems)
    places = {**named, **result.places} if named else dict(result.places)
    return Indexed(
        {file: _filled(place, sizes, described, detail) for file, place in places.items()},
        (*result.problems, *problems),
    )


def _listed(data: Path) -> dict[str, Place]:
    """Return the places by the names that MeasurementData.mlf lists; errors ("ERR") are none."""
    places = {}
    for record in records(data, "MeasurementRecord"):
        name = base_name(record.text or "")
        row, column = whole(record.get("Row")), whole(record.get("Column"))
        if record.get("Type") != "IMG" or not name or not row or not column:
            continue
        numbers = [whole(record.get(key)) or 1 for key in ("FieldIndex", "ZIndex", "TimePoint")]
        field, z, time = numbers
        places[name] = replace(
            in_well(row, column),
            field=field - 1,
            channel=_number(record.get("Ch")),
            order=whole(record.get("Ch")) or 0,
            z=z - 1,
            t=time - 1,
        )
    return places


Sizes = dict[str, tuple[float, float]]
Described = dict[str, tuple[str, float | None]]


def _channels(
    detail: Path | None, folders: list[Path], problems: list[str]
) -> tuple[Sizes, Described]:
    """Return pixel sizes by channel, and names with exposures in seconds by channel."""
    sizes: Sizes = {}
    described: Described = {}
    settings = next(
        (f for folder in folders for f in files_in(folder) if f.suffix.lower() == ".mes"), None
    )
    try:
        for record in records(detail, "MeasurementChannel") if detail else ():
            y, x = (
                number(record.get(f"{axis}PixelDimension")) for axis in ("Vertical", "Horizontal")
            )
            size = micrometres(y or x, x, "um")
            if size:
                sizes[_number(record.get("Ch"))] = size
        for record in records(settings, "Channel") if settings else ():
            time = number(record.get("ExposureTime"))
            name = (record.get("Target") or record.get("Acquisition") or "").strip()
            described[_number(record.get("Ch"))] = (name, time / 1000 if time else None)
    except DataError as error:
        problems.append(str(error))
    return sizes, described


def _number(channel: str | None) -> str:
    return f"C{whole(channel) or 0:02d}"


def _filled(place: Place, sizes: Sizes, described: Described, detail: Path | None) -> Place:
    name, exposure = described.get(place.channel, ("", None))
    size = sizes.get(place.channel)
    return replace(
        place,
        channel=name or place.channel,
        exposure=exposure,
        pixel_size=size,
        pixel_size_from=detail.name if size and detail else "",
    )


VENDOR = Vendor(
    title="CellVoyager",
    named=_named,
    root=_root,
    is_index=lambda name: name.lower() in DATA,
    indexed=_indexed,
    is_side=lambda file: CORRECTION.fullmatch(file.name) is not None,
    side_endings=(".mlf", ".mrf", ".mes", ".wpi", ".wpp", ".ppf", ".xml"),
)
