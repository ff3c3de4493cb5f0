"""Beyond the border: the most probable continuation of a blurred image.

A filter that undoes a blur looks far past the border. Reflection does not serve there: the
reflected blurred image is not the blur of any image, and the filter smears that error over
hundreds of pixels. Here the pixels beyond get the values that are most probable beside those
inside, for a signal and a noise of known power under the kernel: the conditional mean of a
stationary Gaussian field. Filtering the longer image is then close to the estimate that knows
nothing of what lies beyond (Reeves, IEEE Trans. Image Process. 14, 1448 (2005) states that problem
exactly), at the cost of thin strips.

Along the edge the field is stationary too, so the conditional mean is a small matrix for each
frequency along the edge. Its reach is faded to 0, so that the strips can be worked in blocks, and
the continuation of a pixel's row is the same in an image and in a tile of it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.fft
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from unsmear.blur import Kernel
from unsmear.classical.power import Power, squared_frequencies, transfer

EDGE = 256
"""Pixels; the length of a block along the edge."""
MARGIN = 64
"""Pixels at both ends of a block that are only read."""

SMALL = 2**15
"""Multiplications in a product of matrices that BLAS works in one thread."""


def predictor(kernel: Kernel, power: Power, source: int, beyond: int) -> NDArray[np.complex128]:
    """Return the matrices that continue an image to the left.

    source: columns read inside. beyond: columns predicted outside.
    Returns (EDGE // 2 + 1, beyond, source), one matrix a frequency along the edge; columns in the
    order of the image.
    """
    covariance = _covariance(kernel, power, source + beyond)
    size = covariance.shape[1]
    known, unknown = np.arange(source), np.arange(-beyond, 0)
    within = covariance[:, (known[:, None] - known) % size]
    across = covariance[:, (known[:, None] - unknown) % size]
    solved = np.linalg.solve(within, across)
    return _shorten(np.asarray(solved.conj().swapaxes(1, 2), np.complex128))


def extend(planes: NDArray[Any], start: int, stop: int, maps: NDArray[Any]) -> None:
    """Write what lies left of column `start` and right of column `stop` into planes (n, y, x).

    maps: from `predictor`, in the planes' precision, with a source of at most stop - start; as
    many columns are written on either side as they predict.
    """
    beyond, source = maps.shape[1:]
    left = planes[..., start : start + source]
    # Power spectra are alike under half a turn, so what lies right is predicted as what lies left.
    right = planes[:, ::-1, stop - source : stop][..., ::-1]
    left, right = np.split(_predict(np.concatenate([left, right]), maps), 2)
    planes[..., start - beyond : start] = left
    planes[..., stop : stop + beyond] = right[:, ::-1, ::-1]


def _predict(strips: NDArray[Any], maps: NDArray[Any]) -> NDArray[Any]:
    """Return what lies left of strips (n, y, source), in blocks along y that overlap."""
    count, height = strips.shape[:2]
    hop = EDGE - 2 * MARGIN
    number = -(-height // hop)
    tail = number * hop - height + MARGIN
    padded = np.pad(strips, ((0, 0), (MARGIN, tail), (0, 0)), mode="reflect")
    blocks = sliding_window_view(padded, EDGE, axis=1)[:, ::hop]  # (n, number, source, EDGE)
    spectra = scipy.fft.rfft(blocks).reshape(count * number, -1, EDGE // 2 + 1)
    spectra = np.ascontiguousarray(spectra.transpose(2, 0, 1))
    predicted = np.empty((*spectra.shape[:2], maps.shape[1]), spectra.dtype)
    # BLAS would share out larger products among threads, and wait for them 129 times.
    some = max(1, SMALL // (maps.shape[1] * maps.shape[2]))
    for first in range(0, count * number, some):
        part = slice(first, first + some)
        np.matmul(spectra[:, part], maps.swapaxes(1, 2), out=predicted[:, part])
    beyond = scipy.fft.irfft(predicted, n=EDGE, axis=0)[MARGIN:-MARGIN]
    beyond = beyond.transpose(1, 0, 2).reshape(count, number * hop, -1)
    return np.asarray(beyond[:, :height])


def _covariance(kernel: Kernel, power: Power, reach: int) -> NDArray[np.complex128]:
    """Return covariances (edge frequency, lag across the edge), lags periodic."""
    size = scipy.fft.next_fast_len(max(512, 2 * reach))
    spectrum = (
        np.square(np.abs(transfer(kernel.T, size, EDGE)))
        * power.signal(squared_frequencies(size, EDGE))
        + power.noise
    )
    return np.asarray(scipy.fft.ifft(spectrum.astype(np.float64).T, axis=1))


def _shorten(maps: NDArray[np.complex128]) -> NDArray[np.complex128]:
    """Fade the maps' reach along the edge to 0 at `MARGIN`: blocks then join without a seam."""
    distance = np.abs(np.fft.fftfreq(EDGE, 1 / EDGE)) / MARGIN
    taper = np.square(np.cos(np.pi / 2 * np.minimum(distance, 1)))
    reach = scipy.fft.irfft(maps, n=EDGE, axis=0) * taper[:, None, None]
    return np.ascontiguousarray(scipy.fft.rfft(reach, axis=0))
