"""What a plate's index knows of an image, put where the image itself says nothing."""

from __future__ import annotations

from dataclasses import replace

from unsmear.data.plates.plate import Place, is_plausible
from unsmear.images import Image
from unsmear.images.axes import channel_count


def apply_place(image: Image, place: Place, vendor: str) -> Image:
    """Return an image with the pixel size and the channel name of its place on the plate.

    vendor: `Plate.vendor`, for where the pixel size comes from.

    What the file itself says stays, except a pixel size that no microscope has.
    """
    changes: dict[str, object] = {}
    if place.pixel_size is not None and not is_plausible(image.pixel_size):
        changes["pixel_size"] = place.pixel_size
        changes["pixel_size_from"] = place.pixel_size_from or vendor
    one = channel_count(image.axes, image.pixels.shape) == 1
    if place.channel and one and not image.channels:
        changes["channels"] = (place.channel,)
    return replace(image, **changes) if changes else image  # type: ignore[arg-type]
