"""Readers: every format of the library as layers, with axes, units, scale and channel names."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsmear import images
from unsmear.errors import ImageError
from unsmear.images import Image, ome_zarr
from unsmear.images.ome_zarr.levels import pyramid
from unsmear.napari.arrows import LayerData
from unsmear.napari.layers import RECORD

LARGE = 4096
"""Longest side of an image that is shown without levels of lower resolution, pixels."""

Paths = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]
"""What napari opens: a path, or several that are to be one stack."""


def reader_of(path: Paths) -> Callable[[Paths], list[LayerData]] | None:
    """Return what reads a file as layers, or None for what is no image of a format that is read.

    npe2 names the argument `path`, also where it gives several.
    """
    single = _single(path)
    if single is None:
        return None
    if single.is_dir():
        return read if ome_zarr.is_zarr(single) else None
    try:
        with single.open("rb") as file:
            head = file.read(64)
    except OSError:
        return None
    return read if images.is_read(head) else None


def _single(paths: Paths) -> Path | None:
    """Return the path, or None where there are several: which axis they are of, nothing says."""
    if isinstance(paths, (str, os.PathLike)):
        return Path(paths)
    return Path(paths[0]) if len(paths) == 1 else None


def read(paths: Paths) -> list[LayerData]:
    """Return a layer for each channel of each image in a file; raises as `images.read` does."""
    path = _single(paths)
    if path is None:
        raise ImageError("One file must be opened at a time, got several; open them unstacked.")
    name, scenes = path.stem.removesuffix(".ome"), images.scenes(path)
    if len(scenes) == 1:
        return layers(images.read(path), name, path)
    return [
        layer
        for number, scene in enumerate(scenes)
        for layer in layers(images.read(path, scene=number), f"{name} {scene}", path)
    ]


def layers(image: Image, name: str, path: Path | None = None) -> list[LayerData]:
    """Return a layer for each channel of an image, as napari takes them.

    Their last axes are y and x, with the samples of a colour image behind them; before these are
    positions, time points and slices. path: of the file.
    """
    coloured = "S" in image.axes and image.pixels.shape[image.axes.index("S")] in (3, 4)
    if not coloured:
        image = image.light()
    spatial = "".join(axis for axis in "PTZYX" if axis in image.axes)
    split = "".join(axis for axis in "CS" if axis in image.axes and not (coloured and axis == "S"))
    letters = spatial + "S" * coloured
    pixels = image.pixels.transpose([image.axes.index(axis) for axis in split + letters])
    planes = list(pixels.reshape(-1, *pixels.shape[len(split) :]))
    named = split and len(image.channels) == len(planes)
    channels = image.channels if named else _numbers(len(planes))
    return [
        _layer(plane, letters, image, f"{name} {channel}".strip(), channel, path)
        for plane, channel in zip(planes, channels, strict=True)
    ]


def _numbers(count: int) -> list[str]:
    return [f"channel {number}" for number in range(count)] if count > 1 else [""]


def _layer(
    pixels: NDArray[Any], letters: str, image: Image, name: str, channel: str, path: Path | None
) -> LayerData:
    spatial = letters.removesuffix("S")
    sizes = dict(zip("YX", image.pixel_size or (1.0, 1.0), strict=True))
    unit = "pixel" if image.pixel_size is None else "um"
    large = max(pixels.shape[letters.index(axis)] for axis in "YX") > LARGE
    keywords: dict[str, Any] = {
        "name": name,
        "rgb": letters.endswith("S"),
        "multiscale": large,
        "axis_labels": tuple(spatial.lower()),
        "scale": tuple(sizes.get(axis, 1.0) for axis in spatial),
        "units": tuple(unit if axis in sizes else "pixel" for axis in spatial),
        "metadata": {RECORD: {"channel": channel, "file": str(path or image.name)}},
    }
    return pyramid(pixels, letters) if large else np.ascontiguousarray(pixels), keywords, "image"
