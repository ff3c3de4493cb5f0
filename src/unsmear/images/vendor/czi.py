"""Zeiss CZI: scenes, mosaics, pixel size and channel names, by czifile (BSD-3)."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from unsmear.errors import ImageError
from unsmear.images.image import Image, check_declared, choose
from unsmear.images.timing import Timing
from unsmear.images.vendor import reader

MAGIC = b"ZISRAWFILE"
TITLE = "a Zeiss CZI"
PLAIN, JPEG, LZW, JPEG_XR, ZSTD, ZSTD_WITH_HEADER = 0, 1, 2, 4, 5, 6
"""Numbers of the compressions of blocks."""


def scenes(file: Path | bytes, name: str) -> list[str]:
    """Return the names of the scenes; raises ImageError and MissingExtra as `read` does."""
    czifile = reader.package("czifile", name, TITLE)
    with reader.guarded(file, name, TITLE), czifile.CziFile(file) as czi:
        return _names(czi)


def read(file: Path | bytes, name: str, axes: str | None = None, scene: int | None = None) -> Image:
    """Return a scene, its mosaic put together; where it has no pixels they are 0."""
    czifile = reader.package("czifile", name, TITLE)
    with reader.guarded(file, name, TITLE), czifile.CziFile(file) as czi:
        number = choose(_names(czi), scene, name, TITLE)
        xml = _metadata(czi)
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
            timing=_timing(xml, "S" in dims and pixels.shape[dims.index("S")] > 1),
        )


def _names(czi: Any) -> list[str]:
    """Return the names of the scenes, numbered from 1 where they have none."""
    xml = _metadata(czi)
    found = xml.findall(".//Information/Image/Dimensions/S/Scenes/Scene")
    named = {scene.get("Index"): scene.get("Name") for scene in found}
    numbers = enumerate(_numbers(czi), 1)
    return [named.get(str(number)) or f"scene {place}" for place, number in numbers]


def _metadata(czi: Any) -> ElementTree.Element:
    """Return the file's XML; an empty element where it has none."""
    return ElementTree.fromstring(czi.metadata() or "<none/>")


def _numbers(czi: Any) -> list[int]:
    """Return the numbers of the scenes in the file; a file without scenes has one."""
    if hasattr(czi, "scenes"):
        return sorted(czi.scenes)
    return sorted({_scene_of(entry) for entry in czi.filtered_subblock_directory})


def _scene_of(entry: Any) -> int:
    return next((int(d.start) for d in entry.dimension_entries if d.dimension == "S"), 0)


def _by_scenes(czi: Any, number: int, name: str) -> tuple[NDArray[Any], str]:
    image = czi.scenes[_numbers(czi)[number]]
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
        block = _block(entry, name)
        place = tuple(slice(int(a), int(a) + n) for a, n in zip(start, block.shape, strict=True))
        pixels[place] = block
    # "0" is the sample; S, the scene, is of one.
    dims = axes.replace("S", "s").replace("0", "S")
    return pixels, dims


def _block(entry: Any, name: str) -> NDArray[Any]:
    """Return the pixels of a block; this czifile is older than Zstandard in CZIs."""
    segment = entry.data_segment()
    if entry.compression in (PLAIN, JPEG, LZW, JPEG_XR):
        return np.asarray(segment.data(resize=False))
    if entry.compression not in (ZSTD, ZSTD_WITH_HEADER):
        raise ImageError(
            f"{name}: {TITLE} must be compressed by Zstandard, JPEG XR, LZW, JPEG or not at all, "
            f"got compression {entry.compression}; save it with one of these."
        )
    packed, halves = segment.data(raw=True), False
    if entry.compression == ZSTD_WITH_HEADER:
        # A header of 3 bytes says in its last whether low and high bytes are stored apart.
        halves = packed[0] == 3 and bool(packed[2] & 1)
        packed = packed[packed[0] :]
    dtype, shape = np.dtype(entry.dtype).base, tuple(entry.stored_shape)
    size = math.prod(shape) * dtype.itemsize
    stored = np.frombuffer(imagecodecs.zstd_decode(packed, out=size), np.uint8)
    if halves:
        stored = np.ascontiguousarray(stored.reshape(2, -1).T)
    pixels: NDArray[Any] = stored.reshape(-1).view(dtype).reshape(shape)
    # Colours are stored as blue, green and red.
    return pixels[..., ::-1] if shape[-1] == 3 else pixels


def _distance(xml: ElementTree.Element, axis: str) -> float | None:
    """Return the size of a pixel along an axis, micrometres; the file has metres."""
    value = xml.findtext(f".//Scaling/Items/Distance[@Id='{axis}']/Value")
    return float(value) * 1e6 if value else None


def _channels(xml: ElementTree.Element) -> list[str]:
    found = xml.findall(".//Information/Image/Dimensions/Channels/Channel")
    return [channel.get("Name") or channel.findtext("Fluor") or "" for channel in found]


def _timing(xml: ElementTree.Element, coloured: bool) -> Timing:
    """Return the exposures of the channels; the file has nanoseconds.

    coloured: whether the image is of a colour camera.
    """
    found = xml.findall(".//Information/Image/Dimensions/Channels/Channel")
    texts = [channel.findtext("ExposureTime") for channel in found]
    times = tuple(float(text) * 1e-9 for text in texts if text)
    return Timing(times if len(times) == len(found) and all(times) else (), coloured)
