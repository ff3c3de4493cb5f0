"""Smaller levels of an image, by the mean of the area of each pixel."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray


def area_mean(
    pixels: NDArray[Any], rows: int, columns: int, sides: tuple[int, int]
) -> NDArray[Any]:
    """Return pixels whose axes y and x (their numbers given) are reduced to other sides."""
    moved = np.moveaxis(pixels, (rows, columns), (-2, -1))
    flat = moved.reshape(-1, *moved.shape[-2:])
    wide = np.float64 if pixels.dtype.itemsize > 2 else np.float32
    reduced = np.stack(
        [
            cv2.resize(plane.astype(wide), sides[::-1], interpolation=cv2.INTER_AREA)
            for plane in flat
        ]
    )
    if pixels.dtype.kind in "iu":
        limits = np.iinfo(pixels.dtype)
        reduced = np.rint(reduced).clip(limits.min, limits.max)
    reduced = reduced.astype(pixels.dtype).reshape(*moved.shape[:-2], *sides)
    return np.ascontiguousarray(np.moveaxis(reduced, (-2, -1), (rows, columns)))
