"""Acquisitions of Micro-Manager: Pos0/img_000000000_DAPI_000.tif with metadata.txt, and stacks.

metadata.txt (JSON) holds a "FrameKey-t-c-z" (version 1.4) or a "Metadata-Default/img_...tif"
(version 2) for each image. Positions of the plate plugin are called "B2-Site_0". Stacks
(*_MMStack_*.ome.tif, NDTiffStack.tif) hold their own metadata, and have files beside them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from unsmear.data.plates.index_files import base_name, compared, number, read_json, whole
from unsmear.data.plates.plate import (
    ROWS,
    Indexed,
    Named,
    Place,
    Vendor,
    in_order,
    in_well,
    micrometres,
)
from unsmear.errors import DataError

OLD = re.compile(r"img_(?P<time>\d{9})_(?P<channel>.*)_(?P<z>\d{3,})\.tiff?", re.IGNORECASE)
NEW = re.compile(
    r"img_channel(?P<channel>\d{3,6})_position(?P<position>\d{3,6})_time(?P<time>\d{9})"
    r"_z(?P<z>\d{3,6})\.tiff?",
    re.IGNORECASE,
)
STACK = re.compile(r"(?:.*_)?(?:MMStack|NDTiffStack)(?:_.*)?(?:\.ome)?\.tiff?", re.IGNORECASE)
POSITION = re.compile(r"Pos\w*|Default|\d+-Pos.*|.*Site_\d+", re.IGNORECASE)
SITE = re.compile(rf"(?P<row>{ROWS})(?P<column>\d\d?)-Site_(?P<site>\d{{1,5}})", re.IGNORECASE)
FRAME = re.compile(r"FrameKey-|Metadata-")


def _named(file: Path) -> Named | None:
    where = _where(file.parent.name)
    if match := NEW.fullmatch(file.name):
        place = replace(
            where, channel=f"channel{int(match['channel'])}", order=int(match["channel"])
        )
    elif match := OLD.fullmatch(file.name):
        place = replace(where, channel=match["channel"])
    elif STACK.fullmatch(file.name):
        # The time points and channels are inside.
        return Named(Place())
    else:
        return None
    return Named(replace(place, t=int(match["time"]), z=int(match["z"]) % 10**6))


def _where(position: str) -> Place:
    match = SITE.fullmatch(position)
    if match is None or not int(match["column"]):
        return Place()
    return replace(in_well(match["row"], match["column"]), field=int(match["site"]))


def _root(folder: Path) -> Path:
    return folder.parent if POSITION.fullmatch(folder.name) else folder


def _indexed(root: Path, plate: str, named: Mapping[Path, Place]) -> Indexed | None:
    planes = {file: place for file, place in named.items() if not STACK.fullmatch(file.name)}
    places, problems, found = dict(named), list[str](), False
    folders = sorted({file.parent for file in planes}, key=lambda folder: in_order(folder.name))
    for position, folder in enumerate(folders):
        here = {
            file: place if place.well else replace(place, field=position)
            for file, place in planes.items()
            if file.parent == folder
        }
        places |= here
        index = folder / "metadata.txt"
        if index.is_file():
            found = True
            try:
                result = compared(index, _listed(index, here), here, [folder])
            except DataError as error:
                problems.append(f"{folder.name}/{error}")
            else:
                places |= result.places
                problems += [f"{folder.name}/{problem}" for problem in result.problems]
    return Indexed(places, tuple(problems), found) if found or places != named else None


def _listed(index: Path, named: Mapping[Path, Place]) -> dict[str, Place]:
    """Return the places by the names of the files that metadata.txt lists."""
    content = read_json(index)
    summary = content.get("Summary")
    summary = summary if isinstance(summary, dict) else {}
    by_name = {file.name.lower(): place for file, place in named.items()}
    places = {}
    for key, frame in content.items():
        if not FRAME.match(key) or not isinstance(frame, dict):
            continue
        name = base_name(str(frame.get("FileName") or key.partition("-")[2]))
        start = by_name.get(name.lower(), Place())
        places[name] = _place(frame, summary, start, index.name)
    return places


def _place(frame: dict[str, Any], summary: dict[str, Any], start: Place, index: str) -> Place:
    """Return a file's place by its name, with what its frame says."""
    x = number(frame.get("PixelSizeUm")) or number(summary.get("PixelSize_um"))
    size = micrometres(x, x, "um")
    time = number(frame.get("Exposure-ms"))
    return replace(
        start,
        channel=_channel(frame, summary) or start.channel,
        order=whole(frame.get("ChannelIndex")) or start.order,
        pixel_size=size,
        pixel_size_from=index if size else "",
        exposure=time / 1000 if time else None,
    )


def _channel(frame: dict[str, Any], summary: dict[str, Any]) -> str:
    name, names = frame.get("Channel"), summary.get("ChNames")
    number_ = whole(frame.get("ChannelIndex"))
    if isinstance(name, str) and name:
        return name
    if isinstance(names, list) and number_ is not None and number_ < len(names):
        return str(names[number_])
    return ""


VENDOR = Vendor(
    title="Micro-Manager",
    named=_named,
    root=_root,
    is_index=lambda name: False,
    indexed=_indexed,
    side_endings=(
        "metadata.txt",
        "display_settings.txt",
        "comments.txt",
        "acqusition.xml",
        "ndtiff.index",
    ),
)
