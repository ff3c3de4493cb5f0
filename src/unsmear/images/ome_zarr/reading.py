"""Reading of OME-Zarr images, single ones and those of plates and collections."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsmear.errors import ImageError
from unsmear.images import axes as axes_
from unsmear.images.image import Image, check_declared, check_pixels, error_text
from unsmear.images.ome_zarr import contents, metadata
from unsmear.images.ome_zarr.steps import as_ome

BLOSC_HEADER = 16
"""Length of the header of a chunk of Blosc, bytes; the last four are the chunk's length."""


def read(path: Path, name: str, axes: str | None = None) -> Image:
    """Return the largest level of an image, a group with "multiscales", as in plate.zarr/A/1/0.

    Raises ImageError for a folder that is no such image or is damaged, and AxesError for axes that
    are not known.
    """
    below = _one_image(path, name)
    group = metadata.open_group(path / below, name)
    found = metadata.multiscale_of(group, name, axes)
    try:
        array = group[found.paths[0]]
        shape, dtype = tuple(array.shape), np.dtype(array.dtype)  # type: ignore[union-attr]
        check_declared(shape, dtype.itemsize, name)
        _check_chunks(path / below / found.paths[0], array, name)
        pixels = np.asarray(array[...])  # type: ignore[index]
        _check_filled(group, found.paths, pixels, name)
    except ImageError:
        raise
    # Each codec has errors of its own for a damaged chunk.
    except Exception as error:
        raise ImageError(f"{name}: the Zarr is damaged ({error_text(error)}).") from error
    letters = axes_.check(metadata.axes_for(found, shape, axes, name), shape, name)
    count = axes_.channel_count(letters, shape)
    carried: dict[str, Any] = {
        "zarr": {"path": path, "below": below, "version": found.version, "axes": letters}
    }
    if found.steps:  # for a TIFF, if that is what it becomes
        carried["tiff"] = {"ome": as_ome(found.steps)}
    return Image(
        check_pixels(pixels, name),
        letters,
        found.channels if len(found.channels) == count and any(found.channels) else (),
        found.pixel_size,
        name,
        carried,
        found.pixel_size_from,
    )


def _one_image(path: Path, name: str) -> PurePosixPath:
    """Return where in a Zarr its one image lies."""
    below = contents.images_in(path, name)
    if len(below) != 1:
        raise ImageError(
            f"{name}: an image must be chosen of {len(below)} in this Zarr, "
            f"for example {path.name}/{below[0]}."
        )
    return below[0]


def _check_filled(group: Any, paths: tuple[str, ...], pixels: NDArray[Any], name: str) -> None:
    """Raise ImageError for a largest level without any chunk, where a smaller one has pixels.

    Chunks that are not there stand for the fill value, so that a black image has none.
    """
    if len(paths) < 2 or (pixels != pixels.flat[0]).any():
        return
    largest, smaller = group[paths[0]], group[paths[1]]
    if largest.nchunks_initialized == 0 and smaller.nchunks_initialized:
        raise ImageError(
            f"{name}: the Zarr is damaged (its largest level lacks all {largest.nchunks} chunks)."
        )


def _check_chunks(folder: Path, array: Any, name: str) -> None:
    """Raise ImageError for a chunk that is cut short.

    The decoder of Blosc (numcodecs 0.16) trusts the sizes in a chunk's header.
    """
    if array.shards is not None or "Blosc" not in str(array.compressors):
        return
    for file in folder.rglob("*"):
        if file.name.startswith(".") or file.name == "zarr.json" or not file.is_file():
            continue
        with file.open("rb") as stream:
            head = stream.read(BLOSC_HEADER)
        size = file.stat().st_size
        declared = int.from_bytes(head[12:16], "little")
        if len(head) < BLOSC_HEADER or declared > size:
            raise ImageError(
                f"{name}: the Zarr is damaged (a chunk must have {declared} bytes, got {size})."
            )
