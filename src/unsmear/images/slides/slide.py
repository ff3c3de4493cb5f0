"""Slides: images that are too large for memory, read window by window."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsmear.errors import ImageError
from unsmear.images import known, ome_zarr, tiff
from unsmear.images.image import Image
from unsmear.images.ome_zarr import reading as zarr_reading
from unsmear.images.slides.places import Planes
from unsmear.images.slides.tiff_planes import TiffPlanes
from unsmear.images.slides.zarr_planes import ZarrPlanes, sides_of
from unsmear.images.tiff import reading as tiff_reading
from unsmear.location import Location

LARGE = 2**25
"""Number of pixels of all channels of a plane; an image of more is read by windows."""
LONGEST = 4096
"""Longest side of what lies together in a file that is read by windows, pixels."""
STEP = 16
"""Divisor of the sides of blocks, pixels."""


class ReadWholeError(ImageError):
    """A file that can only be read whole."""


@dataclass(frozen=True, eq=False)
class Slide:
    """An image whose pixels are read by windows.

    It is pickled as its path, and opened again by whoever gets it.

    Attributes
    ----------
    header
        The image as `images.read` gives it, but for its pixels: zeros that take no memory.
    chunk
        Rows and columns that lie together in the file: those of a shard, a tile or a strip; (1, 1)
        where every pixel is read by itself.
    path
        The file or folder.
    axes, scene, location
        What it was opened with.
    """

    header: Image
    chunk: tuple[int, int]
    path: Path
    axes: str | None = None
    scene: int | None = None
    location: Location | None = None
    planes: Planes = field(kw_only=True, repr=False)

    def read(self, batch: int, channel: int, rows: slice, columns: slice) -> NDArray[Any]:
        """Return a window of a plane, (y, x) counts in the machine's byte order.

        batch, channel: of the plane among `header.planes()`. rows, columns: inside the plane.

        Raises ImageError for a chunk that is damaged, and for infinities.
        """
        window = self.planes.read(batch, channel, rows, columns)
        if window.dtype.kind == "f" and (bad := int(np.isinf(window).sum())):
            raise ImageError(
                f"{self.header.name}: pixels must not be infinite, got {bad} that are."
            )
        return window

    def __reduce__(self) -> tuple[Any, ...]:
        return open_slide, (self.path, self.axes, self.scene, self.location)


def is_slide(header: Image) -> bool:
    """Return whether an image is read by windows: the channels of a plane exceed `LARGE` pixels."""
    return math.prod(header.planes().shape[1:]) > LARGE


def open_slide(
    path: Path,
    axes: str | None = None,
    scene: int | None = None,
    location: Location | None = None,
) -> Slide:
    """Return an image whose pixels are read by windows.

    Parameters
    ----------
    path
        An OME-Zarr, or a TIFF of tiles, of uncompressed strips or of small strips.
    axes, scene
        As in `images.read`.
    location
        Where the chunks of an OME-Zarr are, of which only the metadata are on the disk.

    Raises
    ------
    ImageError
        For a file that cannot be read, or not by windows.
    AxesError
        Where `axes` are needed or do not fit.
    """
    if ome_zarr.is_zarr(path):
        return _zarr(path, axes, scene, location)
    if not _is_tiff(path):
        raise ReadWholeError(
            f"{path.name}: an image of this size must be an OME-Zarr or a tiled TIFF, which are "
            "read in parts, got another format; convert it, for example with bioformats2raw."
        )
    with tiff_reading.opened(path, path.name) as file:
        header, stored = tiff_reading.header(file, path, axes, scene)
        planes = TiffPlanes(header, stored, path)
    return _checked(Slide(header, planes.chunk, path, axes, scene, planes=planes))


def header(path: Path, axes: str | None = None, scene: int | None = None) -> Image | None:
    """Return an image without its pixels, which are zeros that take no memory.

    Return None for a format whose files must be read whole. Raises as `images.read` does.
    """
    if ome_zarr.is_zarr(path):
        return zarr_reading.header(path, path.name, axes)
    if not _is_tiff(path):
        return None
    with tiff_reading.opened(path, path.name) as file:
        return tiff_reading.header(file, path, axes, scene)[0]


def block_of(chunk: tuple[int, int], near: int = 2048) -> tuple[int, int]:
    """Return the sides of blocks: multiples of the chunk's, and of 16 where that is no wider, near
    `near` pixels.

    chunk: rows and columns that lie together in a file.

    Raises ImageError for a chunk with a side of over 4096 pixels.
    """
    if max(chunk) > LONGEST:
        raise ImageError(_too_long(chunk))
    # A chunk that has little in common with 16 is a step by itself: blocks are read a bit wider.
    steps = [wide if (wide := math.lcm(side, STEP)) <= near else side for side in chunk]
    rows, columns = (max(1, round(near / step)) * step for step in steps)
    return rows, columns


def _too_long(chunk: tuple[int, int]) -> str:
    return (
        f"what lies together in a file must be at most {LONGEST} pixels long to be read in parts, "
        f"got {chunk[0]} x {chunk[1]} pixels; write it with smaller chunks or tiles."
    )


def _checked(slide: Slide) -> Slide:
    if max(slide.chunk) > LONGEST:
        raise ReadWholeError(f"{slide.header.name}: {_too_long(slide.chunk)}")
    return slide


def _is_tiff(path: Path) -> bool:
    """Return whether a file is a TIFF, by its first bytes; what is none is read whole."""
    if path.suffix.lower() in known.BY_ENDING:  # its pixels are elsewhere
        return False
    if not path.is_file():  # a pipe would be waited for
        return False
    try:
        with path.open("rb") as stream:
            return stream.read(8).startswith(tiff.MAGICS)
    except OSError:
        return False


def _zarr(path: Path, axes: str | None, scene: int | None, location: Location | None) -> Slide:
    header = zarr_reading.header(path, path.name, axes)
    if location is None:
        array = zarr_reading.largest(header, path.name)
        zarr_reading.check_any_chunk(header, path.name)
    else:
        array = _remote(header, location)
    sides = dict(zip(header.axes, sides_of(array), strict=True))
    planes = ZarrPlanes(array, header.axes, path.name, remote=location is not None)
    chunk = sides["Y"], sides["X"]
    return _checked(Slide(header, chunk, path, axes, scene, location, planes=planes))


def _remote(header: Image, location: Location) -> Any:
    """Return the largest level of an image whose chunks come from a server."""
    from unsmear.images.ome_zarr import remote_chunks  # slow to import, as Zarr is

    array = zarr_reading.largest(header, header.name)
    if array.shards is not None and not remote_chunks.gives_parts(header, location):
        raise ReadWholeError(f"{location}: its shards can only be read whole.")
    return remote_chunks.largest(header, location)
