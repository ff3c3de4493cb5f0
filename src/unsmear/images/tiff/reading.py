"""TIFF files (OME, ImageJ and plain) of any compression, including pixel size and channel names."""

from __future__ import annotations

import io
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from unsmear.errors import AxesError, ImageError
from unsmear.images import axes as axes_
from unsmear.images.image import MICROMETRES, Image, check_declared, check_pixels, error_text
from unsmear.images.logged import logged_as_error
from unsmear.images.tiff import ome

MAGICS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
"""First bytes of TIFF and BigTIFF files."""
PHOTOMETRIC = {
    tifffile.PHOTOMETRIC.RGB: "rgb",
    tifffile.PHOTOMETRIC.YCBCR: "rgb",
    tifffile.PHOTOMETRIC.MINISWHITE: "miniswhite",
}
"""Photometric interpretations as they are written; all others become "minisblack"."""
IMAGEJ_OWN = {"ImageJ", "images", "channels", "slices", "frames", "hyperstack"}
"""Metadata of ImageJ that tifffile writes itself."""


def read(file: Path | bytes, name: str, axes: str | None = None, scene: int = 0) -> Image:
    """Return an image of a TIFF file, given by its path or as its bytes.

    scene: number of the image, from 0, where the file holds several.
    """
    try:
        damaged = f"{name}: the TIFF file is damaged"
        with (
            logged_as_error("tifffile", logging.ERROR, damaged),
            tifffile.TiffFile(io.BytesIO(file) if isinstance(file, bytes) else file) as opened,
        ):
            return _read(opened, opened.filehandle.size, name, axes)
    except (ImageError, AxesError):
        raise
    # tifffile can raise any error for a damaged file
    except Exception as error:
        raise ImageError(f"{name}: the TIFF file is damaged ({error_text(error)}).") from error


def _read(file: tifffile.TiffFile, size: int, name: str, axes: str | None) -> Image:
    if len(file.series) != 1:
        raise ImageError(
            f"{name}: a TIFF must hold one image, got {len(file.series)}; save them one a file."
        )
    series = file.series[0]
    check_declared(series.shape, series.dtype.itemsize, name)
    pages = _pages(series, name)
    for page in pages:
        _check_segments(file, page, size, name)
    if pages[0].photometric == tifffile.PHOTOMETRIC.PALETTE:
        raise ImageError(f"{name}: a TIFF must be grey or RGB, got a palette; convert it to these.")
    pixel_size, channels, carried = _metadata(file, pages[0], name)
    axes = axes_.check(axes or _known_axes(series, name), series.shape, name)
    if series.axes.endswith("S") and not file.is_ome and not channels and axes == "YXS":
        channels = {3: ("red", "green", "blue")}.get(series.shape[-1], ())
    if len(channels) != axes_.channel_count(axes, series.shape):
        channels = ()
    pixels = check_pixels(np.asarray(series.asarray()), name)
    return Image(pixels, axes, channels, pixel_size, name, {"tiff": carried})


def _pages(series: tifffile.TiffPageSeries, name: str) -> list[tifffile.TiffPage]:
    """Return the image's pages; raises ImageError if its metadata declare more than it has."""
    pages = [page.aspage() for page in series.pages if page is not None]
    missing = len(series.pages) - len(pages)
    if missing:
        raise ImageError(
            f"{name}: the TIFF file lacks {missing} of its {len(series.pages)} planes."
        )
    return pages


def _metadata(
    file: tifffile.TiffFile, page: tifffile.TiffPage, name: str
) -> tuple[tuple[float, float] | None, tuple[str, ...], dict[str, Any]]:
    """Return pixel size, channel names and the metadata that are written again."""
    carried = _carried(page)
    if file.is_ome:
        pixel_size, channels, carried["ome"] = ome.parse(str(file.ome_metadata), name)
        return pixel_size, channels, carried
    if file.is_imagej:
        metadata = file.imagej_metadata or {}
        carried["imagej"] = {k: v for k, v in metadata.items() if k not in IMAGEJ_OWN}
        return _pixel_size(carried, str(metadata.get("unit", ""))), (), carried
    carried["description"] = _description(page)
    return _pixel_size(carried), _shaped_channels(file), carried


def _carried(page: tifffile.TiffPage) -> dict[str, Any]:
    """Return the tags about the storage of pixels and their resolution."""
    carried = {
        "compression": int(page.compression),
        "photometric": PHOTOMETRIC.get(page.photometric, "minisblack"),
        "extrasamples": tuple(map(int, page.extrasamples)),
    }
    if "XResolution" in page.tags and min(page.resolution) > 0:
        carried["resolution"] = page.resolution
        carried["resolutionunit"] = int(page.resolutionunit or 1)
    return carried


def _check_segments(file: tifffile.TiffFile, page: tifffile.TiffPage, size: int, name: str) -> None:
    """Raise ImageError for a strip or tile that is missing or cut; tifffile makes it black."""
    segments = list(zip(page.dataoffsets, page.databytecounts, strict=True))
    if max((start + count for start, count in segments), default=0) > size:
        raise ImageError(f"{name}: the TIFF file is cut short after {size} bytes.")
    missing = sum(not (start and count) for start, count in segments)
    if missing:
        raise ImageError(f"{name}: the TIFF file lacks {missing} of {len(segments)} strips.")
    if page.compression == tifffile.COMPRESSION.JPEG:
        for start, count in segments:
            file.filehandle.seek(start)
            if b"\xff\xd9" not in file.filehandle.read(count):
                raise ImageError(f"{name}: a JPEG strip of the TIFF file is cut short.")


def _example(shape: tuple[int, ...]) -> str:
    """Return an example of axes for an error message; axes are never guessed."""
    few = shape[-1] <= 4
    return {2: "YX", 3: "YXC" if few else "ZYX"}.get(len(shape), "ZYXC" if few else "CZYX")


def _known_axes(series: tifffile.TiffPageSeries, name: str) -> str:
    if set(series.axes) <= set("STCZYX"):
        return str(series.axes)
    sizes = "x".join(map(str, series.shape))
    raise AxesError(
        f"{name}: its metadata do not say what its dimensions ({sizes}) are; "
        f"give them with --axes, for example --axes {_example(series.shape)}."
    )


def _description(page: tifffile.TiffPage) -> str:
    """Return the first description, unless it is tifffile's own line of metadata."""
    text = str(page.description)
    return "" if text.startswith('{"shape"') else text


def _shaped_channels(file: tifffile.TiffFile) -> tuple[str, ...]:
    """Return the channel names that `write` stored in tifffile's own line of metadata."""
    names = file.shaped_metadata[0].get("channels") if file.shaped_metadata else None
    return tuple(map(str, names)) if isinstance(names, list) else ()


def _pixel_size(carried: Mapping[str, Any], unit: str = "") -> tuple[float, float] | None:
    """Return (y, x) in micrometres from the resolution tags and ImageJ's unit."""
    of_tag = {2: 25400.0, 3: 1e4}.get(carried.get("resolutionunit", 1))
    factor = MICROMETRES.get(unit.lower(), of_tag)
    if factor is None or "resolution" not in carried:
        return None
    x, y = carried["resolution"]
    return factor / y, factor / x
