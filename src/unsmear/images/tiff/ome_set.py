"""OME-TIFF images that are spread over several files, one a channel, a slice or a time point."""

from __future__ import annotations

import contextlib
import html
import math
import os
import re
from collections.abc import Collection
from pathlib import Path
from xml.etree import ElementTree

import tifffile

from unsmear import plain_files
from unsmear.errors import ImageError, error_text, shortened

NAMED = re.compile(r"FileName\s*=\s*(?:\"([^\"]+)\"|'([^']+)')")
COMPANION = re.compile(r"<(?:\w+:)?BinaryOnly\b[^>]*?MetadataFile\s*=\s*(?:\"([^\"]+)\"|'([^']+)')")
MOST_PLANES, LEAST_PAGE = 10**6, 64
"""Planes that OME-XML may describe whatever the size of the file, and the least bytes that each of
more has in it: its tags alone take as many."""
MOST_STEPS = 2**62
"""Bound of what is counted."""
LARGEST = 2**28
"""Largest metadata file that is read, bytes."""


def companion_of(file: tifffile.TiffFile) -> str:
    """Return the name of the file with the metadata of one that has none of its own, or ""."""
    found = COMPANION.search(str(file.pages.first.description))
    return _basename(found[1] or found[2]) if found else ""


def with_companion(file: tifffile.TiffFile, name: str) -> str:
    """Give a file the OME-XML of its companion, and return that; "" for a file without one.

    Raises ImageError for a companion that is missing or damaged.
    """
    named = companion_of(file)
    if not named:
        return ""
    companion = Path(file.filehandle.dirname or ".") / named
    if not file.filehandle.is_file or not companion.is_file():
        raise ImageError(f"{name}: its metadata must stand in {named} beside it, got no such file.")
    with companion.open("rb") as stream:
        xml = stream.read(LARGEST).decode("utf-8", "replace").strip()
    try:
        described = ElementTree.fromstring(xml).find("{*}Image/{*}Pixels")
    except ElementTree.ParseError as error:
        raise ImageError(f"{named}: its OME-XML is damaged ({error_text(error)}).") from error
    if described is None:
        raise ImageError(f"{named}: its OME-XML describes no image.")
    # tifffile takes the description of the first page for that of the whole set.
    file.pages.first.description = xml
    return xml


def check(file: tifffile.TiffFile, name: str) -> None:
    """Raise ImageError for OME-XML of far more planes than there can be, before a list of them is
    made, and for a file of a set that is a pipe or a device: reading it may never end.
    """
    xml = str(file.pages.first.description)
    named = [html.unescape(double or single) for double, single in NAMED.findall(xml)]
    folder = Path(file.filehandle.dirname or ".")
    others = {folder / other for other in named} if file.filehandle.is_file else set()
    _check_planes(xml, file, others, name)
    for other in sorted(others):
        try:
            plain_files.check(other)
        except (OSError, ValueError) as error:
            raise ImageError(
                f"{name}: a file of its OME-TIFF set cannot be read: "
                f"{shortened(other.name)} ({error_text(error)})."
            ) from error


def _check_planes(xml: str, file: tifffile.TiffFile, others: Collection[Path], name: str) -> None:
    try:
        root = ElementTree.fromstring(xml)
    except ElementTree.ParseError:  # what reads it says so
        return
    size = int(file.filehandle.size)
    for other in others:
        with contextlib.suppress(OSError, ValueError):
            size += other.stat().st_size
    declared = sum(_planes(pixels, file) for pixels in root.findall("{*}Image/{*}Pixels"))
    declared += sum(map(_steps, root.iter()))
    if declared > MOST_PLANES + size // LEAST_PAGE:
        raise ImageError(
            f"{name}: its OME-XML must describe the planes that it has, got {declared:,} in a file "
            f"of {size:,} bytes."
        )


def _planes(pixels: ElementTree.Element, file: tifffile.TiffFile) -> int:
    """Return the largest number of planes that an image declares in one way or another."""
    sizes = [_number(pixels, f"Size{axis}", 1) for axis in "XYCZT"]
    parts = pixels.findall("{*}TiffData")
    counts = [_number(part, of, 0) for part in parts for of in ("NumPlanes", "PlaneCount")]
    return max(math.prod(sizes) // max(1, int(file.pages.first.size)), *sizes[2:], *counts, 0)


def _steps(element: ElementTree.Element) -> int:
    """Return how many steps of an axis an annotation declares, which tifffile counts one by one."""
    if "Along" not in element.tag or "Start" not in element.attrib:
        return 0
    try:
        start, end, step = (float(element.get(n, 1)) for n in ("Start", "End", "Step"))
        return min(MOST_STEPS, int(abs((end - start) / step)))
    except (ValueError, ZeroDivisionError, OverflowError):
        return 0


def _number(element: ElementTree.Element, name: str, otherwise: int) -> int:
    try:
        return max(0, int(element.get(name, otherwise)))
    except ValueError:  # what reads it says so
        return otherwise


def missing(file: tifffile.TiffFile) -> list[str]:
    """Return the names of the files that OME-XML describes and that do not lie beside it."""
    folder = Path(file.filehandle.dirname or ".")
    names = sorted(names_in(file) - {os.path.basename(file.filehandle.path)})
    if not file.filehandle.is_file:
        return names
    return [name for name in names if not (folder / name).is_file()]


def names_in(file: tifffile.TiffFile) -> set[str]:
    """Return the names of the files that OME-XML describes; no file is opened."""
    xml = str(file.pages.first.description)
    return {_basename(double or single) for double, single in NAMED.findall(xml)}


def numbers_in(xml: str, file: tifffile.TiffFile) -> list[int]:
    """Return the numbers of the images, from 0, of which planes lie in a file."""
    root = ElementTree.fromstring(xml)
    own = {os.path.basename(file.filehandle.path).lower()}
    uuid = root.get("UUID")
    numbers = []
    for number, image in enumerate(root.findall("{*}Image")):
        parts = image.findall("{*}Pixels/{*}TiffData")
        named = [part.find("{*}UUID") for part in parts]
        if any(
            one is None
            or (uuid is not None and one.text == uuid)
            or _basename(one.get("FileName", "")).lower() in own
            for one in named
        ):
            numbers.append(number)
    return numbers


def _basename(name: str) -> str:
    """Return the last part of a name in XML; a folder of the writer's machine does not count."""
    return os.path.basename(html.unescape(name).replace("\\", "/"))
