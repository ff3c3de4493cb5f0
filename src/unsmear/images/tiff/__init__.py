"""TIFF files (OME, ImageJ and plain) of any compression, including pixel size and channel names."""

from unsmear.images.tiff.reading import MAGICS, read
from unsmear.images.tiff.writing import write

__all__ = ["MAGICS", "read", "write"]
