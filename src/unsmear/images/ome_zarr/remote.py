"""OME-Zarr in object stores and on web servers: fetched to the disk image by image, and sent.

An object store is listed, so that what is missing is known to be missing. A web server cannot be:
there the files follow from the metadata, and a chunk stands for the fill value only where the
server says that there is none (404). Every other answer is an error, never a black chunk.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from hashlib import file_digest, md5
from itertools import count
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from unsmear import remote
from unsmear.errors import ImageError
from unsmear.images.image import check_declared
from unsmear.images.ome_zarr.contents import attributes
from unsmear.images.ome_zarr.metadata import (
    DAMAGE,
    OLD,
    WANTED,
    is_metadata,
    is_zarr,
    text,
)
from unsmear.location import Location

AT_ONCE = 8
"""Number of files that are fetched or sent at the same time."""
MOST = 1_000_000
"""Largest number of chunks of an array on a web server; each is asked for."""


def fetch_groups(location: Location, folder: Path) -> None:
    """Write the metadata of a Zarr and of the plate's wells or the series in it, without images.

    Raises ImageError where nothing is there, or it cannot be read.
    """
    said = _fetch_metadata(location, folder)
    if not is_zarr(folder):
        raise ImageError(f"{location}: a folder must be {WANTED}, got none (404 Not Found).")
    try:
        wells = [str(well["path"]) for well in said.get("plate", {}).get("wells", [])]
    except DAMAGE as error:
        raise ImageError(f"{location}: its metadata are damaged ({text(error)}).") from error
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(lambda group: _fetch_below(location, folder, group), _groups(wells)))
    if "bioformats2raw.layout" in said and not _fetch_below(location, folder, "OME").get("series"):
        for number in count():
            _fetch_below(location, folder, str(number))
            if not is_zarr(folder / str(number)):
                break


def _groups(wells: Collection[str]) -> list[str]:
    """Return the paths of wells and of the rows around them."""
    rows = [str(row) for well in wells for row in PurePosixPath(well).parents[-2::-1]]
    return list(dict.fromkeys([*rows, *wells]))


def fetch_image(location: Location, folder: Path) -> None:
    """Write an image, a group with "multiscales", with all that lies in it, to the disk.

    Raises ImageError where anything of it cannot be read whole.
    """
    if location.scheme == "s3":
        _fetch_listed(location, folder)
    else:
        _fetch_named(location, folder)
    if not is_zarr(folder):
        raise ImageError(f"{location}: an image must lie there, got nothing (404 Not Found).")


def fetch_header(location: Location, folder: Path) -> None:
    """Write the metadata of an image and of its levels to the disk; raises as `fetch_image`."""
    for path in ("", *_levels(_fetch_metadata(location, folder), location)):
        for group in (*PurePosixPath(path).parents[-2::-1], PurePosixPath(path)):
            _fetch_metadata(location / group, folder / group)


def fetch_beside(location: Location, folder: Path) -> None:
    """Write all that lies in an image beside the chunks of its levels to the disk.

    folder: with the metadata of the image. Raises as `fetch_image` does.
    """
    if location.scheme == "s3":
        _fetch_listed(location, folder, _levels(attributes(folder), location))
    else:
        _fetch_labels(location, folder)


def send(folder: Path, location: Location) -> None:
    """Write a Zarr into an object store: its chunks, then its metadata, the outermost last.

    Until the last object is there, what lies there is no Zarr. What was there before loses its
    metadata first; chunks that are there already, by their MD5, are not sent again. Every object
    that is sent is read back. Raises ImageError where that fails.
    """
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    paths = {file: file.relative_to(folder).as_posix() for file in files}
    before = remote.versions(location)
    for path in sorted(filter(is_metadata, before), key=_depth):
        remote.remove(location / path)
    _each(lambda path: remote.remove(location / path), before.keys() - set(paths.values()))
    metadata = [file for file in files if is_metadata(paths[file])]
    chunks = [file for file in files if not is_metadata(paths[file])]

    def send_chunk(file: Path) -> None:
        if before.get(paths[file]) != _md5(file):
            remote.send(file, location / paths[file])

    _each(send_chunk, chunks)
    # ".zgroup" makes a folder a Zarr, so that it comes after ".zattrs".
    for file in sorted(metadata, key=lambda f: (-_depth(paths[f]), f.name == ".zgroup")):
        remote.send(file, location / paths[file])
    there, here = remote.listing(location), {paths[f]: f.stat().st_size for f in files}
    if there != here:
        raise ImageError(
            f"{location}: the Zarr must hold {len(here)} objects as they were written, "
            f"got others ({len(there)})."
        )


def is_there(location: Location) -> bool:
    """Return whether a whole Zarr lies in an object store: its metadata come last."""
    return any(remote.exists(location / name) for name in ("zarr.json", ".zgroup"))


def _md5(file: Path) -> str:
    with file.open("rb") as stream:
        return file_digest(stream, partial(md5, usedforsecurity=False)).hexdigest()


def _depth(path: str) -> int:
    return path.count("/")


def _each(action: Any, what: Collection[Any]) -> None:
    """Do something to each of many, several at a time; the first error ends it."""
    pool = ThreadPoolExecutor(AT_ONCE)
    try:
        list(pool.map(action, what))
    finally:
        pool.shutdown(cancel_futures=True)


def _fetch_listed(location: Location, folder: Path, bare: Collection[str] = ()) -> None:
    """Write all objects below a place, but for the chunks of bare arrays."""
    sizes = {
        path: size
        for path, size in remote.listing(location).items()
        if is_metadata(path) or not any(path.startswith(f"{array}/") for array in bare)
    }

    def fetch(path: str) -> None:
        if not remote.fetch(location / path, folder / _inside(path, location), sizes[path]):
            raise ImageError(f"{location / path}: the file was there, and is no more.")

    _each(fetch, sizes)


def _fetch_named(location: Location, folder: Path) -> None:
    """Write the files that the metadata of an image name: its levels, its labels."""
    paths = _levels(_fetch_metadata(location, folder), location)
    for path in paths:
        for group in PurePosixPath(path).parents[-2::-1]:
            _fetch_metadata(location / group, folder / group)
        _fetch_array(location / path, folder / path)
    if paths:
        _fetch_labels(location, folder)


def _fetch_labels(location: Location, folder: Path) -> None:
    """Write the labels of an image, whose metadata are there; those of labels are none."""
    if "image-label" in attributes(folder):
        return
    for name in _fetch_below(location, folder, "labels").get("labels", []):
        below = f"labels/{_inside(str(name), location)}"
        _fetch_named(location / below, folder / below)


def _levels(said: Mapping[str, Any], location: Location) -> list[str]:
    """Return the paths of the arrays of an image, by its attributes."""
    try:
        paths = [
            str(dataset["path"])
            for multiscale in said.get("multiscales", [])
            for dataset in multiscale["datasets"]
        ]
    except DAMAGE as error:
        raise ImageError(f"{location}: its metadata are damaged ({text(error)}).") from error
    return [_inside(path, location) for path in dict.fromkeys(paths)]


def _fetch_array(location: Location, folder: Path) -> None:
    _fetch_metadata(location, folder)
    keys = list(_chunks(location, folder)) if is_zarr(folder) else []
    _each(lambda key: remote.fetch(location / key, folder / key), keys)


def _chunks(location: Location, folder: Path) -> Iterator[str]:
    """Yield the paths of an array's files, whether they are there or not."""
    import zarr

    try:
        array = zarr.open_array(str(folder), mode="r")
        shape, sides = array.shape, array.shards or array.chunks
        grid = [-(-size // side) for size, side in zip(shape, sides, strict=True)]
        check_declared(shape, np.dtype(array.dtype).itemsize, str(location))
    except ImageError:
        raise
    except Exception as error:  # whatever damaged metadata make zarr raise
        raise ImageError(f"{location}: its metadata are damaged ({text(error)}).") from error
    if np.prod(grid, dtype=float) > MOST:
        raise ImageError(
            f"{location}: an array on a web server must have at most {MOST} chunks, got "
            f"{'x'.join(map(str, grid))}."
        )
    for place in np.ndindex(*grid):
        yield array.metadata.encode_chunk_key(place)


def _fetch_below(location: Location, folder: Path, path: str) -> Mapping[str, Any]:
    return _fetch_metadata(location / path, folder / _inside(path, location))


def _fetch_metadata(location: Location, folder: Path) -> Mapping[str, Any]:
    """Write the metadata of a group or an array, if there are any, and return its attributes."""
    if not remote.fetch(location / "zarr.json", folder / "zarr.json"):
        for name in OLD:
            remote.fetch(location / name, folder / name)
    return attributes(folder)


def _inside(path: str, location: Location) -> str:
    """Return a path below a Zarr; raises ImageError for one that leads out of it."""
    if not path or path.startswith("/") or "\\" in path or ".." in path.split("/"):
        raise ImageError(f"{location}: paths in a Zarr must lie inside it, got {path!r}.")
    return path
