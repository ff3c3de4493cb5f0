"""Chunks of an OME-Zarr in an object store or on a web server, which are asked for one by one.

The metadata lie on the disk, and everything that holds of a Zarr that is fetched holds here: a
chunk is complete, or absent for sure, or an error. Of a shard only the chunks that are wanted come.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import zarr
from zarr.abc.store import (
    ByteRequest,
    OffsetByteRequest,
    RangeByteRequest,
    Store,
    SuffixByteRequest,
)
from zarr.core.buffer import Buffer, BufferPrototype
from zarr.storage import LocalStore, WrapperStore

from unsmear import remote
from unsmear.errors import ImageError
from unsmear.images.image import Image
from unsmear.images.ome_zarr import reading
from unsmear.images.ome_zarr.metadata import FILES, is_metadata
from unsmear.location import Location

Sizes = Mapping[str, int]
"""Lengths of the objects of a Zarr by their paths, bytes."""


class RemoteChunks(WrapperStore[Store]):
    """A Zarr whose metadata lie on the disk and whose chunks on a server.

    sizes: of all objects, in an object store; None on a web server, which cannot be listed.
    checked: whether the lengths in the headers of chunks are checked, see `reading.needs_check`.
    """

    def __init__(
        self, store: Store, location: Location, sizes: Sizes | None, checked: bool
    ) -> None:
        super().__init__(store)
        self._location, self._sizes, self._checked = location, sizes, checked

    def _with_store(self, store: Store) -> RemoteChunks:
        return RemoteChunks(store, self._location, self._sizes, self._checked)

    async def get(
        self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None
    ) -> Buffer | None:
        """Return a file, or a part of it; None where there is none."""
        if is_metadata(key):
            return await self._store.get(key, prototype, byte_range)
        data = await asyncio.to_thread(self._read, key, byte_range)
        return None if data is None else prototype.buffer.from_bytes(data)

    async def get_partial_values(
        self,
        prototype: BufferPrototype,
        key_ranges: Iterable[tuple[str, ByteRequest | None]],
    ) -> list[Buffer | None]:
        """Return parts of files, None where there is none."""
        return [await self.get(key, prototype, part) for key, part in key_ranges]

    def _read(self, key: str, byte_range: ByteRequest | None) -> bytes | None:
        if self._sizes is not None and key not in self._sizes:
            return None
        size = None if self._sizes is None else self._sizes[key]
        data = remote.read(self._location / key, *_span(byte_range), size=size)
        if data is None and self._sizes is not None:
            raise ImageError(f"{self._location / key}: the file was there, and is no more.")
        if data is not None and self._checked:
            reading.check_blosc(data, len(data), str(self._location / key))
        return data


def largest(image: Image, location: Location) -> Any:
    """Return the array of an image's largest level; its chunks come from a server.

    image: as it was read from the metadata on the disk. location: of the Zarr.

    Raises ImageError for a largest level without any chunk where a smaller one has some, as far as
    the server can be listed.
    """
    carried = image.metadata["zarr"]
    here: Path = carried["path"] / carried["below"]
    there = location / carried["below"]
    sizes = None
    if there.scheme == "s3":
        sizes = remote.listing(there)
        _check_any(sizes, carried["levels"], str(location))
    checked = reading.needs_check(reading.largest(image, image.name))
    store = RemoteChunks(LocalStore(here, read_only=True), there, sizes, checked)
    return zarr.open_array(store, path=carried["levels"][0], mode="r")


def gives_parts(image: Image, location: Location) -> bool:
    """Return whether a server gives parts of files, asked of the metadata of the largest level."""
    carried = image.metadata["zarr"]
    level = location / carried["below"] / carried["levels"][0]
    return remote.gives_parts(level / "zarr.json")


def stamp(image: Image, location: Location) -> list[str]:
    """Return by what an image on a server is known to be unchanged.

    Of an object store it is the ETags of all objects of the largest level; a web server only has
    the metadata.
    """
    carried = image.metadata["zarr"]
    here, level = carried["path"] / carried["below"], carried["levels"][0]
    digest = sha256(str(location).encode())
    for folder in (here, here / level):
        for name in FILES:
            if (folder / name).is_file():
                digest.update((folder / name).read_bytes())
    if location.scheme == "s3":
        found = remote.versions(location / carried["below"] / level)
        digest.update(repr(sorted(found.items())).encode())
    return [digest.hexdigest()]


def _span(part: ByteRequest | None) -> tuple[int | None, int | None]:
    """Return the first byte of a part of a file, and the one behind it."""
    if isinstance(part, RangeByteRequest):
        return part.start, part.end
    if isinstance(part, OffsetByteRequest):
        return part.offset, None
    if isinstance(part, SuffixByteRequest):
        return -part.suffix, None
    return None, None


def _check_any(sizes: Sizes, levels: tuple[str, ...], name: str) -> None:
    filled = [any(_is_chunk(path, level) for path in sizes) for level in levels[:2]]
    if filled == [False, True]:
        raise ImageError(f"{name}: the Zarr is damaged (its largest level lacks all chunks).")


def _is_chunk(path: str, level: str) -> bool:
    return path.startswith(f"{level}/") and not is_metadata(path)
