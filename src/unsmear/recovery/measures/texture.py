"""Texture of each channel within the cells: grey-level co-occurrences and bright spots."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.feature import graycomatrix, graycoprops

from unsmear.recovery.measures.base import MaskedImage, Numbers
from unsmear.segmentation import PixelSize

PROTEIN = "green"
LEVELS = 32
"""Number of grey levels from black to white, spaced equally in the square root of intensity."""
DISTANCES = (1, 3)
"""Distances between the two pixels of a co-occurrence, in pixels."""
ANGLES = (0.0, math.pi / 4, math.pi / 2, 3 * math.pi / 4)
PROPERTIES = ("contrast", "homogeneity", "correlation")
SPOT = 0.3
"""Sigma of a spot in micrometres: a vesicle, or a point blurred by the optics."""
SPOT_PIXELS = 1.5
"""Sigma of a spot in pixels, where the pixel size is not known."""
HEIGHT = 0.5
"""Minimum height of a spot as a fraction of the protein's mean over the cells."""

FAINT = 1e-3
"""Minimum height of a spot in normalised intensity: a quarter of an 8-bit count."""


def measure(image: MaskedImage) -> dict[str, Numbers]:
    """Return the texture of every channel within the sharp image's cells, and the protein's spots.

    Of grey-level co-occurrences (Haralick, Shanmugam & Dinstein 1973) at `DISTANCES` and `ANGLES`,
    of pairs that lie in cells, as means over distances and angles: contrast CHANNEL (squared
    steps of grey), homogeneity CHANNEL (0 to 1), correlation CHANNEL (-1 to 1, NaN of a constant
    channel) and entropy CHANNEL (bits). All NaN where there is no cell.

    spots green: of each cell, how many spots of `SPOT` its protein has: maxima of the Laplacian of
    Gaussian (Lindeberg 1993) that are at least `HEIGHT` high. The mean that this is a part of is
    conserved by blur; a cell without protein has no spots. Where no channel shows nuclei there are
    no cells: all is of the whole image, and the spots are named image spots green.
    """
    values: dict[str, Numbers] = {}
    for channel in image.channels:
        values.update(_cooccurrences(channel, image))
    if PROTEIN in image.channels:
        each = spots(image)
        if image.nucleus is None:
            values[f"image spots {PROTEIN}"] = float(each.sum())
        else:
            values[f"spots {PROTEIN}"] = each.tolist()
    return values


def spots(image: MaskedImage) -> NDArray[np.float64]:
    """Return the number of the protein's spots in each cell."""
    plane, sigma = image.plane(PROTEIN), _sigma(image.pixel_size)
    inside = image.cells > 0
    # A Gaussian as wide as the filter and 1 high gives 1/2.
    heights = -2 * sigma**2 * ndimage.gaussian_laplace(plane, sigma)
    least = HEIGHT * float(plane[inside].mean()) if inside.any() else 0.0
    tops = heights == ndimage.maximum_filter(heights, 2 * math.ceil(sigma) + 1)
    owners = image.cells[tops & inside & (heights > max(least, FAINT))]
    return np.bincount(owners, minlength=image.count + 1)[1:].astype(np.float64)


def _sigma(pixel_size: PixelSize) -> float:
    """Return a spot's sigma in pixels, at least 1: below, the filter is no Gaussian."""
    if pixel_size is None:
        return SPOT_PIXELS
    return max(SPOT / float(np.sqrt(np.prod(np.broadcast_to(pixel_size, 2)))), 1.0)


def _cooccurrences(channel: str, image: MaskedImage) -> dict[str, Numbers]:
    """Return the channel's numbers; the steps are 1 to LEVELS, and 0 is outside of the cells."""
    roots = np.sqrt(np.clip(image.plane(channel), 0, 1))
    steps = 1 + np.minimum((roots * LEVELS).astype(np.uint8), LEVELS - 1)
    steps[image.cells == 0] = 0
    counts = graycomatrix(steps, DISTANCES, ANGLES, LEVELS + 1, symmetric=True)[1:, 1:]
    totals = counts.sum(axis=(0, 1))
    if not totals.all():
        return {f"{name} {channel}": math.nan for name in (*PROPERTIES, "entropy")}
    shares = counts / totals
    numbers = {name: float(graycoprops(shares, name).mean()) for name in PROPERTIES}
    if (shares.max(axis=(0, 1)) == 1).any():
        numbers["correlation"] = math.nan
    logs = np.log2(shares, where=shares > 0, out=np.zeros_like(shares))
    numbers["entropy"] = float(-(shares * logs).sum(axis=(0, 1)).mean())
    return {f"{name} {channel}": value for name, value in numbers.items()}
