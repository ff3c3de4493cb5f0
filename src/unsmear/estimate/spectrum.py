"""The pooled power spectrum of an image's windows, one for each informative channel."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from unsmear.cores import in_parallel
from unsmear.estimate import jpeg_blocks

Array = NDArray[np.float64]
Taper = NDArray[np.float32] | NDArray[np.float64]
Noise = Literal["camera", "correlated", "compressed"]
"""Kind of the noise after the motion: white or rounding; shared by neighbours; of JPEG blocks."""

SMALLEST = 16
"""Smallest side of an image whose spectrum is measured, pixels."""
LARGEST_WINDOW = 256
"""Largest side of a window, pixels."""


MOST_WINDOWS = 16
"""Largest number of windows along an axis; in larger images they lie further apart."""
FEW_WINDOWS = 16
"""Number of windows above which their mean makes up for transforms in single precision."""
ROWS = 4
"""Largest number of rows of windows that are transformed at once; each takes 17 MB."""
RAMP = 16
"""Width over which weights rise beside pixels without data, pixels."""
LEAST = 0.1
"""Least share of a window's weight that must be left beside pixels without data."""


@dataclass(frozen=True)
class Spectrum:
    """Mean periodograms on the half plane of a square Fourier transform.

    power: (channel, side, side // 2 + 1), each channel divided by its mean.
    spread: (side, side), autocorrelation of the taper, 1 at [0, 0]: a window convolves the spectrum
        with its transform.
    averages: effective number of averaged spectra; below 1 where neighbours are correlated.
    window: (height, width) of the windows, pixels.
    noise: the kind of noise that a model of the spectrum must allow for.
    """

    power: Array
    spread: Array
    averages: float
    window: tuple[int, int]
    noise: Noise = "camera"

    @property
    def side(self) -> int:
        """Size of the square Fourier transform."""
        return int(self.power.shape[1])

    def radius(self) -> Array:
        """Return (side, side // 2 + 1), the frequency's length in cycles a pixel."""
        rows, columns = np.fft.fftfreq(self.side), np.fft.rfftfreq(self.side)
        return np.asarray(np.hypot(rows[:, None], columns[None]))

    def whole(self) -> Array:
        """Return (channel, side, side), the other half plane filled by symmetry."""
        mirrored = np.roll(self.power[:, ::-1], 1, axis=1)[:, :, self.side // 2 - 1 : 0 : -1]
        return np.concatenate([self.power, mirrored], axis=2)


def measure(
    planes: NDArray[Any],
    gaps: NDArray[np.bool_] | None = None,
    compressed: bool | None = None,
) -> Spectrum | None:
    """Return the spectrum of (batch, channel, y, x) counts; None where there is none to measure.

    gaps: in that shape, true where a pixel holds no data and was filled; it gets no weight.
    compressed: whether there are JPEG blocks; None looks for them.

    The image is differentiated first: that takes the offset away, flattens the steep spectrum of
    cells, so that less of it leaks past the taper, and leaves the dark bands of a motion in place.
    """
    if planes.ndim != 4 or min(planes.shape[2:]) < SMALLEST or not planes.size:
        return None
    height, width = (min(size, LARGEST_WINDOW) for size in planes.shape[2:])
    side = 128 if max(height, width) <= 128 else 256
    tapers = _tapers((height, width))
    many = _windows(planes.shape[2:], (height, width)) > FEW_WINDOWS
    precise = tapers.astype(np.float32) if many else tapers
    power = []
    weights = None if gaps is None else weights_of(gaps)
    for channel in range(planes.shape[1]):
        total = sum(
            _periodograms(
                plane, precise, side, None if weights is None else weights[number, channel]
            )
            for number, plane in enumerate(planes[:, channel])
        )
        mean = float(np.mean(total))
        if mean > 0:
            power.append(total / mean)
    if not power:
        return None
    spread = _autocorrelation((height, width), side)
    count = planes.shape[0] * _windows(planes.shape[2:], (height, width))
    fourth, second = (tapers**4).sum((1, 2)), (tapers**2).sum((1, 2))
    averages = count * float((second**2 / fourth).sum()) / side**2
    if weights is not None:
        averages *= float(np.square(weights).mean())
    if compressed is None:
        compressed = jpeg_blocks.are_present(planes)
    noise: Noise = "compressed" if compressed else "camera"
    return Spectrum(np.stack(power), spread, averages, (height, width), noise)


def together(spectra: Sequence[Spectrum]) -> Spectrum:
    """Return the spectrum of channels of one image that were measured one by one."""
    first = spectra[0]
    noises = {spectrum.noise for spectrum in spectra}
    return replace(
        first,
        power=np.concatenate([spectrum.power for spectrum in spectra]),
        averages=float(np.mean([spectrum.averages for spectrum in spectra])),
        noise="compressed" if "compressed" in noises else "camera",
    )


def _tapers(window: tuple[int, int]) -> Array:
    """Return (taper, height, width)."""
    rows, columns = (np.hanning(size + 2)[1:-1] for size in window)
    return np.array([np.outer(rows, columns)])


def _starts(size: int, window: int) -> NDArray[np.intp]:
    steps = -(-(size - window) // (window // 2)) if size > window else 0
    steps = min(steps, MOST_WINDOWS - 1)
    return np.linspace(0, size - window, steps + 1).astype(np.intp)


def _windows(shape: tuple[int, ...], window: tuple[int, int]) -> int:
    return int(np.prod([len(_starts(*sizes)) for sizes in zip(shape, window, strict=True)]))


def weights_of(gaps: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return weights (batch, channel, y, x) that rise from 0 at the gaps to 1 inside the data."""
    weights = np.ones(gaps.shape, np.float32)
    for index in np.ndindex(gaps.shape[:2]):
        if gaps[index].any():
            distance = ndimage.distance_transform_edt(~gaps[index])
            weights[index] = np.sin(np.pi / 2 * np.clip((distance - 2) / RAMP, 0, 1)) ** 2
    return weights


def _periodograms(
    plane: NDArray[Any],
    tapers: Taper,
    side: int,
    data: NDArray[np.float32] | None = None,
) -> Array:
    """Return the sum of the periodograms of both differences over all windows and tapers.

    tapers: (taper, y, x), in the precision of the transforms. data: (y, x), weights of the pixels;
    windows with little weight are left out.
    """
    height, width = tapers.shape[1:]
    factor = _factor(plane)

    def row(y: int) -> Array | None:
        """Return the sum over a row of windows."""
        windows: list[Taper] = []
        for x in _starts(plane.shape[1], width):
            piece = (plane[y : y + height, x : x + width] * factor).astype(np.float32)
            if piece.min() == piece.max():
                continue
            for gradient in _gradients(piece):
                rows, columns = gradient.shape
                held = None if data is None else data[y : y + rows, x : x + columns]
                windows += _windowed(gradient, tapers, held)
        if not windows:
            return None
        padded = np.zeros((len(windows), side, side), tapers.dtype)
        for place, window in zip(padded, windows, strict=True):
            place[: window.shape[0], : window.shape[1]] = window
        waves = fft.rfft2(padded, overwrite_x=True)
        total = np.square(waves.real).sum(axis=0, dtype=np.float64)
        total += np.square(waves.imag).sum(axis=0, dtype=np.float64)
        return np.asarray(total)

    total = np.zeros((side, side // 2 + 1))
    for periodograms in in_parallel(row, _starts(plane.shape[0], height).tolist(), ROWS):
        if periodograms is not None:
            total += periodograms
    return total


def _factor(plane: NDArray[Any]) -> np.floating[Any]:
    """Return the power of two that brings a plane's range near 1: the squares of large numbers
    overflow, and those of small ones vanish.
    """
    span = float(plane.max()) - float(plane.min())
    exponent = -math.frexp(span)[1] if 0 < span < math.inf else 0
    if plane.dtype == np.float64:
        return np.float64(2.0 ** min(exponent, 1000))
    return np.float32(2.0 ** max(-120, min(exponent, 120)))


def _windowed(
    gradient: NDArray[np.float32],
    tapers: Taper,
    data: NDArray[np.float32] | None,
) -> Iterator[Taper]:
    """Yield a difference, its weighted mean subtracted, times each taper; nothing where the data
    leave little weight.
    """
    for taper in tapers:
        weights = taper[: gradient.shape[0], : gradient.shape[1]]
        if data is not None:
            full, weights = float((weights**2).sum()), weights * data
            if (weights**2).sum() < LEAST * full:
                continue
        weighted = gradient * weights
        mean = weighted.sum(dtype=np.float64) / weights.sum(dtype=np.float64)
        yield weighted - weights.dtype.type(mean) * weights


def _gradients(piece: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    return [np.diff(piece, axis=0), np.diff(piece, axis=1)]


@lru_cache(maxsize=4)
def _autocorrelation(window: tuple[int, int], side: int) -> Array:
    power = np.abs(fft.rfft2(_tapers(window), (2 * side, 2 * side))) ** 2
    full = fft.irfft2(power.sum(0))
    index = np.r_[0 : side // 2, -side // 2 : 0]
    return np.asarray(full[np.ix_(index, index)] / full[0, 0])
