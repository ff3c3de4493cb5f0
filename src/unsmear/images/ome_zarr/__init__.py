"""OME-Zarr 0.4 and 0.5: single images, collections, plates of high-content screening."""

from unsmear.images.ome_zarr import plate, remote
from unsmear.images.ome_zarr.contents import images_in
from unsmear.images.ome_zarr.folders import consolidate, same, without_consolidated
from unsmear.images.ome_zarr.metadata import FILES, is_zarr
from unsmear.images.ome_zarr.reading import read
from unsmear.images.ome_zarr.writing import commands, copy, left_behind, write

__all__ = [
    "FILES",
    "commands",
    "consolidate",
    "copy",
    "images_in",
    "is_zarr",
    "left_behind",
    "plate",
    "read",
    "remote",
    "same",
    "without_consolidated",
    "write",
]
