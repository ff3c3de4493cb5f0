"""Writing of OME-Zarr: the Zarr that was read with other pixels, or a new one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np

from unsmear.errors import ImageError, UnsmearError, error_text
from unsmear.images import axes as axes_
from unsmear.images.image import Image
from unsmear.images.ome_zarr import contents, editing, folders, metadata, new
from unsmear.images.ome_zarr.levels import reduced
from unsmear.images.ome_zarr.reading import read
from unsmear.images.record import value

if TYPE_CHECKING:
    import zarr

RECORD = "unsmear"
"""Attribute with the processing records."""


def write(path: Path, image: Image, done: str = "", version: str = "0.5") -> None:
    """Write an image as a group; it appears whole or not at all, and reads back as it was meant.

    An image that was read from a Zarr gives the same group with other pixels: version, chunks,
    codecs, labels and every attribute stay. version: of any other, "0.4" or "0.5".

    Raises ImageError for what OME-Zarr cannot hold, and where it cannot be written.
    """
    with folders.written_aside(path) as aside:
        try:
            _write(aside, image, done, version)
        except (UnsmearError, OSError, MemoryError):
            raise
        # Each codec has errors of its own for pixels that it cannot hold.
        except Exception as error:
            raise ImageError(
                f"{path.name}: the Zarr cannot be written ({error_text(error)})."
            ) from error
        _check(aside, image, path.name)


def _write(aside: Path, image: Image, done: str, version: str) -> None:
    carried = image.metadata.get("zarr")
    below = PurePosixPath()
    if carried is not None and image.axes == carried["axes"]:
        below = carried["below"]
        _write_again(aside, image, carried["path"], below)
    else:
        new.write(aside, image, version)
    if done:
        group = metadata.open_group(aside / below, image.name, "r+")
        group.attrs[RECORD] = [*records_of(group), value(done)]
    for folder in {aside / below, aside}:
        folders.consolidate(folder)


def records_of(group: zarr.Group) -> list[Any]:
    """Return the processing records of an image."""
    records: Any = group.attrs.get(RECORD, [])
    return records if isinstance(records, list) else [records]


def copy(source: Path, path: Path) -> None:
    """Copy a Zarr to the last byte; raises ImageError where that fails."""
    with folders.written_aside(path) as aside:
        folders.copy(source, aside)


def left_behind(image: Image) -> tuple[str, ...]:
    """Return what of the Zarr that an image was read from no other format keeps, in words."""
    carried = image.metadata["zarr"]
    group = metadata.open_group(carried["path"] / carried["below"], image.name)
    levels = {path.split("/")[0] for path in metadata.level_paths(group)}
    others = set(group) - levels
    lost = ["labels"] if "labels" in others else []
    lost += ["other arrays"] if others - {"labels"} else []
    said = {*group.attrs, *metadata.ome_of(group)}
    lost += ["display settings"] if "omero" in said else []
    own = {"ome", "multiscales", "version", "omero", "_creator", RECORD}
    lost += ["other metadata"] if said - own else []
    return tuple(lost)


def commands(path: Path) -> set[str]:
    """Return the commands that are on record in a Zarr, or in its image if it holds one."""
    try:
        records = metadata.open_group(path, path.name).attrs.get(RECORD)
        if records is None:
            (below,) = contents.images_in(path, path.name)
            records = metadata.open_group(path / below, path.name).attrs.get(RECORD, [])
        return {str(record["command"]) for record in records if isinstance(record, dict)}  # type: ignore[union-attr]
    # Whatever is wrong with it, it is none of ours.
    except Exception:
        return set()


def _write_again(aside: Path, image: Image, source: Path, below: PurePosixPath) -> None:
    """Copy a Zarr and replace the pixels of an image in it, at all levels."""
    there = metadata.open_group(source / below, image.name)
    found = metadata.multiscale_of(there, image.name, image.axes)
    group = copied(aside, image.name, source, below)
    whole = group[found.paths[0]].shape  # type: ignore[union-attr]
    ratios = [now / before for now, before in zip(image.pixels.shape, whole, strict=True)]
    for path in metadata.level_paths(there):
        array: Any = group[path]
        shape = [max(1, round(side * r)) for side, r in zip(array.shape, ratios, strict=True)]
        level = reduced(image.pixels, image.axes, shape)
        array_of(group, path, level.shape, level.dtype)[...] = level
    editing.say(group, image, found, whole)


def copied(aside: Path, name: str, source: Path, below: PurePosixPath) -> zarr.Group:
    """Copy a Zarr but for the chunks of an image in it, and return the copy's group of that image.

    name: what errors call it. below: where in the Zarr the image lies.
    """
    paths = metadata.level_paths(metadata.open_group(source / below, name))
    folders.copy(source, aside, [(below / path).as_posix() for path in paths])
    return metadata.open_group(aside / below, name, "r+")


def array_of(group: zarr.Group, path: str, shape: Sequence[int], dtype: np.dtype[Any]) -> Any:
    """Return the array at a path, or another of this shape and dtype in its place.

    dtype: in the machine's byte order; that of the file stays.
    """
    array: Any = group[path]
    before = np.dtype(array.dtype)
    if tuple(shape) == tuple(array.shape) and dtype == before.newbyteorder("="):
        return array
    options: dict[str, Any] = {
        "chunks": array.chunks,
        "fill_value": array.fill_value,
        "attributes": dict(array.attrs),
        "compressors": array.compressors,
    }
    if dtype.itemsize > 1:
        dtype = dtype.newbyteorder(before.byteorder)
    if array.metadata.zarr_format == 3:
        options["filters"] = array.filters
        options["shards"] = array.shards
        options["dimension_names"] = array.metadata.dimension_names
        options["chunk_key_encoding"] = array.metadata.chunk_key_encoding
    else:
        # Filters of version 2 are those of a dtype, as differences of integers.
        options["filters"] = array.filters if dtype == before else None
        options["order"] = array.order
        separator = array.metadata.dimension_separator
        options["chunk_key_encoding"] = {"name": "v2", "separator": separator}
    del group[path]
    return group.create_array(path, shape=tuple(shape), dtype=dtype, **options)


def _check(written: Path, image: Image, name: str) -> None:
    """Raise ImageError unless a group reads back as the image."""
    again = read(written, name, image.axes if "zarr" in image.metadata else None)
    there, here = (axes_.to_planes(i.pixels, i.axes) for i in (again, image))
    sizes = again.pixel_size, image.pixel_size
    names = (*image.channels, *(("alpha",) if image.alpha and image.channels else ()))
    wrong = [
        what
        for what, same in (
            ("shape", there.shape == here.shape),
            ("dtype", there.dtype == here.dtype),
            ("pixel size", _same_size(*sizes)),
            ("channel names", not names or again.channels == names),
            ("pixels", np.array_equal(there, here, equal_nan=here.dtype.kind == "f")),
        )
        if not same
    ]
    if wrong:
        raise ImageError(
            f"{name}: the Zarr must read back as it was written, got other {', '.join(wrong)}; "
            "nothing was written."
        )


def _same_size(again: Sequence[float] | None, image: Sequence[float] | None) -> bool:
    """Return whether two pixel sizes agree, where both are known."""
    return again is None or image is None or bool(np.allclose(again, image, rtol=1e-6, atol=0))
