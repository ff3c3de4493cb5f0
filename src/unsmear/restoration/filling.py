"""The most probable values of pixels without data, for a deconvolution that reaches across them.

As beyond the image's border (`classical.boundary`) a mirror image does not work: it is not the
blur of anything, and the filter spreads that error. The pixels get the values of the smallest
energy sum |X|^2 / P under the blurred signal's power P, the conditional mean of a stationary
Gaussian field given the pixels around them. What lies beyond the border is continued first; given
that, only the pixels that are lacking are unknown, and up to `DIRECT` of them are solved for.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.fft import irfft2, rfft2

from unsmear.blur import Kernel
from unsmear.cores import one_blas_thread
from unsmear.restoration.base import Batch
from unsmear.restoration.classical import wiener
from unsmear.restoration.classical.power_spectrum import WORKERS, squared_frequencies, transfer
from unsmear.restoration.classical.wiener import Wiener

DIRECT = 3000
"""Largest number of pixels that are solved for directly, with a matrix of its square (72 MB)."""
STEPS = 160
"""Largest number of steps of conjugate gradients, for more pixels than that."""
CLOSE = 1e-6
"""Share of the first residual, squared, below which they end."""
BEYOND = 8
"""Distance from a gap within which what is beyond the border is unknown with it, pixels."""
BLOCK = 512
"""Side of the blocks of large images, pixels."""
AROUND = 96
"""Width of what is read around a block, pixels."""

Window = tuple[slice, slice]


def continued(units: Batch, mask: NDArray[np.bool_], kernel: Kernel) -> Batch:
    """Return units whose pixels without data continue those around them.

    units: (batch, channel, y, x), those pixels mirrored. mask: true where there is no data. A
    kernel of one pixel reaches across nothing and leaves them as they are.
    """
    result = units.copy()
    for channel in range(units.shape[1]):
        if not mask[:, channel].any():
            continue
        model = wiener.fit(units[:, [channel]], kernel, keep_positive=False).precise()
        if not model.radius:
            break
        for number, block in product(range(len(units)), _blocks(units.shape[2:])):
            gaps = mask[number, channel]
            window = _around(gaps, block)
            if window is None or gaps[window].all():
                continue
            values = _filled(units[number, channel][window], gaps[window], model)
            own = np.zeros(gaps.shape, bool)
            own[block] = gaps[block]
            result[number, channel][own] = values[own[window]]
    return result


def _blocks(shape: tuple[int, ...]) -> Iterator[Window]:
    """Yield the blocks of an image; a small one is one block."""
    spans = []
    for side in shape:
        length = BLOCK if side > 2 * BLOCK else side
        spans.append([slice(i, min(side, i + length)) for i in range(0, side, length)])
    yield from product(*spans)


def _around(gaps: NDArray[np.bool_], block: Window) -> Window | None:
    """Return the part of an image that holds a block's gaps and what is read around them."""
    parts = []
    for axis, (span, side) in enumerate(zip(block, gaps.shape, strict=True)):
        lacking = np.flatnonzero(np.asarray(gaps[block].any(axis=1 - axis)))
        if not len(lacking):
            return None
        first, last = span.start + int(lacking[0]), span.start + int(lacking[-1]) + 1
        parts.append(slice(max(0, first - AROUND), min(side, last + AROUND)))
    return parts[0], parts[1]


@one_blas_thread()
def _filled(
    plane: NDArray[np.float32], gaps: NDArray[np.bool_], model: Wiener
) -> NDArray[np.float32]:
    """Return a plane whose gaps have their conditional mean.

    plane, gaps: (y, x). model: the power of the blurred signal, and the continuation beyond it.
    """
    from scipy.linalg import cho_solve

    values, radius = plane.copy(), model.radius
    inside = tuple(slice(radius, radius + side) for side in plane.shape)
    (field,) = model.extend(values[None])
    lacking = np.zeros(field.shape, bool)
    lacking[inside] = gaps
    unknown = ndimage.maximum_filter(lacking, 2 * BEYOND + 1)
    unknown[inside] = gaps
    precision = _precision(model, field.shape)
    factor = _factor(precision, unknown)
    for last in (False, True):
        if factor is None:
            _descend(field, unknown, precision)
        else:
            field[unknown] = 0
            field[unknown] = cho_solve(factor, -_filter(field, precision)[unknown])
        values[gaps] = field[inside][gaps] + model.means[0]
        if last or factor is None or np.array_equal(unknown, lacking):
            return values
        # The border beside a gap was continued from what was there before.
        (field,) = model.extend(values[None])
    return values


def _precision(model: Wiener, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Return the least power of the blurred signal over its power, on a grid of `rfft2`."""
    squares = squared_frequencies(*shape)
    passed = np.square(np.abs(transfer(model.kernel, *shape)))
    power = passed * model.powers[0].signal(squares) + model.powers[0].noise_at(squares)
    return np.asarray(power.min() / power.astype(np.float64))


def _filter(field: NDArray[np.float64], gain: NDArray[np.float64]) -> NDArray[np.float64]:
    spectrum = rfft2(field, workers=WORKERS)
    spectrum *= gain
    return np.asarray(irfft2(spectrum, s=field.shape, workers=WORKERS, overwrite_x=True))


def _factor(
    precision: NDArray[np.float64], unknown: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], bool] | None:
    """Return the Cholesky factor of the unknown pixels' precision; None where that costs more.

    precision: on the grid of `rfft2`. unknown: (y, x), where they are.
    """
    from scipy.linalg import LinAlgError, cho_factor

    y, x = np.nonzero(unknown)
    if len(y) > DIRECT:
        return None
    pairs = irfft2(precision, s=unknown.shape, workers=WORKERS)
    matrix = np.empty((len(y), len(y)))
    for row, (down, right) in zip(matrix, zip(y, x, strict=True), strict=True):
        row[:] = pairs[down - y, right - x]
    try:
        factor, lower = cho_factor(matrix, overwrite_a=True, check_finite=False)
    except LinAlgError:
        return None
    return factor, lower


def _descend(
    field: NDArray[np.float64], unknown: NDArray[np.bool_], precision: NDArray[np.float64]
) -> None:
    """Write the conditional mean into the unknown pixels, by preconditioned conjugate gradients.

    The preconditioner is the inverse operator, restricted to the unknown pixels as the operator is.
    """

    def restricted(values: NDArray[np.float64], gain: NDArray[np.float64]) -> NDArray[np.float64]:
        filtered = _filter(values, gain)
        filtered[~unknown] = 0
        return filtered

    covariance = 1 / precision
    residual = -restricted(field, precision)
    direction = ahead = restricted(residual, covariance)
    first = size = float((residual * ahead).sum())
    for _ in range(STEPS):
        if size <= CLOSE * first:
            break
        turned = restricted(direction, precision)
        step = size / float((direction * turned).sum())
        field += step * direction
        residual -= step * turned
        ahead = restricted(residual, covariance)
        before, size = size, float((residual * ahead).sum())
        direction = ahead + (size / before) * direction
