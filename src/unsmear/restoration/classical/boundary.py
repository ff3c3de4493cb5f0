"""Boundary handling: the most probable continuation of a blurred image beyond its border.

A deconvolution filter reaches far past the border. Reflection does not work there: the reflected
blurred image is not the blur of any image, and the filter spreads that error over hundreds of
pixels. Here the pixels beyond the border get their most probable values given those inside, for a
signal and a noise of known power under the kernel: the conditional mean of a stationary Gaussian
field. Filtering the extended image then comes close to the estimate with an unknown outside
(Reeves, IEEE Trans. Image Process. 14, 1448 (2005) states that problem exactly), at the cost of
thin strips.

The field is stationary along the edge too, so the conditional mean is a small matrix for each
frequency along the edge. Its reach is faded to 0, so that the strips can be processed in blocks,
and the continuation of a pixel's row is the same in an image and in a tile of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import scipy.fft
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import DTypeLike, NDArray

from unsmear.blur import Kernel
from unsmear.restoration.classical.power_spectrum import Power, squared_frequencies, transfer

EDGE = 256
"""Length of a block along the edge, pixels."""
MARGIN = 64
"""Margin at both ends of a block that is read and not written, pixels."""

SHORT = 17
"""Largest side of a kernel, pixels, of which the covariances along the edge end within MARGIN: they
are then computed on a grid of half a block (0.002 dB at 16 px, but 0.2 dB would be lost at 40)."""

NEAR = 64
"""Number of columns that are predicted for such a kernel; those beyond fade to 0, as predictions do
(0.0001 dB at 6 to 16 px)."""

TOGETHER = 8
"""Number of columns whose matrices are computed together, in the processor's cache."""

SMALL = 2**15
"""Largest number of multiplications in a matrix product that BLAS computes in one thread."""


def predicted(kernel: Kernel, radius: int) -> int:
    """Return how many of the columns beyond the border, `radius`, are predicted."""
    return min(radius, NEAR) if len(kernel) <= SHORT else radius


def predictor(
    kernel: Kernel, power: Power, source: int, beyond: int, dtype: DTypeLike = np.complex128
) -> NDArray[np.complexfloating[Any]]:
    """Return the matrices that continue an image to the left.

    source: columns read inside. beyond: columns predicted outside. dtype: of the matrices.
    Returns (EDGE // 2 + 1, beyond, source), one matrix a frequency along the edge; columns in the
    order of the image.
    """
    spectrum = spectrum_of(kernel, power, source + beyond)
    maps = np.empty((EDGE // 2 + 1, beyond, source), dtype)
    rows = np.empty((min(TOGETHER, beyond), source, spectrum.shape[1]), np.complex128)
    for column, row in enumerate(weights_of(spectrum, source, beyond), 1):
        rows[-column % len(rows)] = row
        if column % len(rows) == 0 or column == beyond:
            count = (column - 1) % len(rows) + 1
            first = beyond - column
            maps[:, first : first + count] = _shorten(rows[-count:]).transpose(2, 0, 1)
    return maps


def extend(planes: NDArray[Any], start: int, stop: int, maps: NDArray[Any]) -> None:
    """Write the continuation left of column `start` and right of `stop` into planes (n, y, x).

    `start` columns are written on each side. maps: from `predictor`, in the planes' precision, with
    a source of at most stop - start; what lies beyond the columns that they predict fades to 0.
    """
    beyond, source = maps.shape[1:]
    left = planes[..., start : start + source]
    # Power spectra do not change under a half-turn, so the right side is predicted as the left.
    right = planes[:, ::-1, stop - source : stop][..., ::-1]
    left, right = np.split(_predict(np.concatenate([left, right]), maps), 2)
    planes[..., start - beyond : start] = left
    planes[..., stop : stop + beyond] = right[:, ::-1, ::-1]
    far = start - beyond
    fading = np.square(np.cos(np.pi / 2 * np.arange(1, far + 1) / (far + 1))).astype(planes.dtype)
    planes[..., :far] = planes[..., far, None] * fading[::-1]
    planes[..., stop + beyond : stop + start] = planes[..., stop + beyond - 1, None] * fading


def _predict(strips: NDArray[Any], maps: NDArray[Any]) -> NDArray[Any]:
    """Return the continuation left of strips (n, y, source), in overlapping blocks along y."""
    count, height = strips.shape[:2]
    hop = EDGE - 2 * MARGIN
    number = -(-height // hop)
    tail = number * hop - height + MARGIN
    padded = np.pad(strips, ((0, 0), (MARGIN, tail), (0, 0)), mode="reflect")
    blocks = sliding_window_view(padded, EDGE, axis=1)[:, ::hop]  # (n, number, source, EDGE)
    spectra = scipy.fft.rfft(blocks).reshape(count * number, -1, EDGE // 2 + 1)
    spectra = np.ascontiguousarray(spectra.transpose(2, 0, 1))
    predicted = np.empty((*spectra.shape[:2], maps.shape[1]), spectra.dtype)
    # BLAS would distribute larger products over threads, and wait for them 129 times.
    size = max(1, SMALL // (maps.shape[1] * maps.shape[2]))
    for first in range(0, count * number, size):
        part = slice(first, first + size)
        np.matmul(spectra[:, part], maps.swapaxes(1, 2), out=predicted[:, part])
    beyond = scipy.fft.irfft(predicted, n=EDGE, axis=0)[MARGIN:-MARGIN]
    beyond = beyond.transpose(1, 0, 2).reshape(count, number * hop, -1)
    return np.asarray(beyond[:, :height])


def weights_of(
    spectrum: NDArray[np.float64], source: int, beyond: int
) -> Iterator[NDArray[np.complex128]]:
    """Yield the weights (source, edge frequency) of each column, from the image outwards.

    Weights x_k of the k-th column solve T x_k = c_k, with the covariances T of the known columns,
    a Toeplitz matrix, and c_k of the known with the unknown one. As c_k is c_(k-1), moved up by
    one element and with a new last one, x_k is x_(k-1), moved up, and a little of two fixed
    vectors. So a column takes `source` steps, not its square (Gohberg and Semencul, Mat. Issled. 7,
    201 (1972)).
    """
    covariance = scipy.fft.fft(spectrum, axis=0, norm="forward")
    shorter, error, longer = _levinson(covariance, source)
    first = shorter.conj() / error  # the first row of T's inverse
    last = first[::-1]  # its last column
    top = _correlate(first, spectrum)
    misses = _correlate(longer[::-1], spectrum)
    weights = nearest = -longer[1:]
    for k in range(1, beyond + 1):
        yield weights
        moved = top[k] * nearest
        moved += misses[k] * last
        moved[:-1] += weights[1:]
        weights = moved


def _levinson(
    covariance: NDArray[np.complex128], order: int
) -> tuple[NDArray[np.complex128], NDArray[np.float64], NDArray[np.complex128]]:
    """Return the prediction error filter of order - 1, its error power, and that of `order`.

    covariance: (lag, n), lags from 0. Filters: (elements, n), the first element 1.
    N. Levinson, J. Math. Phys. 25, 261 (1946).
    """
    longer = np.zeros((order + 1, covariance.shape[1]), np.complex128)
    longer[0] = 1
    error = covariance[0].real.copy()
    for n in range(1, order + 1):
        shorter, before = longer[:n].copy(), error
        reflection = -(shorter * covariance[n:0:-1]).sum(axis=0) / error
        longer[1 : n + 1] += reflection * shorter[::-1].conj()
        error = error * (1 - np.square(np.abs(reflection)))
    return shorter, before, longer


def _correlate(
    filter_: NDArray[np.complex128], spectrum: NDArray[np.float64]
) -> NDArray[np.complex128]:
    """Return sum_i filter[i] covariance[i + k] for all lags k, periodic."""
    transformed = scipy.fft.fft(filter_, n=len(spectrum), axis=0)
    transformed *= spectrum
    return np.asarray(scipy.fft.fft(transformed, axis=0, norm="forward", overwrite_x=True))


def spectrum_of(kernel: Kernel, power: Power, reach: int) -> NDArray[np.float64]:
    """Return the blurred image's power (frequency across the edge, frequency along it).

    reach: largest distance at which covariances are needed, columns; the spectrum is at least twice
    as long.
    """
    size = scipy.fft.next_fast_len(max(512, 2 * reach))
    along = 2 * MARGIN if len(kernel) <= SHORT else EDGE
    passed = np.square(np.abs(transfer(kernel.T, size, along)))
    squares = squared_frequencies(size, along)
    spectrum = passed * power.signal(squares) + power.noise_at(squares)
    return np.asarray(spectrum, np.float64)


def _shorten(weights: NDArray[np.complex128]) -> NDArray[np.complex128]:
    """Return the weights with their reach along the edge, the last axis, faded to 0 at `MARGIN`.

    Blocks of EDGE then join without a seam. The weights are on the grid of `spectrum_of`.
    """
    reach = scipy.fft.irfft(weights)
    length = reach.shape[-1]
    distance = np.abs(np.fft.fftfreq(length, 1 / length)) / MARGIN
    reach *= np.square(np.cos(np.pi / 2 * np.minimum(distance, 1))).astype(reach.dtype)
    if length == EDGE:
        return np.asarray(scipy.fft.rfft(reach, overwrite_x=True))
    padded = np.zeros((*reach.shape[:-1], EDGE), reach.dtype)
    padded[..., :MARGIN] = reach[..., :MARGIN]
    padded[..., -MARGIN:] = reach[..., -MARGIN:]
    return np.asarray(scipy.fft.rfft(padded, overwrite_x=True))
