"""OME-TIFF images that are spread over several files, one a channel, a slice or a time point."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import tifffile

from unsmear.errors import ImageError
from unsmear.images.tiff.stored import Stored

NAMED = re.compile(r'FileName\s*=\s*"([^"]+)"')
COMPANION = re.compile(r'<(?:\w+:)?BinaryOnly\b[^>]*?MetadataFile\s*=\s*"([^"]+)"')
LARGEST = 2**28
"""Largest metadata file that is read, bytes."""


def companion_of(file: tifffile.TiffFile) -> str:
    """Return the name of the file with the metadata of one that has none of its own, or ""."""
    found = COMPANION.search(str(file.ome_metadata))
    return os.path.basename(found[1]) if found else ""


def read(file: tifffile.TiffFile, name: str) -> Stored:
    """Return the image whose metadata stand in a companion file; all its files must be there.

    Raises ImageError for a companion or a file that is missing, and for other metadata.
    """
    folder = Path(file.filehandle.dirname or ".")
    companion = folder / companion_of(file)
    if not file.filehandle.is_file or not companion.is_file():
        raise ImageError(
            f"{name}: its metadata must stand in {companion.name} beside it, got no such file."
        )
    try:
        xml = companion.read_bytes()[:LARGEST].decode("utf-8", "replace")
        pixels = ElementTree.fromstring(xml).find(".//{*}Pixels")
    except (OSError, ElementTree.ParseError) as error:
        raise ImageError(f"{companion.name}: its OME-XML is damaged ({error}).") from error
    if pixels is None:
        raise ImageError(f"{companion.name}: its OME-XML describes no image.")
    order = pixels.get("DimensionOrder", "XYCZT")[:1:-1]  # the slowest first
    sizes = [int(pixels.get(f"Size{letter}", 1)) for letter in order]
    planes: list[Any] = [None] * int(np.prod(sizes))
    files = {os.path.basename(file.filehandle.path): file}
    for part in pixels.findall("{*}TiffData"):
        named = part.find("{*}UUID")
        of = os.path.basename((named.get("FileName") if named is not None else None) or name)
        if of not in files:
            if not (folder / of).is_file():
                raise ImageError(
                    f"{name}: every file of its OME-TIFF set must lie beside it, got no {of}."
                )
            files[of] = tifffile.TiffFile(folder / of)
        start = int(
            np.ravel_multi_index([int(part.get(f"First{axis}", 0)) for axis in order], sizes)
        )
        pages = files[of].pages
        first = int(part.get("IFD", 0))
        count = int(part.get("PlaneCount", 1 if "IFD" in part.attrib else len(pages)))
        for step in range(count):
            planes[start + step] = pages[first + step]
    axes = "".join(axis for axis, size in zip(order, sizes, strict=True) if size > 1)
    shape = tuple(size for size in sizes if size > 1)
    series = file.series[0]
    return Stored(
        name, 0, axes + series.axes[-2:], (*shape, *series.shape[-2:]), tuple(planes),
        (series,), xml,
    )  # fmt: skip


def names_in(file: tifffile.TiffFile) -> set[str]:
    """Return the names of the files that OME-XML describes; no file is opened."""
    xml = str(file.pages.first.description)
    return {os.path.basename(name) for name in NAMED.findall(xml)}
