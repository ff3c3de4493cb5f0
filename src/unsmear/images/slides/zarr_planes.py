"""Planes of a Zarr array, read and written by windows."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsmear.images.ome_zarr import reading
from unsmear.images.slides import places


class ZarrPlanes:
    """An array of these axes.

    name: what errors call it. remote: whether its chunks come from a server, checked on arrival.
    """

    def __init__(self, array: Any, axes: str, name: str, remote: bool = False) -> None:
        self._array, self._axes, self._name = array, axes, name
        self._checked = not remote and reading.needs_check(array)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Return the dtype of the pixels."""
        dtype: np.dtype[Any] = np.dtype(self._array.dtype)
        return dtype

    @property
    def sides(self) -> tuple[int, int]:
        """Return the numbers of rows and columns."""
        rows, columns = (int(self._array.shape[self._axes.index(letter)]) for letter in "YX")
        return rows, columns

    def read(self, batch: int, channel: int, rows: slice, columns: slice) -> NDArray[Any]:
        """Return a window; raises ImageError for a chunk that is damaged."""
        index = places.index(self._axes, self._array.shape, batch, channel, rows, columns)
        with reading.damage(self._name):
            if self._checked:
                self._check(index)
            window = np.asarray(self._array[index])
        window = places.turned(self._axes, window)
        return np.ascontiguousarray(window, window.dtype.newbyteorder("="))

    def write(
        self, batch: int, channel: int, rows: slice, columns: slice, pixels: NDArray[Any]
    ) -> None:
        """Write a window, in the array's byte order."""
        index = places.index(self._axes, self._array.shape, batch, channel, rows, columns)
        self._array[index] = places.turned(self._axes, pixels)

    def _check(self, index: tuple[int | slice, ...]) -> None:
        """Raise ImageError for a chunk of a window that is cut short; absent ones are no damage."""
        folder = Path(self._array.store.root) / self._array.path
        for file in (folder / key for key in self._keys(index)):
            if file.is_file():
                reading.check_chunk(file, self._name)

    def _keys(self, index: tuple[int | slice, ...]) -> list[str]:
        """Return the names of the chunks that hold a window."""
        spans = [
            range(part.start // side, -(-part.stop // side))
            if isinstance(part, slice)
            else [part // side]
            for part, side in zip(index, self._array.chunks, strict=True)
        ]
        return [self._array.metadata.encode_chunk_key(place) for place in itertools.product(*spans)]


def sides_of(array: Any) -> tuple[int, ...]:
    """Return the shape of what is one file: a shard, or a chunk where there are no shards."""
    return tuple(array.shards or array.chunks)
