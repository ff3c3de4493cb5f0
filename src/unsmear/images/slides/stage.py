"""Blocks of a result that wait for its file, in a Zarr of their own: a block is a chunk."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from unsmear.images.slides.zarr_planes import ZarrPlanes

AXES = "TCYX"
"""Axes of the array: all planes of the batch, channels, rows and columns."""


def make(path: Path, shape: Sequence[int], dtype: np.dtype[Any], block: tuple[int, int]) -> None:
    """Make an empty array for the planes of an image, (batch, channel, y, x); none is kept."""
    import zarr

    chunks = (1, 1, *(min(side, whole) for side, whole in zip(block, shape[2:], strict=True)))
    zarr.create_array(str(path), shape=tuple(shape), dtype=dtype, chunks=chunks, overwrite=True)


def array(path: Path) -> Any:
    """Return what was made, as Zarr's array."""
    import zarr

    return zarr.open_array(str(path), mode="r+")


def planes(path: Path, name: str) -> ZarrPlanes:
    """Return what was made. name: what errors call it."""
    return ZarrPlanes(array(path), AXES, name)
