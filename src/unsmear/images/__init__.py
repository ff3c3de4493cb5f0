"""Reading and writing of images, with axes, pixel size and metadata; nothing is rescaled."""

from unsmear.images.files import (
    SUFFIXES,
    WRITERS,
    copy,
    is_read,
    is_tiff,
    location_of,
    read,
    scenes,
    write,
    written_ending,
)
from unsmear.images.image import Image, check_no_gaps, check_pixels
from unsmear.images.staging import staged

__all__ = [
    "SUFFIXES",
    "WRITERS",
    "Image",
    "check_no_gaps",
    "check_pixels",
    "copy",
    "is_read",
    "is_tiff",
    "location_of",
    "read",
    "scenes",
    "staged",
    "write",
    "written_ending",
]
