"""OME-XML metadata: parsing, and the options with which tifffile writes it again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree

from unsmear.errors import ImageError
from unsmear.images import axes
from unsmear.images.image import MICROMETRES, Image

PIXELS = (
    "SignificantBits",
    "PhysicalSizeZ",
    "PhysicalSizeZUnit",
    "TimeIncrement",
    "TimeIncrementUnit",
)
CHANNEL = (
    "Name",
    "Color",
    "Fluor",
    "ContrastMethod",
    "AcquisitionMode",
    "IlluminationType",
    "ExcitationWavelength",
    "ExcitationWavelengthUnit",
    "EmissionWavelength",
    "EmissionWavelengthUnit",
    "PinholeSize",
    "PinholeSizeUnit",
    "NDFilter",
)


def parse(
    xml: str, name: str
) -> tuple[tuple[float, float] | None, tuple[str, ...], dict[str, Any]]:
    """Return pixel size, channel names ("" for one without), and the metadata for `options`."""
    try:
        root = ElementTree.fromstring(xml)
    except ElementTree.ParseError as error:
        raise ImageError(f"{name}: its OME-XML is damaged ({error}).") from error
    image, pixels = root.find(".//{*}Image"), root.find(".//{*}Pixels")
    if image is None or pixels is None:
        raise ImageError(f"{name}: its OME-XML describes no image.")
    channels = [_attributes(channel, CHANNEL) for channel in pixels.findall("{*}Channel")]
    names = tuple(channel.get("Name", "") for channel in channels)
    carried: dict[str, Any] = {
        **_attributes(pixels, PIXELS),
        "Name": image.get("Name", ""),
        "Description": image.findtext("{*}Description", ""),
        "Channel": channels,
    }
    return _pixel_size(pixels), names if any(names) else (), carried


def options(image: Image, carried: Mapping[str, Any], done: str) -> dict[str, Any]:
    """Return tifffile's options to write the image with this metadata."""
    metadata = {k: v for k, v in carried.items() if v}
    metadata["axes"] = image.axes
    metadata["Description"] = "\n".join(filter(None, [carried.get("Description"), done]))
    if image.pixel_size:
        for axis, size in zip("YX", image.pixel_size, strict=True):
            metadata |= {f"PhysicalSize{axis}": size, f"PhysicalSize{axis}Unit": "µm"}
    # tifffile needs one entry for each channel, or one for all samples.
    count = max(1, axes.channel_count(image.axes, image.pixels.shape))
    channels = [dict(channel) for channel in carried.get("Channel", [])]
    channels += [{} for _ in range(count - len(channels))]
    for channel, name in zip(channels, image.channels, strict=False):
        channel |= {"Name": name} if name else {}
    metadata["Channel"] = channels
    return {"ome": True, "metadata": metadata}


def _attributes(element: ElementTree.Element, names: tuple[str, ...]) -> dict[str, str]:
    return {name: element.attrib[name] for name in names if name in element.attrib}


def _pixel_size(pixels: ElementTree.Element) -> tuple[float, float] | None:
    y, x = (
        float(pixels.get(f"PhysicalSize{axis}", 0))
        * MICROMETRES.get(pixels.get(f"PhysicalSize{axis}Unit", "µm").lower(), 0.0)
        for axis in "YX"
    )
    return (y, x) if y and x else None
