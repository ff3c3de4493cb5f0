"""Writer: layers as one file, with their axes, pixel size and channel names."""

from __future__ import annotations

from typing import Any

from napari.layers import Layer

from unsmear import images
from unsmear.napari.arrows import LayerData
from unsmear.napari.layers import choose


def write(path: str, layers: list[LayerData]) -> list[str]:
    """Write image layers, several as the channels of one image; return the file's path.

    Raises ImageError for layers that cannot be channels of one image, and as `images.write` does,
    and AxesError for axes that a layer does not say.
    """
    (chosen,) = choose([_layer(data) for data in layers], joined=True, results=True)
    images.write(path, chosen.image())
    return [path]


def _layer(data: LayerData) -> Any:
    return Layer.create(*data)
