"""The exposures of a time-lapse or of several positions: images of their own in one file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsmear.images.image import Image

APART = "PT"
"""Axes whose images were exposed at other times, and moved otherwise."""


def count(image: Image) -> int:
    """Return how many time points and positions an image has."""
    return int(np.prod([image.pixels.shape[axis] for axis in _apart(image.axes)]))


def split(image: Image) -> list[tuple[str, Image]]:
    """Return each time point of each position as (its name, "t=2", and an image without metadata).

    They are in the order of the planes of `image.planes()`.
    """
    apart = _apart(image.axes)
    sizes = [image.pixels.shape[axis] for axis in apart]
    letters = [image.axes[axis] for axis in apart]
    rest = "".join(letter for letter in image.axes if letter not in APART)
    found = []
    for place in product(*map(range, sizes)):
        # Only what there are several of is named.
        named = zip(letters, place, sizes, strict=True)
        name = " ".join(f"{letter.lower()}={index}" for letter, index, size in named if size > 1)
        single = replace(image, pixels=_at(image.pixels, apart, place), axes=rest, metadata={})
        found.append((name, single))
    return found


def join(image: Image, parts: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """Return the pixels of frames, in the order of `split`, in the axes of the whole image."""
    apart = _apart(image.axes)
    sizes = [image.pixels.shape[axis] for axis in apart]
    whole = np.empty(image.pixels.shape, parts[0].dtype)
    for place, part in zip(product(*map(range, sizes)), parts, strict=True):
        index: list[Any] = [slice(None)] * whole.ndim
        for axis, number in zip(apart, place, strict=True):
            index[axis] = number
        whole[tuple(index)] = part
    return whole


def _apart(axes: str) -> list[int]:
    """Return the numbers of the axes that set exposures apart, positions first."""
    return [axes.index(letter) for letter in APART if letter in axes]


def _at(pixels: NDArray[Any], apart: Sequence[int], place: Sequence[int]) -> NDArray[Any]:
    index: list[Any] = [slice(None)] * pixels.ndim
    for axis, number in zip(apart, place, strict=True):
        index[axis] = number
    part: NDArray[Any] = pixels[tuple(index)]
    return part
