"""What a plate's index knows of an image, put where the image itself says nothing."""

from __future__ import annotations

from dataclasses import replace

from unsmear.data.plates.plate import Place, is_plausible
from unsmear.images import Image
from unsmear.images.axes import channel_count


def apply_place(image: Image, place: Place, vendor: str) -> Image:
    """Return an image with the pixel size and the channel name of its place on the plate.

    vendor: `Plate.vendor`, for where the pixel size comes from.

    What the file itself says stays, except a pixel size that no microscope has. The name goes
    only to a TIFF that has no description: others have no room for it, or one of their own.
    """
    changes: dict[str, object] = {}
    if place.pixel_size is not None and not is_plausible(image.pixel_size):
        changes["pixel_size"] = place.pixel_size
        changes["pixel_size_from"] = place.pixel_size_from or vendor
    if place.channel and not image.channels and _has_room(image):
        changes["channels"] = (place.channel,)
    return replace(image, **changes) if changes else image  # type: ignore[arg-type]


def _has_room(image: Image) -> bool:
    """Return whether the name of a channel can be written with an image, and is the only one."""
    tiff = image.metadata.get("tiff")
    one = channel_count(image.axes, image.pixels.shape) == 1
    return one and tiff is not None and not tiff.get("description")
