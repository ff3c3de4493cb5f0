"""OME-Zarr 0.4 and 0.5: single images, collections, plates of high-content screening."""

from unsmear.images.ome_zarr import plate
from unsmear.images.ome_zarr.metadata import images_in, is_zarr
from unsmear.images.ome_zarr.reading import read
from unsmear.images.ome_zarr.writing import commands, copy, write

__all__ = ["commands", "copy", "images_in", "is_zarr", "plate", "read", "write"]
