"""Writing of a new OME-Zarr image, with levels and metadata."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsmear.errors import ImageError
from unsmear.images import axes as axes_
from unsmear.images.image import Image
from unsmear.images.ome_zarr import steps
from unsmear.images.ome_zarr.levels import pyramid

ORDER = "TCZYX"
"""Order of the axes that OME-Zarr asks for."""
KINDS = {"T": "time", "C": "channel", "Z": "space", "Y": "space", "X": "space"}
UNITS = {**steps.UNITS, "Y": "micrometer", "X": "micrometer"}
CHUNK = 1024
"""Longest side of a chunk of a new image, pixels."""
COLOURS = ("0000FF", "00FF00", "FF0000", "FFFF00", "FF00FF", "00FFFF", "FFFFFF")
"""Colours in which viewers show the channels of a new image, one after the other."""
SAMPLES = ("FF0000", "00FF00", "0000FF", "FFFFFF")
"""Those of the samples of a colour image."""


def write(path: Path, image: Image, version: str = "0.5") -> None:
    """Write an image as a new group, with levels; no other group is around it.

    Raises ImageError for positions, for which OME-Zarr has no axis.
    """
    import zarr

    if "P" in image.axes:
        raise ImageError(
            f"{image.name}: an OME-Zarr image must have no positions, got axes {image.axes}; "
            "write OME-TIFF."
        )
    axes = "".join(letter for letter in ORDER if letter in image.axes.replace("S", "C"))
    planes = axes_.to_planes(image.pixels, image.axes)
    sizes = dict(zip(image.axes, image.pixels.shape, strict=True))
    batch = [sizes[letter] for letter in "TZ" if letter in sizes]
    channels = [planes.shape[1]] if "C" in axes else []
    pixels = planes.reshape(*batch, *channels, *planes.shape[2:])
    current = "".join(letter for letter in "TZ" if letter in sizes) + ("C" if channels else "")
    pixels = pixels.transpose([(current + "YX").index(letter) for letter in axes])
    group = zarr.create_group(str(path), zarr_format=3 if version == "0.5" else 2)
    levels = pyramid(pixels, axes)
    for number, level in enumerate(levels):
        sides = [min(side, CHUNK) if axis in "YX" else 1
                 for axis, side in zip(axes, level.shape, strict=True)]  # fmt: skip
        options: dict[str, Any] = (
            {"dimension_names": [letter.lower() for letter in axes]}
            if version == "0.5"
            else {"chunk_key_encoding": {"name": "v2", "separator": "/"}}
        )
        array = group.create_array(
            str(number), shape=level.shape, dtype=level.dtype, chunks=tuple(sides), **options
        )
        array[...] = level
    said = _said(image, axes, pixels, levels, version)
    group.attrs.update({"ome": {"version": "0.5", **said}} if version == "0.5" else said)


def _said(
    image: Image, axes: str, pixels: NDArray[Any], levels: list[NDArray[Any]], version: str
) -> dict[str, Any]:
    """Return the metadata of a new image."""
    size = dict(steps.of_image(image))
    if image.pixel_size:
        size |= dict(zip("YX", image.pixel_size, strict=True))
    listed = [
        {"name": letter.lower(), "type": KINDS[letter]}
        | ({"unit": UNITS[letter]} if letter in size else {})
        for letter in axes
    ]
    datasets = []
    for number, level in enumerate(levels):
        scale = [
            size.get(letter, 1.0) * whole / side
            for letter, whole, side in zip(axes, pixels.shape, level.shape, strict=True)
        ]
        transform = {"type": "scale", "scale": scale}
        datasets.append({"path": str(number), "coordinateTransformations": [transform]})
    multiscale: dict[str, Any] = {"name": image.name, "axes": listed, "datasets": datasets}
    if version != "0.5":
        multiscale["version"] = version
    said: dict[str, Any] = {"multiscales": [multiscale]}
    if "C" in axes and image.channels:
        said["omero"] = {"channels": channels(image, axes, pixels)}
    return said


def channels(image: Image, axes: str, pixels: NDArray[Any]) -> list[dict[str, Any]]:
    """Return how viewers show each channel."""
    names = [*image.channels, *(["alpha"] if image.alpha else [])]
    colours = SAMPLES if "S" in image.axes else COLOURS
    moved = np.moveaxis(pixels, axes.index("C"), 0)
    white = float(np.iinfo(pixels.dtype).max) if pixels.dtype.kind in "iu" else 1.0
    listed = []
    for number, (name, plane) in enumerate(zip(names, moved, strict=True)):
        known = plane[np.isfinite(plane)] if plane.dtype.kind == "f" else plane
        low, high = (float(known.min()), float(known.max())) if known.size else (0.0, white)
        window = {"min": min(0.0, low), "max": max(white, high), "start": low, "end": high}
        colour = colours[number % len(colours)]
        listed.append({"label": name, "color": colour, "window": window, "active": True})
    return listed
