"""Zeiss CZI: scenes, mosaics, pixel size and channel names, by czifile (BSD-3)."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from unsmear.images.image import Image, check_declared, choose
from unsmear.images.vendor import reader

MAGIC = b"ZISRAWFILE"
TITLE = "a Zeiss CZI"


def scenes(file: Path | bytes, name: str) -> list[str]:
    """Return the names of the scenes; raises ImageError and MissingExtra as `read` does."""
    czifile = reader.package("czifile", name, TITLE)
    with reader.guarded(file, name, TITLE), czifile.CziFile(file) as czi:
        return _scenes(czi)


def read(file: Path | bytes, name: str, axes: str | None = None, scene: int | None = None) -> Image:
    """Return a scene, its mosaic put together; where it has no pixels they are 0."""
    czifile = reader.package("czifile", name, TITLE)
    with reader.guarded(file, name, TITLE), czifile.CziFile(file) as czi:
        number = choose(_scenes(czi), scene, name, TITLE)
        xml = ElementTree.fromstring(czi.metadata())
        # From 2026 on, for Python 3.12 and later, czifile puts scenes together itself.
        assemble = _by_scenes if hasattr(czi, "scenes") else _by_blocks
        pixels, dims = assemble(czi, number, name)
        return reader.image(
            pixels,
            dims,
            axes,
            name,
            size=(_distance(xml, "Y"), _distance(xml, "X")),
            source="CZI metadata",
            channels=_channels(xml),
            metadata={"czi": {}},
            unkept="Zeiss' own metadata",
        )


def _scenes(czi: Any) -> list[str]:
    if hasattr(czi, "scenes"):
        return [f"scene {number + 1}" for number in range(len(czi.scenes))]
    return [f"scene {number + 1}" for number in range(len(_numbers(czi)))]


def _numbers(czi: Any) -> list[int]:
    """Return the numbers of the scenes in the file; a file without scenes has one."""
    return sorted({_scene_of(entry) for entry in czi.filtered_subblock_directory})


def _scene_of(entry: Any) -> int:
    return next((int(d.start) for d in entry.dimension_entries if d.dimension == "S"), 0)


def _by_scenes(czi: Any, number: int, name: str) -> tuple[NDArray[Any], str]:
    image = czi.scenes[sorted(czi.scenes)[number]]
    check_declared(tuple(image.shape), np.dtype(image.dtype).itemsize, name)
    return np.asarray(image.asarray()), "".join(image.axes)


def _by_blocks(czi: Any, number: int, name: str) -> tuple[NDArray[Any], str]:
    """Return a scene from its blocks; asarray() of this czifile leaves gaps as they happen."""
    wanted = _numbers(czi)[number]
    entries = [
        entry
        for entry in czi.filtered_subblock_directory
        if _scene_of(entry) == wanted and int(entry.pyramid_type) == 0
    ]
    entries.sort(key=lambda entry: entry.mosaic_index or 0)
    axes = entries[0].axes
    starts = np.array([entry.start for entry in entries])
    ends = starts + np.array([entry.shape for entry in entries])
    first = starts.min(axis=0)
    shape = tuple(int(side) for side in ends.max(axis=0) - first)
    check_declared(shape, np.dtype(czi.dtype).itemsize, name)
    pixels = np.zeros(shape, czi.dtype)
    for entry, start in zip(entries, starts - first, strict=True):
        block = entry.data_segment().data(resize=False)
        place = tuple(slice(int(a), int(a) + n) for a, n in zip(start, block.shape, strict=True))
        pixels[place] = block
    # "0" is the sample; S, the scene, is of one.
    dims = axes.replace("S", "s").replace("0", "S")
    return pixels, dims


def _distance(xml: ElementTree.Element, axis: str) -> float | None:
    """Return the size of a pixel along an axis, micrometres; the file has metres."""
    value = xml.findtext(f".//Scaling/Items/Distance[@Id='{axis}']/Value")
    return float(value) * 1e6 if value else None


def _channels(xml: ElementTree.Element) -> list[str]:
    found = xml.findall(".//Information/Image/Dimensions/Channels/Channel")
    return [channel.get("Name") or channel.findtext("Fluor") or "" for channel in found]
