"""Leica LIF: every image of the project, by liffile (BSD-3)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from unsmear.images.image import Image, check_declared, choose
from unsmear.images.vendor import reader

MAGIC = b"\x70\0\0\0"
TITLE = "a Leica LIF"


def scenes(file: Path | bytes, name: str) -> list[str]:
    """Return the names of the images; raises ImageError and MissingExtra as `read` does."""
    liffile = reader.package("liffile", name, TITLE)
    with reader.guarded(file, name, TITLE), liffile.LifFile(file) as lif:
        return [str(image.name) for image in lif.images]


def read(file: Path | bytes, name: str, axes: str | None = None, scene: int | None = None) -> Image:
    """Return an image of the project."""
    liffile = reader.package("liffile", name, TITLE)
    with reader.guarded(file, name, TITLE), liffile.LifFile(file) as lif:
        names = [str(image.name) for image in lif.images]
        image = lif.images[choose(names, scene, name, TITLE)]
        check_declared(tuple(image.shape), np.dtype(image.dtype).itemsize, name)
        # M, the fields of a tile scan, are positions of the stage.
        dims = "".join("P" if dim == "M" else dim for dim in image.dims)
        return reader.image(
            np.asarray(image.asarray()),
            dims,
            axes,
            name,
            size=(_step(image, "Y"), _step(image, "X")),
            source="LIF metadata",
            channels=_stains(image),
            metadata={"lif": {}},
            unkept="Leica's own metadata",
        )


def _stains(image: Any) -> list[str]:
    """Return the names of the dyes in the order of the channels, "" where there is none."""
    found = image.xml_element.findall("./Data/Image/ImageDescription/Channels/ChannelDescription")
    found.sort(key=lambda channel: int(channel.get("BytesInc", 0)))
    said = [
        {entry.findtext("Key"): entry.findtext("Value") for entry in channel} for channel in found
    ]
    # Leica writes whose list the name is from before it: "Leica/ALEXA 488".
    return [(of_channel.get("DyeName") or "").rpartition("/")[2] for of_channel in said]


def _step(image: Any, axis: str) -> float | None:
    """Return the size of a pixel along an axis, micrometres; the file has metres."""
    places = image.coords.get(axis)
    if places is None or len(places) < 2:
        return None
    return float(abs(places[-1] - places[0]) / (len(places) - 1)) * 1e6
