"""What a plate's index knows of an image, put where the image itself says nothing."""

from __future__ import annotations

from dataclasses import replace

from unsmear.data.plates.plate import Place, is_plausible
from unsmear.images import Image


def apply_place(image: Image, place: Place, vendor: str) -> Image:
    """Return an image with the pixel size of its place on the plate.

    vendor: `Plate.vendor`, for where the pixel size comes from.

    What the file itself says stays, except a pixel size that no microscope has.
    """
    if place.pixel_size is None or is_plausible(image.pixel_size):
        return image
    source = place.pixel_size_from or vendor
    return replace(image, pixel_size=place.pixel_size, pixel_size_from=source)
