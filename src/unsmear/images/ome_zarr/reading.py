"""Reading of OME-Zarr images, single ones and those of plates and collections."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsmear.errors import ImageError, error_text
from unsmear.images import axes as axes_
from unsmear.images.image import Image, check_declared, check_pixels
from unsmear.images.ome_zarr import contents, metadata
from unsmear.images.ome_zarr.steps import as_ome

BLOSC_HEADER = 16
"""Length of the header of a chunk of Blosc, bytes; the last four are the chunk's length."""


def read(path: Path, name: str, axes: str | None = None) -> Image:
    """Return the largest level of an image, a group with "multiscales", as in plate.zarr/A/1/0.

    Raises ImageError for a folder that is no such image or is damaged, and AxesError for axes that
    are not known.
    """
    image = header(path, name, axes)
    with damage(name):
        check_declared(image.pixels.shape, image.pixels.dtype.itemsize, name)
        array = largest(image, name)
        _check_chunks(array, name)
        pixels = np.asarray(array[...])
        _check_filled(image, pixels, name)
    return replace(image, pixels=check_pixels(pixels, name))


def header(path: Path, name: str, axes: str | None = None) -> Image:
    """Return an image without reading its pixels, which are zeros that take no memory.

    Raises as `read` does, save for what is wrong with the pixels themselves.
    """
    below = _one_image(path, name)
    group = metadata.open_group(path / below, name)
    found = metadata.multiscale_of(group, name, axes)
    with damage(name):
        array: Any = group[found.paths[0]]
        shape, dtype = tuple(array.shape), np.dtype(array.dtype)
        check_declared(shape, dtype.itemsize, name, limit=None)
    letters = axes_.check(metadata.axes_for(found, shape, axes, name), shape, name)
    own_axes = axes_.contradicted(axes, found.own_axes, shape, name)
    count = axes_.channel_count(letters, shape)
    carried: dict[str, Any] = {
        "zarr": {
            "path": path,
            "below": below,
            "version": found.version,
            "axes": letters,
            "levels": found.paths,
        }
    }
    if found.steps:  # for a TIFF, if that is what it becomes
        carried["tiff"] = {"ome": as_ome(found.steps)}
    return Image(
        np.broadcast_to(check_pixels(np.zeros(1, dtype), name), shape),
        letters,
        found.channels if len(found.channels) == count and any(found.channels) else (),
        found.pixel_size,
        name,
        carried,
        found.pixel_size_from,
        own_axes=own_axes,
    )


def largest(image: Image, name: str) -> Any:
    """Return the array of an image's largest level, by Zarr."""
    carried = image.metadata["zarr"]
    group = metadata.open_group(carried["path"] / carried["below"], name)
    return group[carried["levels"][0]]


@contextlib.contextmanager
def damage(name: str) -> Iterator[None]:
    """Turn whatever a damaged Zarr raises into an ImageError; each codec has errors of its own."""
    try:
        yield
    except ImageError:
        raise
    except Exception as error:
        raise ImageError(f"{name}: the Zarr is damaged ({error_text(error)}).") from error


def _one_image(path: Path, name: str) -> PurePosixPath:
    """Return where in a Zarr its one image lies."""
    below = contents.images_in(path, name)
    if len(below) != 1:
        raise ImageError(
            f"{name}: an image must be chosen of {len(below)} in this Zarr, "
            f"for example {path.name}/{below[0]}."
        )
    return below[0]


def _check_filled(image: Image, pixels: NDArray[Any], name: str) -> None:
    """Raise ImageError for a largest level without any chunk, where a smaller one has pixels.

    Chunks that are not there stand for the fill value, so that a black image has none.
    """
    if not (pixels != pixels.flat[0]).any():
        check_any_chunk(image, name)


def check_any_chunk(image: Image, name: str) -> None:
    """Raise ImageError for a largest level without any chunk, where a smaller one has some."""
    carried = image.metadata["zarr"]
    folders = [carried["path"] / carried["below"] / level for level in carried["levels"][:2]]
    if len(folders) < 2 or next(chunk_files(folders[0]), None) is not None:
        return
    if next(chunk_files(folders[1]), None) is not None:
        count = largest(image, name).nchunks
        raise ImageError(
            f"{name}: the Zarr is damaged (its largest level lacks all {count} chunks)."
        )


def chunk_files(folder: Path) -> Iterator[Path]:
    """Return the files of the chunks, or shards, of an array's folder."""
    for place, _, names in os.walk(folder):
        for name in names:
            if not name.startswith(".") and name != "zarr.json":
                yield Path(place, name)


def _check_chunks(array: Any, name: str) -> None:
    """Raise ImageError for a chunk of an array that is cut short."""
    if needs_check(array):
        for file in chunk_files(Path(array.store.root) / array.path):
            check_chunk(file, name)


def needs_check(array: Any) -> bool:
    """Return whether the chunks of an array must be checked before they are read.

    The decoder of Blosc (numcodecs 0.16) trusts the sizes in a chunk's header.
    """
    return array.shards is None and "Blosc" in str(array.compressors)


def check_chunk(file: Path, name: str) -> None:
    """Raise ImageError for a file of a chunk of Blosc that is cut short."""
    with file.open("rb") as stream:
        check_blosc(stream.read(BLOSC_HEADER), file.stat().st_size, name)


def check_blosc(head: bytes, size: int, name: str) -> None:
    """Raise ImageError for a chunk of Blosc that is cut short.

    head: its first bytes. size: its length, bytes. name: what the error calls it.
    """
    declared = int.from_bytes(head[12:16], "little")
    if len(head) < BLOSC_HEADER or declared > size:
        raise ImageError(
            f"{name}: the Zarr is damaged (a chunk must have {declared} bytes, got {size})."
        )
