"""TIFF files (OME, ImageJ and plain) of any compression, including pixel size and channel names."""

from unsmear.images.tiff.contents import members
from unsmear.images.tiff.new import as_imagej
from unsmear.images.tiff.reading import MAGICS, matches, read, scenes
from unsmear.images.tiff.writing import remark, says_more, write, write_ome

__all__ = [
    "MAGICS",
    "as_imagej",
    "matches",
    "members",
    "read",
    "remark",
    "says_more",
    "scenes",
    "write",
    "write_ome",
]
