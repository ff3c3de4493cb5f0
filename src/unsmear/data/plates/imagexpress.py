"""Plates of MetaXpress (ImageXpress): PLATE_B02_s1_w1[GUID].TIF, TimePoint_N/, ZStep_N/, .HTD.

The .HTD file names the channels ("WaveName1"); the pixel size stands in each image (MetaSeries).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from unsmear.data.plates.index_files import above, files_in, read_text
from unsmear.data.plates.plate import ROWS, Indexed, Named, Place, Vendor, in_well
from unsmear.errors import DataError

GUID = r"[\[{]?[0-9A-F]{8}-(?:[0-9A-F]{4}-){3}[0-9A-F]{12}[\]}]?"
IMAGE = re.compile(
    rf"(?:(?P<plate>.*)_)?(?P<row>{ROWS})(?P<column>\d\d?)(?:_s(?P<site>\d{{1,4}}))?"
    rf"(?:_w(?P<wave>\d{{1,2}}))?(?:_z(?P<z>\d{{1,4}}))?(?:{GUID})?\.tiff?",
    re.IGNORECASE,
)
THUMBNAIL = re.compile(rf".*_thumb(?:{GUID})?\.(?:tiff?|jpe?g|png)", re.IGNORECASE)
TIME = re.compile(r"TimePoint_(\d{1,6})", re.IGNORECASE)
STEP = re.compile(r"ZStep_(\d{1,6})", re.IGNORECASE)
WAVE_NAME = re.compile(r'^\s*"WaveName(\d{1,2})"\s*,\s*"([^"\r\n]*)"', re.MULTILINE)


def _named(file: Path) -> Named | None:
    match = IMAGE.fullmatch(file.name)
    if match is None or int(match["column"]) == 0:
        return None
    folders = [file.parent.name, file.parent.parent.name]
    step = next((int(m[1]) for folder in folders if (m := STEP.fullmatch(folder))), None)
    time = next((int(m[1]) for folder in folders if (m := TIME.fullmatch(folder))), 1)
    z = step if step is not None else int(match["z"] or 1)
    place = replace(
        in_well(match["row"], match["column"]),
        field=max(int(match["site"] or 1) - 1, 0),
        channel=f"w{int(match['wave'])}" if match["wave"] else "",
        order=int(match["wave"] or 1),
        z=max(z - 1, 0),
        t=max(time - 1, 0),
        projection=step == 0,
    )
    return Named(place, match["plate"] or "", bool(match["site"] or match["wave"]))


def _root(folder: Path) -> Path:
    for pattern in (STEP, TIME):
        if pattern.fullmatch(folder.name):
            folder = folder.parent
    return folder


def _indexed(root: Path, plate: str, named: Mapping[Path, Place]) -> Indexed | None:
    places = _with_projections(named)
    index = _index(root, plate)
    if index is None:
        return Indexed(places, has_file=False) if places != named else None
    try:
        names = {int(wave): name.strip() for wave, name in WAVE_NAME.findall(read_text(index))}
    except DataError as error:
        return Indexed(places, (str(error),))
    return Indexed(
        {
            file: replace(place, channel=names.get(place.order) or place.channel)
            for file, place in places.items()
        }
    )


def _with_projections(named: Mapping[Path, Place]) -> dict[Path, Place]:
    """Mark what lies outside the ZStep folders of a plate that has some: it is a projection."""
    if not any(STEP.fullmatch(file.parent.name) for file in named):
        return dict(named)
    return {
        file: place if STEP.fullmatch(file.parent.name) else replace(place, projection=True)
        for file, place in named.items()
    }


def _index(root: Path, plate: str) -> Path | None:
    """Return the plate's .HTD file: of its name, or the only one in its folder."""
    beside = [file for file in files_in(root) if file.suffix.lower() == ".htd"]
    higher = [file for file in files_in(above(root)) if file.suffix.lower() == ".htd"]
    for file in (*beside, *higher):
        if plate and file.stem.lower() == plate.lower():
            return file
    return beside[0] if len(beside) == 1 else None


VENDOR = Vendor(
    title="ImageXpress",
    named=_named,
    root=_root,
    is_index=lambda name: name.lower().endswith(".htd"),
    indexed=_indexed,
    is_side=lambda file: THUMBNAIL.fullmatch(file.name) is not None,
    side_endings=(".htd", ".jdce"),
)
