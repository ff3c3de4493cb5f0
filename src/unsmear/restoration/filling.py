"""The most probable values of pixels without data, for a deconvolution that reaches across them.

As beyond the image's border (`classical.boundary`) a mirror image does not work: it is not the
blur of anything, and the filter spreads that error. The pixels get the values of the smallest
energy sum |X|^2 / P under the blurred signal's power P, the conditional mean of a stationary
Gaussian field given the pixels around them.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from unsmear.blur import Kernel
from unsmear.restoration.base import Batch
from unsmear.restoration.classical.power_spectrum import (
    WORKERS,
    measure,
    squared_frequencies,
    transfer,
)

MARGIN = 64
"""Width of the strip around the image that is free too, so that opposite borders do not meet."""
STEPS = 160
"""Largest number of steps of conjugate gradients; after half of them the gaps still ring."""
BLOCK = 512
"""Side of the blocks of large images, pixels."""
AROUND = 96
"""Width of what is read around a block, pixels."""


def continued(units: Batch, mask: NDArray[np.bool_], kernel: Kernel) -> Batch:
    """Return units whose pixels without data continue those around them.

    units: (batch, channel, y, x), those pixels mirrored. mask: true where there is no data.
    """
    result = units.copy()
    for channel in range(units.shape[1]):
        if not mask[:, channel].any():
            continue
        power = measure(units[:, channel], kernel)
        for number, block in product(range(len(units)), _blocks(units.shape[2:])):
            block = _around(mask[number, channel], block)
            gaps = mask[number, channel][block]
            if gaps.any() and not gaps.all():
                shape = [scipy.fft.next_fast_len(side + MARGIN, real=True) for side in gaps.shape]
                passed = np.square(np.abs(transfer(kernel, *shape)))
                squares = squared_frequencies(*shape)
                spectrum = passed * power.signal(squares) + power.noise_at(squares)
                filled = result[number, channel][block]
                _fill(filled, gaps, np.asarray(spectrum, np.float64), shape[1])
    return result


def _around(gaps: NDArray[np.bool_], block: tuple[slice, slice]) -> tuple[slice, slice]:
    """Return the part of a block that holds its gaps and what is read around them."""
    parts = []
    for axis, span in ((1, block[0]), (0, block[1])):
        lacking = np.flatnonzero(np.asarray(gaps[block].any(axis=axis)))
        if not len(lacking):
            return block
        first, last = span.start + int(lacking[0]), span.start + int(lacking[-1]) + 1
        parts.append(slice(max(span.start, first - AROUND), min(span.stop, last + AROUND)))
    return parts[0], parts[1]


def _blocks(shape: tuple[int, ...]) -> Iterator[tuple[slice, slice]]:
    """Yield overlapping blocks that cover an image; a small one is one block."""
    spans = []
    for side in shape:
        starts = range(0, side, BLOCK) if side > 2 * BLOCK else [0]
        length = BLOCK if side > 2 * BLOCK else side
        spans.append([slice(max(0, i - AROUND), min(side, i + length + AROUND)) for i in starts])
    yield from product(*spans)


def _fill(
    plane: NDArray[np.float32], gaps: NDArray[np.bool_], spectrum: NDArray[Any], columns: int
) -> None:
    """Write the conditional mean into the gaps of a plane, by preconditioned conjugate gradients.

    plane, gaps: (y, x). spectrum: of `rfft2` on a grid of so many columns, larger than the plane.

    The preconditioner is the inverse operator, restricted to the free pixels as the operator is.
    """
    height, width = plane.shape
    shape = (spectrum.shape[0], columns)
    mean = float(plane[~gaps].mean(dtype=np.float64))
    free = np.ones(shape, bool)
    free[:height, :width] = gaps
    field = np.zeros(shape)
    field[:height, :width] = plane - mean

    def filtered(values: NDArray[Any], gain: NDArray[Any]) -> NDArray[Any]:
        transformed = scipy.fft.rfft2(values, workers=WORKERS)
        transformed *= gain
        back = scipy.fft.irfft2(transformed, s=shape, workers=WORKERS, overwrite_x=True)
        back[~free] = 0
        return np.asarray(back)

    precision = spectrum.min() / spectrum
    covariance = 1 / precision
    residual = -filtered(field, precision)
    ahead = filtered(residual, covariance)
    direction, size = ahead, float((residual * ahead).sum())
    for _ in range(STEPS):
        if size <= 0:
            break
        turned = filtered(direction, precision)
        step = size / float((direction * turned).sum())
        field += step * direction
        residual = residual - step * turned
        ahead = filtered(residual, covariance)
        before, size = size, float((residual * ahead).sum())
        direction = ahead + (size / before) * direction
    plane[gaps] = (field[:height, :width][gaps] + mean).astype(np.float32)
