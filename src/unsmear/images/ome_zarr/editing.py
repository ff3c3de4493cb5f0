"""Changes to the metadata of an OME-Zarr that was read; all that an image does not say stays."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from unsmear.images.image import Image
from unsmear.images.ome_zarr import new
from unsmear.images.ome_zarr.metadata import Multiscale

if TYPE_CHECKING:
    import zarr


def say(group: zarr.Group, image: Image, found: Multiscale, whole: Sequence[int]) -> None:
    """Write an image's pixel size and channel names into its group, where they are others.

    found: what the metadata say. whole: the shape of the largest level that was read.
    """
    attributes: dict[str, Any] = copy.deepcopy(dict(group.attrs))
    inner = attributes.get("ome")
    ome: dict[str, Any] = inner if isinstance(inner, dict) else attributes
    changed = False
    size = image.pixel_size
    if size and not (found.pixel_size and np.allclose(size, found.pixel_size, rtol=1e-6)):
        _say_size(ome["multiscales"][0], group, image.axes, dict(zip("YX", size, strict=True)))
        changed = True
    if image.channels and image.channels != found.channels and "C" in image.axes:
        _say_channels(ome, image, whole[image.axes.index("C")])
        changed = True
    if changed:
        group.attrs.put(attributes)


def _say_size(
    multiscale: dict[str, Any], group: zarr.Group, axes: str, size: dict[str, float]
) -> None:
    listed = multiscale["axes"]
    largest: Any = group[multiscale["datasets"][0]["path"]]
    for letter, side in size.items():
        axis = axes.index(letter)
        if isinstance(listed[axis], str):
            listed[axis] = {"name": listed[axis]}
        listed[axis] |= {"type": "space", "unit": "micrometer"}
        for transform in multiscale.get("coordinateTransformations", []):
            if transform.get("type") == "scale":
                transform["scale"][axis] = 1.0
        for dataset in multiscale["datasets"]:
            level: Any = group[dataset["path"]]
            transforms = dataset.setdefault("coordinateTransformations", [])
            scales = [t for t in transforms if t.get("type") == "scale"]
            if not scales:
                scales = [{"type": "scale", "scale": [1.0] * len(axes)}]
                transforms[:0] = scales
            scales[0]["scale"][axis] = side * (largest.shape[axis] / level.shape[axis])


def _say_channels(ome: dict[str, Any], image: Image, before: int) -> None:
    """Write channel names; colours and windows stay where the channels are the same ones."""
    listed = (ome.get("omero") or {}).get("channels", [])
    if len(listed) != len(image.channels) or before != len(image.channels):
        listed = new.channels(image, image.axes, image.pixels)
    for channel, name in zip(listed, image.channels, strict=True):
        channel["label"] = name
    ome["omero"] = {**(ome.get("omero") or {}), "channels": listed}
