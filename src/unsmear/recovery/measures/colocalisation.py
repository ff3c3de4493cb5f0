"""Co-localisation of the protein with the other stains: Pearson and Manders coefficients."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from unsmear.recovery.measures.base import MaskedImage, Numbers

PROTEIN = "green"
Pixels = NDArray[np.float64]


def measure(image: MaskedImage) -> dict[str, Numbers]:
    """Return the co-localisation of the protein with each other channel, within the sharp cells.

    Pearson green CHANNEL: correlation of the pixel intensities, -1 to 1; NaN where either channel
    is constant. M1 green CHANNEL: fraction of the protein's intensity where the other channel is
    positive, 0 to 1; M2 green CHANNEL: fraction of the other channel's intensity where the protein
    is positive (Manders, Verbeek & Aten 1993); NaN where that total intensity is 0.

    A pixel is positive above its channel's own mean over the cells in this image. Blur and
    restoration conserve the mean, so that the threshold is nearly the same for sharp, blurred and
    restored. Thresholds from a histogram (Otsu, Costes) change with sharpness, and fixed thresholds
    fail in dim images. Negative intensities count as 0.
    """
    inside = image.cells > 0
    protein = image.plane(PROTEIN)[inside].astype(np.float64)
    values: dict[str, Numbers] = {}
    for channel in image.channels:
        if channel != PROTEIN:
            stain = image.plane(channel)[inside].astype(np.float64)
            pair = f"{PROTEIN} {channel}"
            values[f"Pearson {pair}"] = pearson(protein, stain)
            values[f"M1 {pair}"] = manders(protein, stain)
            values[f"M2 {pair}"] = manders(stain, protein)
    return values


def pearson(first: Pixels, second: Pixels) -> float:
    """Return the correlation of two rows of pixels, NaN where either is constant or empty."""
    if len(first) < 2 or np.ptp(first) == 0 or np.ptp(second) == 0:
        return math.nan
    return float(np.corrcoef(first, second)[0, 1])


def manders(light: Pixels, reference: Pixels) -> float:
    """Return the fraction of intensity where the other channel is above its mean; NaN if all 0."""
    light = np.maximum(light, 0)
    total = float(light.sum())
    return float(light[reference > reference.mean()].sum()) / total if total > 0 else math.nan
