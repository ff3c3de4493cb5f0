"""The pixel size that a TIFF file says, wherever its writer put it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any
from xml.etree import ElementTree

import tifffile

from unsmear.images.units import doubt, micrometres

Size = tuple[float, float] | None
"""(y, x) in micrometres."""
TAGS = {2: 25400.0, 3: 1e4}
"""Lengths of the resolution tags' units, inch and centimetre, micrometres."""


def of_page(file: tifffile.TiffFile, page: Any, xml_size: Size = None) -> tuple[Size, str]:
    """Return the pixel size of a page and where it stands, or None and why it is not believed.

    xml_size: that of the image's OME-XML.
    """
    why = ""
    for source, find in SOURCES.items():
        size = xml_size if source == "OME-XML" else _found(find, file, page)
        if size is None:
            continue
        doubted = doubt(size, source, of_tags=source.startswith("resolution tags"))
        if not doubted:
            return size, source
        why = why or doubted
    return None, why


def _found(find: Callable[..., Size], file: tifffile.TiffFile, page: Any) -> Size:
    """Return what a source says; one that is damaged says nothing."""
    try:
        size = find(file, page)
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, ZeroDivisionError,
            ElementTree.ParseError, RecursionError):  # fmt: skip
        return None
    return size if size is not None and min(size) > 0 else None


def _scaled(y: Any, x: Any, unit: str | float | None) -> Size:
    """Return a size in a unit, or in micrometres a unit; None for an unknown one."""
    factor = micrometres(unit) if isinstance(unit, str) or unit is None else unit
    return None if factor is None else (float(y) * factor, float(x) * factor)


def of_imagej(file: tifffile.TiffFile, page: Any) -> Size:
    """Return the size that ImageJ says: its resolution, in its own unit (y may have another)."""
    if not file.is_imagej:
        return None
    said = file.imagej_metadata or {}
    unit = str(said.get("unit", ""))
    factors = [micrometres(str(said.get("yunit", unit)) or unit), micrometres(unit)]
    x, y = _resolution(page)
    if None in factors:
        return None
    return factors[0] / y, factors[1] / x  # type: ignore[operator]


def of_shaped(file: tifffile.TiffFile, page: Any) -> Size:
    """Return the size in tifffile's line of JSON, as Python programs write it."""
    if not file.is_shaped:
        return None
    said = (file.shaped_metadata or [{}])[0]
    if "PhysicalSizeX" not in said:
        return None
    unit = said.get("PhysicalSizeXUnit", "µm")
    x, y = said["PhysicalSizeX"], said.get("PhysicalSizeY", said["PhysicalSizeX"])
    y_unit = micrometres(said.get("PhysicalSizeYUnit", unit))
    sizes = _scaled(y, x, unit)
    return None if sizes is None or y_unit is None else (float(y) * y_unit, sizes[1])


def of_metaseries(file: tifffile.TiffFile, page: Any) -> Size:
    """Return the calibration of MetaMorph and MetaXpress."""
    if not file.is_metaseries:
        return None
    said = file.metaseries_metadata or {}
    plane = said.get("PlaneInfo", said)
    if not plane.get("spatial-calibration-state", True):
        return None
    x, y = plane["spatial-calibration-x"], plane["spatial-calibration-y"]
    return _scaled(y, x, str(plane.get("spatial-calibration-units", "")))


def of_stk(file: tifffile.TiffFile, page: Any) -> Size:
    """Return the calibration in a MetaMorph stack's own tags."""
    if not file.is_stk:
        return None
    said = file.stk_metadata or {}
    if not said.get("SpatialCalibration", True):
        return None
    unit = str(said.get("CalibrationUnits", "um")) or "um"
    return _scaled(_number(said["YCalibration"]), _number(said["XCalibration"]), unit)


def _number(value: Any) -> float:
    """Return a number, or the value of a fraction."""
    if isinstance(value, tuple | list):
        return float(value[0]) / float(value[1])
    return float(value)


def of_lsm(file: tifffile.TiffFile, page: Any) -> Size:
    """Return the voxel size of a Zeiss LSM, which is in metres."""
    if not file.is_lsm:
        return None
    said = file.lsm_metadata or {}
    return _scaled(said["VoxelSizeY"], said["VoxelSizeX"], 1e6)


def of_slide(file: tifffile.TiffFile, page: Any) -> Size:
    """Return the micrometres a pixel of an Aperio slide's description."""
    if not file.is_svs:
        return None
    said = re.search(r"\bMPP\s*=\s*([0-9.]+)", str(page.description))
    return None if said is None else (float(said[1]), float(said[1]))


def of_scanimage(file: tifffile.TiffFile, page: Any) -> Size:
    """Return the size of ScanImage's field, from its degrees and the microns a degree.

    None where fields of several sizes lie under each other.
    """
    if not file.is_scanimage:
        return None
    said = file.scanimage_metadata or {}
    # In a file that is no BigTIFF the same stands in two tags.
    frame = said.get("FrameData") or tifffile.matlabstr2py(str(page.tags["Software"].value))
    groups = said.get("RoiGroups") or json.loads(page.tags["Artist"].value)["RoiGroups"]
    factor = float(frame["SI.objectiveResolution"])
    sizes = set()
    for roi in _listed(groups["imagingRoiGroup"]["rois"]):
        for field in _listed(roi["scanfields"]):
            (x, y), (columns, rows) = field["sizeXY"], field["pixelResolutionXY"]
            sizes.add((factor * y / rows, factor * x / columns))
    return sizes.pop() if len(sizes) == 1 else None


def _listed(value: Any) -> list[Any]:
    """Return a list; MATLAB writes one of a single element as that."""
    return value if isinstance(value, list) else [value]


def of_fei(file: tifffile.TiffFile, page: Any) -> Size:
    """Return the pixel size of an FEI microscope, which is in metres."""
    said = file.fei_metadata if file.is_fei else None
    if not said:
        return None
    scan = said.get("Scan", {})
    return _scaled(scan["PixelHeight"], scan["PixelWidth"], 1e6)


def of_micromanager(file: tifffile.TiffFile, page: Any) -> Size:
    """Return the pixel size in Micro-Manager's metadata of the page, or of the file."""
    if not file.is_micromanager:
        return None
    said: Mapping[str, Any] = {}
    tag = page.tags.get(51123)
    if tag is not None:
        said = tag.value if isinstance(tag.value, dict) else json.loads(tag.value)
    size = said.get("PixelSizeUm")
    if not size:
        summary = (file.micromanager_metadata or {}).get("Summary", {})
        size = summary.get("PixelSize_um") or summary.get("PixelSizeUm")
    return _scaled(size, size, 1.0)


def of_tags(file: tifffile.TiffFile, page: Any) -> Size:
    """Return the size of the resolution tags, which are in inches or centimetres."""
    unit = page.tags.get("ResolutionUnit")
    factor = TAGS.get(2 if unit is None else int(unit.value))
    if factor is None or file.is_imagej:
        return None
    x, y = _resolution(page)
    return factor / y, factor / x


def of_imagej_tags(file: tifffile.TiffFile, page: Any) -> Size:
    """Return the size of the resolution tags of an ImageJ file that names no unit of its own."""
    if not file.is_imagej or (file.imagej_metadata or {}).get("unit"):
        return None
    unit = page.tags.get("ResolutionUnit")
    factor = TAGS.get(int(unit.value)) if unit is not None else None
    x, y = _resolution(page)
    return None if factor is None else (factor / y, factor / x)


def _resolution(page: Any) -> tuple[float, float]:
    """Return (x, y) of the resolution tags, as written."""
    x, y = (page.tags[name].value for name in ("XResolution", "YResolution"))
    return x[0] / x[1], y[0] / y[1]


SOURCES: dict[str, Callable[..., Size]] = {
    "OME-XML": lambda *_: None,
    "ImageJ metadata": of_imagej,
    "MetaMorph metadata": of_metaseries,
    "STK tags": of_stk,
    "LSM metadata": of_lsm,
    "slide's description": of_slide,
    "ScanImage metadata": of_scanimage,
    "FEI metadata": of_fei,
    "Micro-Manager metadata": of_micromanager,
    "tifffile's metadata": of_shaped,
    "resolution tags": of_tags,
    "resolution tags of ImageJ": of_imagej_tags,
}
"""Where a pixel size can stand, the surest first."""
