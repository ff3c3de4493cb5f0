"""Image layers as images of the library; nothing is guessed that a layer does not say. No Qt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from napari.layers import Image as ImageLayer
from napari.utils.transforms import Affine
from numpy.typing import NDArray

from unsmear.errors import AxesError, ImageError
from unsmear.images import Image, axes
from unsmear.images.image import check_declared
from unsmear.images.timing import UNKNOWN, Timing
from unsmear.images.units import doubt, micrometres

LETTERS = {
    **{letter.lower(): letter for letter in "PTCZYX"},
    "position": "P", "time": "T", "channel": "C",
}  # fmt: skip
"""Axes by the names that readers give them, in lower case."""
RECORD = "unsmear"
"""Key of a layer's metadata under which this plugin writes."""


@dataclass(frozen=True, eq=False)
class Chosen:
    """Layers that were chosen as one image.

    layers: one layer, or one for each channel. axes: of a layer's pixels, such as "TYX".
    arrays: the pixels of each layer, of the largest level; they may lie in a file. channels: their
    names. pixel_size: (y, x), micrometres; None where the layer does not say it.
    """

    layers: tuple[ImageLayer, ...]
    axes: str
    arrays: tuple[Any, ...]
    channels: tuple[str, ...]
    pixel_size: tuple[float, float] | None

    @property
    def name(self) -> str:
        """Name of the first layer, and how many more there are."""
        more = len(self.layers) - 1
        return f"{self.layers[0].name}{f' and {more} more' if more else ''}"

    @property
    def joined(self) -> bool:
        """Whether several layers are the channels of the image."""
        return len(self.layers) > 1

    @property
    def coloured(self) -> bool:
        """Whether the last axis is that of red, green and blue."""
        return "S" in self.axes

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of a layer's pixels, with their samples of colour."""
        return tuple(self.arrays[0].shape)

    @property
    def sides(self) -> tuple[int, int]:
        """Sides (y, x), pixels."""
        height, width = (self.shape[self.axes.index(letter)] for letter in "YX")
        return height, width

    def is_same(self, other: Chosen) -> bool:
        """Return whether another choice is that of the same pixels, to be read alike."""
        ours, theirs = self.arrays, other.arrays
        return (
            self.axes == other.axes
            and len(ours) == len(theirs)
            and all(our is their for our, their in zip(ours, theirs, strict=True))
        )

    def image(self) -> Image:
        """Return the image, its pixels read; raises ImageError where memory has no room."""
        itemsize = np.dtype(self.arrays[0].dtype).itemsize
        check_declared((len(self.arrays), *self.shape), itemsize, self.name)
        return self.image_of([np.asarray(array) for array in self.arrays])

    def image_of(self, arrays: Sequence[NDArray[Any]]) -> Image:
        """Return an image of other pixels of the layers, or of a part of them, in the same axes."""
        return Image(
            np.stack(arrays) if self.joined else arrays[0],
            f"C{self.axes}" if self.joined else self.axes,
            channels=self.channels if self.joined else (),
            pixel_size=self.pixel_size,
            name=self.name,
            alpha=self.coloured and self.shape[-1] == 4,
            timing=Timing(together=True) if self.coloured else UNKNOWN,
        )

    def pixels_of(self, image: Image) -> list[NDArray[Any]]:
        """Return the pixels of each layer of an image with the axes of `image()`."""
        return list(image.pixels) if self.joined else [image.pixels]


def choose(
    layers: Sequence[Any], named: str = "", joined: bool = False, results: bool = False
) -> list[Chosen]:
    """Return the images that are made of chosen layers.

    named: axes that the user named, for layers that do not say theirs or say them wrongly.
    joined: whether the layers are the channels of one image; otherwise each is an image. results:
    whether results of this plugin may be chosen.

    Raises ImageError for no layers, for those of another kind, for results, and for channels that
    do not fit, and AxesError for axes that are unknown.
    """
    if not layers:
        raise ImageError("An image layer must be chosen: click it in the layer list.")
    for layer in layers:
        _check(layer, results)
    if len(layers) == 1 or not joined:
        return [_chosen((layer,), named) for layer in layers]
    _check_channels(layers)
    return [_chosen(tuple(layers), named)]


def _check(layer: Any, results: bool) -> None:
    """Raise ImageError for a layer that is no image, and for a result unless it may be one."""
    if not isinstance(layer, ImageLayer):
        kind = type(layer).__name__.lower()
        raise ImageError(f"{layer.name}: an image layer must be chosen, got one of {kind}.")
    if not results and "made_from" in layer.metadata.get(RECORD, {}):
        raise ImageError(
            f"{layer.name}: a recorded image must be chosen, got a result of Unsmear; "
            "choose the layer that it was made from."
        )


def _check_channels(layers: Sequence[ImageLayer]) -> None:
    """Raise ImageError for layers that cannot be channels of one image."""
    first = layers[0]
    for layer in layers:
        if layer.rgb:
            raise ImageError(f"{layer.name}: a colour image must not be a channel of another.")
        one, other = (_array(of) for of in (first, layer))
        if one.shape != other.shape or one.dtype != other.dtype:
            sizes = (f"{'x'.join(map(str, of.shape))} of {of.dtype}" for of in (one, other))
            raise ImageError(
                "channels of one image must have one size and dtype, got "
                f"{' and '.join(sizes)} ({first.name}, {layer.name})."
            )


def _chosen(layers: tuple[ImageLayer, ...], named: str) -> Chosen:
    axes_of = {axes_of_layer(layer, named) for layer in layers}
    if len(axes_of) > 1:
        raise AxesError(f"channels of one image must have the same axes, got {sorted(axes_of)}.")
    (letters,) = axes_of
    if len(layers) > 1 and "C" in letters:
        raise AxesError(f"{layers[0].name}: a layer with channels must not be one, got {letters}.")
    return Chosen(
        layers,
        letters,
        tuple(map(_array, layers)),
        tuple(map(channel_of, layers)),
        pixel_size_of(layers[0], letters),
    )


def _array(layer: ImageLayer) -> Any:
    """Return a layer's pixels, the largest level of several."""
    return layer.data[0] if layer.multiscale else layer.data


def axes_of_layer(layer: ImageLayer, named: str = "") -> str:
    """Return the axes of a layer's pixels, letters of "PTCZYXS": those named, or its own.

    Raises AxesError where more than two dimensions have no names, and for names that do not fit.
    """
    shape, letters = _array(layer).shape, named.strip().upper()
    if not letters:
        known = [LETTERS.get(label.lower(), "") for label in layer.axis_labels]
        if not any(known) and layer.ndim == 2:
            letters = "YX"
        elif all(known):
            letters = "".join(known)
        else:
            raise AxesError(
                f"{layer.name}: axes must be named for a layer of {layer.ndim} dimensions "
                f"({'x'.join(map(str, shape[: layer.ndim]))}), for example "
                f"{axes.example(shape[: layer.ndim])!r}: type a letter for each into Axes."
            )
    if layer.rgb:
        letters = f"{letters.removesuffix('S')}S"
        if "C" in letters:
            raise AxesError(f"{layer.name}: a colour image must have no channels, got {letters}.")
    return axes.check(letters, shape, layer.name)


def pixel_size_of(layer: ImageLayer, letters: str) -> tuple[float, float] | None:
    """Return (y, x) in micrometres, or None where the units are pixels or the size is absurd."""
    sides = []
    for axis in map(letters.index, "YX"):
        unit = micrometres(str(layer.units[axis]))
        if unit is None:
            return None
        sides.append(abs(float(layer.scale[axis])) * unit)
    size = sides[0], sides[1]
    return None if doubt(size, "layer") else size


def channel_of(layer: ImageLayer) -> str:
    """Return the name of a layer's channel: that in its file, or the layer's own."""
    return str(layer.metadata.get(RECORD, {}).get("channel") or layer.name)


def place_of(layer: Any, pixel: Sequence[float]) -> NDArray[np.float64]:
    """Return the `translate` of a layer whose first pixel is this pixel of another layer."""
    transform = Affine(
        scale=layer.scale, translate=layer.translate, rotate=layer.rotate, shear=layer.shear
    )
    return np.asarray(transform(np.asarray(pixel, float)))
