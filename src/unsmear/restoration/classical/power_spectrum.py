"""Power spectra of signal and noise, measured on the blurred image alone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from unsmear.blur import Kernel
from unsmear.cores import CORES
from unsmear.restoration.classical import kernel_zeros

WORKERS = CORES
"""Number of threads of Fourier transforms."""
LARGEST_KEPT = 2**22
"""Largest grid whose transfer functions and frequencies are kept for the next channel, pixels."""
BLOCK = 256
"""Side of the blocks over which spectra are averaged (Welch's method), pixels."""
BLOCKS = 16
"""Largest number of blocks that are read, those with the most contrast."""
CLEANEST = 3e-3
"""Noise floor as a fraction of the image's standard deviation.

Below it the errors of the kernel outweigh the noise, and the result would change with the exposure.
The rounding to 8 bits of a well exposed image is about twice as strong.
"""
LONG = 16.0
"""Length of a motion above which that floor grows with it, pixels: more of its zeros lie at low
frequencies, where errors of the window and the border are large."""
FAR, MOST = 23.0, 16.0
"""Length, pixels, of which the third power is the floor's growth in images no larger than a block,
and the most that this may be; in larger ones less, by the ratio of the areas, for there less comes
from beyond the border. It is felt from 28 pixels on: in 14 fields of 256 pixels a motion of 48
gained 1.0 dB (8 bit) and 1.2 dB (16 bit), and two that were made worse before are not any more."""
SLOPES = (-4.5, -1.0)
"""Limits of the exponent of the signal's power law; images of cells have -3.9 to -1.8."""


@dataclass(frozen=True)
class Power:
    """A power law over noise, per pixel, in units squared.

    noise: the noise's power at every frequency, or at the highest ones if neighbours share it.
    scale, slope: the sharp signal's power is scale * frequency ** slope, cycles a pixel.
    shared: pairs of frequency, ascending, and the noise's power there; () for white noise.
    """

    noise: float
    scale: float
    slope: float
    shared: tuple[tuple[float, float], ...] = ()

    @property
    def variance(self) -> float:
        """Variance of the noise of a pixel."""
        squares = squared_frequencies(BLOCK, BLOCK)
        return mean(self.noise_at(squares), BLOCK) if self.shared else self.noise

    def noise_at(self, squares: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
        """Return the noise's power at squared frequencies, which are above 0."""
        if not self.shared:
            return np.full_like(squares, self.noise)
        places, powers = np.log(self.shared).T
        values = np.exp(np.interp(np.log(squares) / 2, places, powers))
        return np.asarray(values, squares.dtype)

    def signal(self, squares: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
        """Return the sharp signal's power at squared frequencies, which are above 0."""
        return np.asarray(self.scale * squares ** (self.slope / 2))

    def noise_to_signal(self, squares: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
        """Return noise over signal at squared frequencies, 0 or more."""
        if self.shared:
            return np.asarray(self.noise_at(squares) / self.signal(squares))
        return np.asarray((self.noise / self.scale) * squares ** (-self.slope / 2))


def measure(planes: NDArray[np.floating[Any]], kernel: Kernel) -> Power:
    """Return the power of signal and noise behind blurred planes.

    planes: (n, y, x) in any unit; an offset changes nothing, a gain changes both powers equally.
    Noise is measured at high frequencies, where the kernel leaves least of the signal. Noise that
    neighbours share, as after interpolation or smoothing, is found at lower frequencies that the
    kernel does not pass; so is whatever the kernel does not explain. The signal is a power law,
    fitted to the rest after noise and kernel are removed, as in natural images: Field, J. Opt. Soc.
    Am. A 4, 2379 (1987).
    """
    return power_of(observed(planes, kernel), planes, kernel)


def power_of(spectrum: Observed, planes: NDArray[np.floating[Any]], kernel: Kernel) -> Power:
    """Return the power of signal and noise as `measure` does; spectrum: the planes' spectrum."""
    if spectrum.variance == 0:
        return _unread(planes)
    floor = CLEANEST * _growth(extent(kernel), min(planes.shape[1:]))
    noise = max(white_noise(spectrum), floor**2 * spectrum.variance)
    shared = kernel_zeros.shared(spectrum.rings, noise)
    return _fit(spectrum, Power(noise, 1.0, -3.0, shared))


def _growth(length: float, side: int) -> float:
    """Return by how much the floor is raised for a motion, 1 or more.

    side: the shorter one of the image, pixels.
    """
    beyond = (length / FAR) ** 3 * min(1.0, BLOCK / side) ** 2
    return max(1.0, length / LONG, min(beyond, MOST))


def extent(kernel: Kernel) -> float:
    """Return the length of the motion whose kernel is as wide, pixels."""
    offsets = np.indices(kernel.shape) - len(kernel) // 2
    centre = (kernel * offsets).sum(axis=(1, 2)) / kernel.sum()
    squares = (kernel * np.square(offsets - centre[:, None, None])).sum() / kernel.sum()
    return float(np.sqrt(12 * squares))


@dataclass(frozen=True, eq=False)
class Observed:
    """The spectrum of blurred planes on the grid of `rfft2`.

    power: the mean power per pixel. passed: the fraction of it that the kernel passes.
    radius: cycles a pixel. variance: of the planes. rings: noise and signal, told apart.
    """

    power: NDArray[np.float64]
    passed: NDArray[np.float32]
    radius: NDArray[np.float32]
    variance: float
    rings: kernel_zeros.Rings


def observed(planes: NDArray[np.floating[Any]], kernel: Kernel) -> Observed:
    """Return the spectrum of blurred planes (n, y, x)."""
    blocks = _blocks(planes)
    power = _spectrum(blocks)
    grid = _grid(np.asarray(kernel, np.float64).tobytes(), len(kernel), *blocks.shape[1:])
    # In double precision the variance of a constant is 0, whatever its level.
    variance = float(blocks.var(axis=(1, 2), dtype=np.float64).mean())
    rings = kernel_zeros.rings_of(power, grid.sides)
    return Observed(power, grid.passed, grid.radius, variance, rings)


@dataclass(frozen=True, eq=False)
class _Grid:
    """What a kernel passes, as in `Observed`, and the rings in which it has zeros."""

    passed: NDArray[np.float32]
    radius: NDArray[np.float32]
    sides: tuple[kernel_zeros.Sides, ...]


@lru_cache(maxsize=4)
def _grid(values: bytes, side: int, height: int, width: int) -> _Grid:
    passed = np.square(np.abs(_transfer(values, side, height, width)))
    radius = np.sqrt(squared_frequencies(height, width))
    return _Grid(passed, radius, kernel_zeros.sides_of(passed, radius))


def _unread(planes: NDArray[np.floating[Any]]) -> Power:
    """Return the power of planes whose blocks are flat, with the least noise.

    Planes that are not read may still vary. If nothing varies, the power does not matter, and its
    variance is 1.
    """
    mean = planes.mean(dtype=np.float64)
    squares = [np.square(plane - mean).mean(dtype=np.float64) for plane in planes]
    variance = float(np.mean(squares)) or 1.0
    return Power(CLEANEST**2 * variance, variance, slope=-3.0)


def transfer(kernel: Kernel, height: int, width: int) -> NDArray[np.complex64]:
    """Return the kernel's transfer function on the grid of `rfft2`: (height, width // 2 + 1).

    It is cached for the next channel, so it cannot be written to.
    """
    made = _transfer if height * width <= LARGEST_KEPT else _transfer.__wrapped__
    return made(np.asarray(kernel, np.float64).tobytes(), len(kernel), height, width)


@lru_cache(maxsize=12)
def _transfer(values: bytes, side: int, height: int, width: int) -> NDArray[np.complex64]:
    kernel = np.frombuffer(values).reshape(side, side)
    offsets = np.arange(side) - side // 2
    down = np.exp(-2j * np.pi * np.outer(np.fft.fftfreq(height), offsets))
    across = np.exp(-2j * np.pi * np.outer(offsets, np.fft.rfftfreq(width)))
    transferred = (down @ kernel).astype(np.complex64) @ across.astype(np.complex64)
    transferred.flags.writeable = False
    return np.asarray(transferred)


def squared_frequencies(height: int, width: int) -> NDArray[np.float32]:
    """Return squared cycles a pixel on the grid of `rfft2`; the first, 0, is raised to a quarter
    of its neighbour's, so that powers stay finite. It cannot be written to.
    """
    made = _squares if height * width <= LARGEST_KEPT else _squares.__wrapped__
    return made(height, width)


@lru_cache(maxsize=12)
def _squares(height: int, width: int) -> NDArray[np.float32]:
    down = np.fft.fftfreq(height).astype(np.float32) ** 2
    across = np.fft.rfftfreq(width).astype(np.float32) ** 2
    squares = down[:, None] + across
    squares[0, 0] = (0.5 / max(height, width, 2)) ** 2
    squares.flags.writeable = False
    return squares


def _blocks(planes: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """Return (n, side, side), the blocks with the most contrast among those that cover planes."""
    height, width = (min(BLOCK, side) for side in planes.shape[1:])
    rows, columns = (
        np.linspace(0, side - block, -(-side // block)).astype(int)
        for side, block in zip(planes.shape[1:], (height, width), strict=True)
    )
    chosen = np.linspace(0, len(planes) - 1, min(len(planes), BLOCKS)).astype(int)
    views = [
        planes[plane, row : row + height, column : column + width]
        for plane in chosen
        for row in rows
        for column in columns
    ]
    # The variance of all pixels, not of a sample: an object may be smaller than any sampling step.
    contrast = [-float(view.var(dtype=np.float64)) for view in views]
    order = np.argsort(contrast, kind="stable")[:BLOCKS]
    return np.stack([views[i] for i in order]).astype(np.float32)


def _spectrum(blocks: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the mean power per pixel on the grid of `rfft2`, with a Hann window."""
    window, squares = _hann(*blocks.shape[1:])
    means = [(block * window).sum(dtype=np.float64) for block in blocks] / window.sum()
    transformed = scipy.fft.rfft2((blocks - means[:, None, None].astype(np.float32)) * window)
    power = np.square(transformed.real).mean(axis=0, dtype=np.float64)
    power += np.square(transformed.imag).mean(axis=0, dtype=np.float64)
    return np.asarray(power / squares)


@lru_cache(maxsize=4)
def _hann(height: int, width: int) -> tuple[NDArray[np.float32], float]:
    """Return the Hann window of blocks, and the sum of its squares."""
    window = np.outer(np.hanning(height + 2)[1:-1], np.hanning(width + 2)[1:-1])
    return window.astype(np.float32), float(np.square(window).sum())


def white_noise(spectrum: Observed) -> float:
    """Return the mean power over the 30 % of high frequencies that the blur attenuates most."""
    high = spectrum.radius > 0.35
    if not high.any():
        return 0.0
    dark = high & (spectrum.passed <= np.quantile(spectrum.passed[high], 0.3))
    return float(spectrum.power[dark].mean())


def mean(spectrum: NDArray[Any], width: int) -> float:
    """Return the mean over all frequencies of a spectrum on the grid of `rfft2`."""
    weights = np.full(spectrum.shape[1], 2.0)
    weights[0] = 1
    weights[-1] = 2 - (width % 2 == 0)
    return float((spectrum * weights).sum(dtype=np.float64) / (len(spectrum) * width))


def _fit(spectrum: Observed, noise: Power) -> Power:
    """Return the power law fitted to the rings of the spectrum that lie above the noise.

    noise: a power of which the noise is right.
    """
    noises = noise.noise_at(np.square(spectrum.radius))
    edges = np.geomspace(0.015, 0.5, 16)
    points = []
    for low, high in pairwise(edges):
        ring = (spectrum.radius >= low) & (spectrum.radius < high) & (spectrum.passed > 0.05)
        if ring.sum() < 8:
            continue
        signal = float((spectrum.power[ring] - noises[ring]).sum() / spectrum.passed[ring].sum())
        if signal > 0.5 * float(noises[ring].mean()):
            points.append((np.log(np.sqrt(low * high)), np.log(signal)))
    slope = -3.0
    x, y = np.transpose(points) if points else (np.zeros(0), np.zeros(0))
    if len(points) >= 3:
        slope = float(np.clip(np.polyfit(x, y, 1)[0], *SLOPES))
    if not points:
        squares = squared_frequencies(*_full(spectrum.radius.shape))
        scale = spectrum.variance / float((squares ** (slope / 2)).mean())
        return replace(noise, scale=scale, slope=slope)
    return replace(noise, scale=float(np.exp(y.mean() - slope * x.mean())), slope=slope)


def _full(shape: tuple[int, ...]) -> tuple[int, int]:
    return shape[0], max(1, 2 * (shape[1] - 1))
