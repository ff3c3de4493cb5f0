"""An image as its file stores it: pages, levels, axes."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

PIECE = 2**14
"""Number of bytes that are compared at once."""
EVERY = 64
"""Distance of the pieces that are compared, pieces."""


@dataclass(frozen=True)
class Stored:
    """An image of a file: its pages, as tifffile gives them.

    number: of the image in the file's metadata, from 0.
    xml: OME-XML that stands in another file.
    axes: tifffile's letters. shape: of all pages together.
    """

    name: str
    number: int
    axes: str
    shape: tuple[int, ...]
    pages: tuple[Any, ...]
    series: tuple[Any, ...]
    xml: str = ""

    @property
    def keyframe(self) -> Any:
        """Return the page of tifffile that says how all pages are stored."""
        return self.series[0].keyframe

    @property
    def dtype(self) -> np.dtype[Any]:
        """Return the dtype of the pixels, in the file's byte order."""
        dtype: np.dtype[Any] = np.dtype(self.series[0].dtype)
        return dtype

    @cached_property
    def is_series(self) -> bool:
        """Return whether this is a whole series of the file, and not a part of one or several."""
        return len(self.series) == 1 and self.shape == tuple(self.series[0].shape)

    @property
    def dataoffset(self) -> int | None:
        """Return the position of the pixels where they lie behind each other in the file."""
        offset = self.series[0].dataoffset if self.is_series else None
        return None if offset is None else int(offset)

    @cached_property
    def levels(self) -> tuple[Stored, ...]:
        """Return the levels of a pyramid, this image first."""
        whole = sum(len(series.pages) for series in self.series) == len(self.pages)
        if not whole:
            return (self,)
        joined = self.shape[: len(self.shape) - len(self.series[0].shape)]
        return (
            self,
            *(
                replace(
                    self,
                    shape=(*joined, *levels[0].shape),
                    pages=tuple(page for level in levels for page in level.pages),
                    series=levels,
                )
                for levels in zip(*(series.levels[1:] for series in self.series), strict=False)
            ),
        )

    def asarray(self) -> NDArray[Any]:
        """Return the pixels in the axes."""
        if self.is_series:
            return np.asarray(self.series[0].asarray())
        planes = np.stack([page.asarray() for page in self.pages])
        return planes.reshape(self.shape)

    def holds(self, pixels: NDArray[Any]) -> bool:
        """Return whether the file has these pixels, in this order.

        Of uncompressed ones behind each other, samples are compared: `PIECE` bytes of every
        `EVERY` pieces, and the ends.
        """
        handle = self.series[0].parent.filehandle
        native = self.series[0].parent.byteorder == ("<" if sys.byteorder == "little" else ">")
        if self.dataoffset is None or not native:
            found = self.asarray().reshape(-1)
            return np.array_equal(found, pixels.reshape(-1), equal_nan=pixels.dtype.kind == "f")
        # What can go wrong is where they lie and their order: the ends and samples show that.
        wanted = np.ascontiguousarray(pixels).reshape(-1).view(np.uint8)
        last = max(0, wanted.size - PIECE)
        for start in {*range(0, last, PIECE * EVERY), last}:
            handle.seek(self.dataoffset + start)
            if handle.read(min(PIECE, wanted.size)) != wanted[start : start + PIECE].tobytes():
                return False
        return True
