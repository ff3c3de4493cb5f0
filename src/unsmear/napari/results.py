"""Layers of a result: the restored image, its 90 % band and the map of its tiles. No Qt."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

import unsmear
from unsmear.choices import BEST_METHOD
from unsmear.images import Image, axes
from unsmear.images.ome_zarr.levels import pyramid
from unsmear.napari.arrows import LayerData, placement
from unsmear.napari.layers import RECORD, Chosen
from unsmear.report.restoration.verdicts import COLOUR, MEANING
from unsmear.restoration.consistency import TILE, Verdicts
from unsmear.restoration.restored import Restored


def layers(chosen: Chosen, restored: Restored[Image, Image]) -> list[LayerData]:
    """Return the layers of a result, the lowest first; none where the image was left alone."""
    if not restored.touched:
        return []
    shown_layers = [
        data
        for number, (layer, pixels) in enumerate(
            zip(chosen.layers, chosen.pixels_of(restored.image), strict=True)
        )
        for data in [
            image_like(layer, pixels, chosen.axes, "restored", record(restored.movement)),
            *_band(chosen, restored, number),
        ]
    ]
    return [*shown_layers, *_tiles(chosen, restored)]


def record(movement: str) -> dict[str, Any]:
    """Return what a result's metadata say of how it was made."""
    return {"version": unsmear.__version__, "method": BEST_METHOD, "movement": movement}


def image_like(
    layer: Any, pixels: NDArray[Any], letters: str, what: str, done: dict[str, Any]
) -> LayerData:
    """Return an image layer that looks as another one does, with other pixels.

    what: what it is, which joins the name. done: what its metadata say of it.
    """
    _, state, _ = layer.as_layer_data_tuple()
    levels = pyramid(pixels, letters) if layer.multiscale else pixels
    changed = {
        "name": f"{layer.name} {what}",
        "metadata": {**layer.metadata, RECORD: _record(layer, done)},
        "visible": True,
    }
    return levels, {**state, **changed}, "image"


def _record(layer: Any, done: dict[str, Any]) -> dict[str, Any]:
    return {**layer.metadata.get(RECORD, {}), **done, "made_from": layer.name}


def _band(chosen: Chosen, restored: Restored[Image, Image], number: int) -> list[LayerData]:
    """Return the hidden layer of the 90 % band of a layer; none where it was not asked for."""
    band, layer = restored.uncertainty, chosen.layers[number]
    if band is None:
        return []
    half_width = chosen.pixels_of(band)[number]
    if chosen.coloured:
        half_width = half_width.max(axis=chosen.axes.index("S"))
    name = "90 % band (largest of the colours)" if chosen.coloured else "90 % band"
    low, high = 0.0, float(np.nanmax(half_width, initial=0.0)) or 1.0
    keywords = {
        **placement(layer),
        "name": f"{layer.name} {name}",
        "metadata": {RECORD: _record(layer, record(restored.movement))},
        "colormap": "viridis",
        "contrast_limits": (low, high),
        "visible": False,
    }
    letters = chosen.axes.replace("S", "")
    data = pyramid(half_width, letters) if layer.multiscale else half_width
    return [(data, {**keywords, "multiscale": layer.multiscale}, "image")]


def _tiles(chosen: Chosen, restored: Restored[Image, Image]) -> list[LayerData]:
    """Return the maps of tiles of the layers in which some are not the restored ones.

    Where there is none, the map of the first layer says so; nothing without a guarded method.
    """
    verdicts = restored.verdicts
    if verdicts is None:
        return []
    maps = [_map_of(chosen, verdicts, number) for number in range(len(chosen.layers))]
    replaced = [number for number, labels in enumerate(maps) if labels.any()]
    return [
        (
            maps[number],
            {
                **placement(layer),
                "name": f"{layer.name} tiles{'' if replaced else ' (none refused)'}",
                "metadata": {RECORD: _record(layer, record(restored.movement))},
                "features": {
                    "index": [0, *MEANING],
                    "tile": ["restored", *MEANING.values()],
                },
                "colormap": {None: "transparent", **COLOUR},
                "opacity": 0.35,
            },
            "labels",
        )
        for number in replaced or [0]
        for layer in [chosen.layers[number]]
    ]


def _map_of(chosen: Chosen, verdicts: Verdicts, number: int) -> NDArray[np.uint8]:
    """Return the verdict on the tile of each pixel of a layer, in its axes without colours.

    verdicts: (batch, channel, rows, columns). number: of the layer.
    """
    height, width = chosen.sides
    if chosen.joined:
        verdicts = verdicts[:, number : number + 1]
    elif chosen.coloured:
        verdicts = verdicts.max(axis=1, keepdims=True)
    planes = verdicts.repeat(TILE, axis=2).repeat(TILE, axis=3)[..., :height, :width]
    letters = chosen.axes.replace("S", "")
    return np.ascontiguousarray(axes.from_planes(planes, letters, chosen.shape[: len(letters)]))
