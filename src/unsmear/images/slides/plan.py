"""The plan of a result: by which what an interrupted run left is known to be of the same one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from unsmear.images.ome_zarr.reading import chunk_files
from unsmear.images.slides.slide import Slide
from unsmear.images.tiff.reading import stamp

VERSION = 3
"""Of the folders, raised when an older one cannot be continued."""


def of(slide: Slide, dtype: np.dtype[Any], block: tuple[int, int], key: str) -> bytes:
    """Return the plan of a result as JSON.

    key: what else its pixels depend on.
    """
    plan = {
        "version": VERSION,
        "source": slide.path.name,
        "stamp": stamp_of(slide),
        "axes": slide.axes,
        "scene": slide.scene,
        "shape": slide.header.pixels.shape,
        "dtype": dtype.str,
        "block": block,
        "key": key,
    }
    return json.dumps(plan).encode()


def stamp_of(slide: Slide) -> list[int] | list[str]:
    """Return by what a source is known to be unchanged: sizes and times of its files."""
    if slide.location is not None:
        from unsmear.images.ome_zarr import remote_chunks  # slow to import, as Zarr is

        return remote_chunks.stamp(slide.header, slide.location)
    carried = slide.header.metadata.get("zarr")
    if carried is None:
        return list(stamp(slide.path) or [])
    return stamp_of_folder(slide.path / carried["below"])


def stamp_of_folder(folder: Path) -> list[int]:
    """Return by what a folder of chunks is known to be unchanged: their number, size and time."""
    found = [file.stat() for file in chunk_files(folder)]
    return [
        len(found),
        sum(one.st_size for one in found),
        max((one.st_mtime_ns for one in found), default=0),
    ]
