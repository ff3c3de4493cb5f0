"""A kernel's extent and direction from its second moments, and its place in a square."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from unsmear.blur.kernel import Kernel

BILINEAR = 1 / 6
"""Square pixels that sharing points among four pixels adds to a variance, on average."""


def equivalent(kernel: Kernel) -> tuple[float, float, float]:
    """Return the straight movement with a kernel's second moments.

    That is its length, pixels; the length of another, at right angles to it, that the kernel also
    has; and the angle of the first, degrees in [0, 180).
    """
    offset = np.arange(kernel.shape[0]) - kernel.shape[0] // 2
    weights = kernel / kernel.sum()
    x, y = weights.sum(0) @ offset, weights.sum(1) @ offset
    xx = weights.sum(0) @ (offset - x) ** 2
    yy = weights.sum(1) @ (offset - y) ** 2
    xy = (offset - y) @ weights @ (offset - x)
    values, vectors = np.linalg.eigh([[xx, xy], [xy, yy]])
    short, long = np.sqrt(12 * np.maximum(values - BILINEAR, 0))
    angle = np.rad2deg(np.arctan2(-vectors[1, 1], vectors[0, 1])) % 180
    return float(long), float(short), float(angle)


def fitted(kernel: Kernel, side: int) -> Kernel:
    """Return the kernel in a square of another side, cut or padded about its centre."""
    pad = max(0, (side - kernel.shape[0]) // 2)
    cut = max(0, (kernel.shape[0] - side) // 2)
    inner = kernel[cut : kernel.shape[0] - cut, cut : kernel.shape[0] - cut]
    padded = np.pad(inner, pad)
    return np.asarray(padded / max(padded.sum(), 1e-12))


def centred(kernel: Kernel) -> Kernel:
    """Return the kernel with its centroid in the middle, by a bilinear shift."""
    offset = np.arange(kernel.shape[0]) - kernel.shape[0] // 2
    shift = [-(kernel.sum(1 - axis) @ offset) / kernel.sum() for axis in (0, 1)]
    moved = np.maximum(ndimage.shift(kernel, shift, order=1, mode="constant"), 0)
    return np.asarray(moved / moved.sum())
