"""Preprocessing for a classifier: channels, central crop, size and normalised intensity.

The scaling does not depend on the content of the image: equal intensity gives equal input.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsmear.errors import ImageError
from unsmear.images import Image, area_mean, check_no_gaps
from unsmear.images.scaling import range_of


def prepare_image(
    image: Image, channels: Sequence[str], size: int, data_range: float | None = None
) -> NDArray[np.float32]:
    """Return the input of a classifier: (channel, side, side), 0 black to 1 white.

    image: one plane of channels with names, or of as many channels as are asked for.
    channels: the colours to show, in this order, "red", "green", ...
    size: pixels; the central square is reduced to this side by area averaging. A smaller one stays
    unchanged.
    data_range: from black to white in the image's counts; None takes an integer dtype's own.

    Raises ImageError for an image without these channels or of several planes, OptionError for
    floats without a range.
    """
    white = range_of(image, data_range)
    planes = pick(image, channels)
    side = min(planes.shape[1:])
    top, left = ((length - side) // 2 for length in planes.shape[1:])
    square = planes[:, top : top + side, left : left + side].astype(np.float32)
    square *= np.float32(1 / white)
    return reduce(square, size)


def pick(image: Image, channels: Sequence[str]) -> NDArray[Any]:
    """Return the planes of these colours, (channel, y, x), in counts.

    Raises ImageError, naming what is missing, for an image without them or of several planes.
    """
    planes = check_no_gaps(image, "classify").planes()
    if len(planes) != 1:
        raise ImageError(
            f"{image.name}: an image to classify must be one plane, "
            f"got {len(planes)} ({image.axes})."
        )
    names = [name.lower() for name in image.channels]
    if not any(names):
        return _by_count(image.name, planes[0], channels)
    missing = [colour for colour in channels if colour not in names]
    if missing:
        raise ImageError(
            f"{image.name}: an image to classify must have the channels {', '.join(channels)}, "
            f"got {', '.join(image.channels)}: {', '.join(missing)} "
            f"{'is' if len(missing) == 1 else 'are'} missing."
        )
    picked: NDArray[Any] = planes[0, [names.index(colour) for colour in channels]]
    return picked


def named(image: Image, colours: Sequence[str]) -> Image:
    """Return the image with these channel names; an image that has names is left unchanged."""
    if any(image.channels) or not colours:
        return image
    count = image.planes().shape[1]
    if count != len(colours):
        raise ImageError(
            f"{image.name}: an image must have the {len(colours)} channels that --channels names, "
            f"got {count}."
        )
    return replace(image, channels=tuple(colours))


def reduce(planes: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """Return square planes (channel, y, x) with sides of at most `size`, by area averaging."""
    if planes.shape[1] <= size:
        return np.ascontiguousarray(planes)
    return np.ascontiguousarray(area_mean.reduce(planes, (size, size)))


def _by_count(name: str, planes: NDArray[Any], channels: Sequence[str]) -> NDArray[Any]:
    if len(planes) != len(channels):
        raise ImageError(
            f"{name}: an image to classify must have the channels {', '.join(channels)}, "
            f"got {len(planes)} without names."
        )
    return planes
