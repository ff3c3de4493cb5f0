"""Reading and writing of images, with axes, pixel size and metadata; nothing is rescaled."""

from unsmear.images.files import SUFFIXES, WRITERS, read, write
from unsmear.images.image import Image, check_pixels

__all__ = ["SUFFIXES", "WRITERS", "Image", "check_pixels", "read", "write"]
