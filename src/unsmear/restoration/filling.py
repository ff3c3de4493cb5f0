"""The most probable values of pixels without data, for a deconvolution that reaches across them.

As beyond the image's border (`classical.boundary`) a mirror image does not work: it is not the
blur of anything, and the filter spreads that error. The pixels get the values of the smallest
energy sum |X|^2 / P under the blurred signal's power P, the conditional mean of a stationary
Gaussian field given the pixels around them. What lies beyond the border is continued first; given
that, only the pixels that are lacking are unknown. They are solved for, in overlapping pieces of at
most `DIRECT` of them (a Schwarz method). Large holes are approached in steps before, and so are all
of them where much of an image is lacking.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
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

DIRECT = 2500
"""Largest number of pixels that are solved for together, with a matrix of its square (50 MB)."""
ROUNDING = 1e-12
"""What rounding changes in the matrix, as a fraction of its diagonal."""
OVERLAP = 8
"""Width around a piece of the image in which pixels are unknown with its own, pixels."""
SMALLEST = 24
"""Least side of the pieces, pixels."""
SWEEPS = 2
"""Number of times that pieces are solved for, each with what the others had before."""
DEEP = 33
"""Side of squares without data in whose middle two sweeps know too little of what is around."""
STEPS = 160
"""Largest number of steps of conjugate gradients, where there is more to a piece."""
CLOSE = 1e-6
"""Share of the first residual, squared, below which they end."""
MANY = 0.15
"""Share of a window's pixels above which steps take less time than pieces."""
BEYOND = 8
"""Distance from a gap within which what is beyond the border is unknown with it, pixels; where
pixels are approached in steps, the side of the kernel if that is larger."""
REACH = 256
"""Number of pixels that are continued beyond the border, at most; for a kernel with a longer side
that and AROUND. The filter itself reaches further."""
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
        model = replace(model, reach=min(model.reach, max(REACH, len(model.kernel) + AROUND)))
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
    spans = []
    for axis, span in enumerate(block):
        lacking = np.flatnonzero(np.asarray(gaps[block].any(axis=1 - axis)))
        if not len(lacking):
            return None
        spans.append(slice(span.start + int(lacking[0]), span.start + int(lacking[-1]) + 1))
    return _grown((spans[0], spans[1]), gaps.shape, AROUND)


def _grown(piece: Window, shape: tuple[int, ...], by: int) -> Window:
    """Return the part of an image that reaches so many pixels further on every side."""
    rows, columns = (
        slice(max(0, span.start - by), min(side, span.stop + by))
        for span, side in zip(piece, shape, strict=True)
    )
    return rows, columns


@one_blas_thread()
def _filled(
    plane: NDArray[np.float32], gaps: NDArray[np.bool_], model: Wiener
) -> NDArray[np.float32]:
    """Return a plane whose gaps have their conditional mean.

    plane, gaps: (y, x). model: the power of the blurred signal, and the continuation beyond it.
    """
    values, radius, mean = plane.copy(), model.radius, model.means[0]
    rows, columns = (slice(radius, radius + side) for side in plane.shape)
    inside = rows, columns
    (field,) = model.extend(values[None])
    precision = _precision(model, field.shape)
    deep = _deep(gaps)
    unknown = _with_border(gaps & ~deep, inside, field.shape, BEYOND)
    everywhere = slice(0, field.shape[0]), slice(0, field.shape[1])
    many = np.count_nonzero(gaps) > max(DIRECT, MANY * gaps.size)
    pieces = None if many else _pieces(unknown, everywhere)
    # The border beside a gap is continued from what was there before: once more, then.
    if pieces is None or deep.any():
        wide = _with_border(gaps, inside, field.shape, max(BEYOND, len(model.kernel)))
        near_border = np.count_nonzero(wide) > np.count_nonzero(gaps)
        for _ in range(1 + (near_border and not many)):
            (field,) = model.extend(values[None])
            _descend(field, wide, precision)
            values[gaps] = field[inside][gaps] + mean
    if not pieces:
        return values
    pairs = irfft2(precision, s=field.shape, workers=WORKERS)
    close = np.count_nonzero(unknown) > np.count_nonzero(unknown[inside])
    for _ in range(SWEEPS if len(pieces) > 1 else 1 + close):
        (field,) = model.extend(values[None])
        gradient = _filter(field, precision)
        for piece in pieces:
            _solve(field, gradient, unknown, pairs, piece)
        values[gaps] = field[inside][gaps] + mean
    return values


def _deep(gaps: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the gaps in squares of DEEP; none where there are few enough to be solved for."""
    if np.count_nonzero(gaps) <= DIRECT:
        return np.zeros_like(gaps)
    return np.asarray(ndimage.maximum_filter(ndimage.minimum_filter(gaps, DEEP), DEEP))


def _with_border(
    gaps: NDArray[np.bool_], inside: Window, shape: tuple[int, ...], beyond: int
) -> NDArray[np.bool_]:
    """Return gaps on the field of a plane, and what is beyond its border near them."""
    field = np.zeros(shape, bool)
    field[inside] = gaps
    field = np.asarray(ndimage.maximum_filter(field, 2 * beyond + 1))
    field[inside] = gaps
    return field


def _pieces(unknown: NDArray[np.bool_], piece: Window) -> list[Window] | None:
    """Return the parts of a piece with few enough unknown pixels; None where there are too many."""
    if not unknown[piece].any():
        return []
    if np.count_nonzero(unknown[_grown(piece, unknown.shape, OVERLAP)]) <= DIRECT:
        return [piece]
    rows, columns = piece
    axis = int(columns.stop - columns.start > rows.stop - rows.start)
    span = piece[axis]
    if span.stop - span.start < 2 * SMALLEST:
        return None
    middle = (span.start + span.stop) // 2
    parts: list[Window] = []
    for half in (slice(span.start, middle), slice(middle, span.stop)):
        few = _pieces(unknown, (rows, half) if axis else (half, columns))
        if few is None:
            return None
        parts += few
    return parts


def _solve(
    field: NDArray[np.float64],
    gradient: NDArray[np.float64],
    unknown: NDArray[np.bool_],
    pairs: NDArray[np.float64],
    piece: Window,
) -> None:
    """Write the conditional mean into a piece's unknown pixels, given all beyond its overlap.

    gradient: the precision times the field. pairs: the precision of two pixels by their distance.
    """
    from scipy.linalg import cho_factor, cho_solve

    around = _grown(piece, unknown.shape, OVERLAP)
    y, x = np.nonzero(unknown[around])
    matrix = np.empty((len(y), len(y)))
    for row, (down, right) in zip(matrix, zip(y, x, strict=True), strict=True):
        row[:] = pairs[down - y, right - x]
    # Rounding must not make it indefinite, where there is no noise.
    matrix.flat[:: len(y) + 1] *= 1 + ROUNDING
    factor = cho_factor(matrix, overwrite_a=True, check_finite=False)
    y, x = y + around[0].start, x + around[1].start
    change = cho_solve(factor, gradient[y, x], check_finite=False)
    rows, columns = piece
    own = (rows.start <= y) & (y < rows.stop) & (columns.start <= x) & (x < columns.stop)
    field[y[own], x[own]] -= change[own]


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
