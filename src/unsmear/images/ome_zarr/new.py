"""Writing of a new OME-Zarr image, with levels and metadata."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
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
    axes = axes_of(image)
    planes = axes_.to_planes(image.pixels, image.axes)
    sizes = dict(zip(image.axes, image.pixels.shape, strict=True))
    batch = [sizes[letter] for letter in "TZ" if letter in sizes]
    channels = [planes.shape[1]] if "C" in axes else []
    pixels = planes.reshape(*batch, *channels, *planes.shape[2:])
    current = "".join(letter for letter in "TZ" if letter in sizes) + ("C" if channels else "")
    pixels = pixels.transpose([(current + "YX").index(letter) for letter in axes])
    levels = pyramid(pixels, axes)
    arrays = make(path, axes, [level.shape for level in levels], pixels.dtype, version)
    for array, level in zip(arrays, levels, strict=True):
        array[...] = level
    shown = ranges(np.moveaxis(pixels, axes.index("C"), 0)) if "C" in axes else []
    say(path, image, shown, version)


def axes_of(image: Image) -> str:
    """Return the axes that an image gets."""
    if "P" in image.axes:
        raise ImageError(
            f"{image.name}: an OME-Zarr image must have no positions, got axes {image.axes}; "
            "write OME-TIFF."
        )
    return "".join(letter for letter in ORDER if letter in image.axes.replace("S", "C"))


def make(
    path: Path,
    axes: str,
    shapes: Sequence[Sequence[int]],
    dtype: np.dtype[Any],
    version: str = "0.5",
    chunk: tuple[int, int] = (CHUNK, CHUNK),
) -> list[Any]:
    """Make a group with empty arrays, one a level, and return these.

    shapes: of the levels. chunk: longest sides of a chunk, (y, x) pixels.
    """
    import zarr

    group = zarr.create_group(str(path), zarr_format=3 if version == "0.5" else 2)
    longest = dict(zip("YX", chunk, strict=True))
    options: dict[str, Any] = (
        {"dimension_names": [letter.lower() for letter in axes]}
        if version == "0.5"
        else {"chunk_key_encoding": {"name": "v2", "separator": "/"}}
    )
    arrays = []
    for number, shape in enumerate(shapes):
        sides = [min(side, longest.get(axis, 1)) for axis, side in zip(axes, shape, strict=True)]
        arrays.append(
            group.create_array(
                str(number), shape=tuple(shape), dtype=dtype, chunks=tuple(sides), **options
            )
        )
    return arrays


def say(
    path: Path, image: Image, shown: Sequence[tuple[float, float]], version: str = "0.5"
) -> None:
    """Write the metadata of an image whose levels stand in its group.

    shown: lowest and highest value of each channel.
    """
    import zarr

    group = zarr.open_group(str(path), mode="r+", use_consolidated=False)
    count = sum(1 for _ in group.array_keys())
    shapes: list[Any] = [group[str(number)].shape for number in range(count)]  # type: ignore[union-attr]
    said = _said(image, axes_of(image), shapes, shown, version)
    group.attrs.update({"ome": {"version": "0.5", **said}} if version == "0.5" else said)


def _said(
    image: Image,
    axes: str,
    shapes: Sequence[Sequence[int]],
    shown: Sequence[tuple[float, float]],
    version: str,
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
    for number, shape in enumerate(shapes):
        scale = [
            size.get(letter, 1.0) * whole / side
            for letter, whole, side in zip(axes, shapes[0], shape, strict=True)
        ]
        transform = {"type": "scale", "scale": scale}
        datasets.append({"path": str(number), "coordinateTransformations": [transform]})
    multiscale: dict[str, Any] = {"name": image.name, "axes": listed, "datasets": datasets}
    if version != "0.5":
        multiscale["version"] = version
    said: dict[str, Any] = {"multiscales": [multiscale]}
    if "C" in axes and image.channels:
        said["omero"] = {"channels": _listed(image, shown)}
    return said


def channels(image: Image, axes: str, pixels: NDArray[Any]) -> list[dict[str, Any]]:
    """Return how viewers show each channel."""
    return _listed(image, ranges(np.moveaxis(pixels, axes.index("C"), 0)))


def ranges(channels: Iterable[NDArray[Any]]) -> list[tuple[float, float]]:
    """Return the lowest and the highest value of each channel; of one without data, NaN."""
    found = []
    for plane in channels:
        known = plane[np.isfinite(plane)] if plane.dtype.kind == "f" else plane
        found.append((float(known.min()), float(known.max())) if known.size else (np.nan, np.nan))
    return found


def _listed(image: Image, shown: Sequence[tuple[float, float]]) -> list[dict[str, Any]]:
    names = [*image.channels, *(["alpha"] if image.alpha else [])]
    colours = SAMPLES if "S" in image.axes else COLOURS
    dtype = image.pixels.dtype
    white = float(np.iinfo(dtype).max) if dtype.kind in "iu" else 1.0
    listed = []
    for number, (name, ends) in enumerate(zip(names, shown, strict=True)):
        low, high = (0.0, white) if np.isnan(ends[0]) else ends
        window = {"min": min(0.0, low), "max": max(white, high), "start": low, "end": high}
        colour = colours[number % len(colours)]
        listed.append({"label": name, "color": colour, "window": window, "active": True})
    return listed
