"""Intensity of each cell of the sharp image, or of the whole image, in every channel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from unsmear.recovery.measures.base import MaskedImage, Numbers
from unsmear.segmentation import Masks


def measure(image: MaskedImage) -> dict[str, Numbers]:
    """Return a value for each cell of the sharp image, in every channel.

    Where no channel shows nuclei there are no cells, and the values are those of `of_image`.

    mean CHANNEL: mean over the cell, normalised intensity (0 to 1), no background subtracted.
    total CHANNEL: sum over the cell, normalised intensity x pixels: the total intensity.
    nuclear CHANNEL: fraction of that total in the cell's nucleus, 0 to 1; NaN where the cell is
    black. Not given for the nuclear channel itself, where it is always near 1.
    """
    if image.nucleus is None:
        return of_image(image)
    values: dict[str, Numbers] = {}
    for channel in image.channels:
        plane = image.plane(channel)
        total, area = totals(plane, image.cells, image.count)
        within, _ = totals(plane, image.nuclei, image.count)
        values[f"mean {channel}"] = _ratio(total, area).tolist()
        values[f"total {channel}"] = np.where(area > 0, total, np.nan).tolist()
        if channel != image.nucleus:
            values[f"nuclear {channel}"] = _ratio(within, total).tolist()
    return values


def of_image(image: MaskedImage) -> dict[str, Numbers]:
    """Return two values for the whole image in every channel, which has other names than a cell's.

    image mean CHANNEL: mean normalised intensity (0 to 1). image total CHANNEL: normalised
    intensity x pixels.
    """
    values: dict[str, Numbers] = {}
    for channel in image.channels:
        plane = image.plane(channel)
        values[f"image mean {channel}"] = float(plane.mean(dtype=np.float64))
        values[f"image total {channel}"] = float(plane.sum(dtype=np.float64))
    return values


def totals(
    plane: NDArray[np.float32], masks: Masks, count: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the sum over each of the masks 1 to `count`, and its area in pixels."""
    flat = masks.ravel()
    sums = np.bincount(flat, plane.ravel(), count + 1)[1:].astype(np.float64)
    return sums, np.bincount(flat, minlength=count + 1)[1:].astype(np.float64)


def _ratio(above: NDArray[np.float64], below: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(below > 0, above / np.where(below > 0, below, 1), np.nan)
