"""Noise variance as a function of the signal, measured on the blurred image alone.

A fourth difference along both axes passes only the highest frequencies, where optics and motion
leave almost nothing of the cells (a sharper filter than the second difference of Immerkaer, Comput.
Vis. Image Underst. 64, 300 (1996)). Remains of cells only add variance, so the line is fitted to
the lower edge of the variances of small blocks (quantile regression; Koenker and Bassett,
Econometrica 46, 33 (1978)). The figures: docs/design/harm.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

DIFFERENCE = 4
"""Order of the difference along both axes."""
GAIN = 70
"""Sum of the squares of its taps, by which it multiplies the variance of white noise."""
CELL = 4
"""Side of the cells over which the consistency check averages, pixels."""
BLOCK = 8
"""Side of a block, pixels."""
QUANTILE = 0.2
"""Quantile of the blocks' variances to which the line is fitted."""
LOW = 0.65
"""Value of that quantile for blocks of white noise of variance 1 (simulated)."""
PIXELS = 2**20
"""Approximate upper limit of the pixels that are read, in strips that cover the image evenly."""
STEPS = 30
"""Number of reweighting steps of the fit; more make no visible difference."""


@dataclass(frozen=True)
class Noise:
    """The variance of a channel's noise, linear in the signal.

    read: variance at the signal `offset`, 0 or more, units squared.
    gain: slope of the variance over the signal, units, 0 or more.
    offset: the darkest signal that was measured, units; below it the variance is `read`.
    least: minimum variance, that of rounding to the file's dtype, units squared.
    shared: what noise that neighbours share adds to the variance of the mean over a cell of 4x4
        pixels, units squared.
    contrast: standard deviation of the plane, units, where a part of it is checked; 0 measures it.
    kernel_fits, kernel_fails: whether the spectrum at the kernel's zeros is that of noise, or holds
        much light that is no noise; this is stronger evidence than the residuals of tiles.
    """

    read: float
    gain: float = 0.0
    offset: float = 0.0
    least: float = 0.0
    shared: float = 0.0
    contrast: float = 0.0
    kernel_fits: bool = False
    kernel_fails: bool = False

    def variance(self, signal: NDArray[Any]) -> NDArray[np.float32]:
        """Return the noise's variance at a signal of any shape, units squared."""
        above = np.maximum(np.asarray(signal, np.float32) - np.float32(self.offset), 0)
        line = np.float32(self.read) + np.float32(self.gain) * above
        return np.asarray(np.maximum(line, np.float32(self.least)), np.float32)


def rounding(dtype: DTypeLike, factor: float = 1.0) -> float:
    """Return the variance that rounding to a dtype leaves, in squared units of counts / factor."""
    return 1 / (12 * factor**2) if np.dtype(dtype).kind in "iu" else 0.0


def measure(planes: NDArray[np.floating[Any]], least: float = 0.0) -> Noise:
    """Return the noise of one channel.

    planes: (n, y, x) in any unit; gain and offset of the counts carry over to the result.
    least: minimum variance, units squared (see `rounding`).

    Blocks that contain the brightest value are left out: the camera may be saturated there, which
    hides noise. An image under 12 pixels a side has too few blocks; its noise is `least`.
    """
    signal, variance = _blocks(planes)
    if not len(signal):
        return Noise(least, least=least)
    offset = float(signal.min())
    read, gain = _lower_edge(signal - offset, variance)
    return Noise(max(read / LOW, 0.0), max(gain / LOW, 0.0), offset, least)


def shared(
    planes: NDArray[np.floating[Any]], spectrum: NDArray[np.floating[Any]]
) -> tuple[float, float]:
    """Return the variance of the mean over a cell, of noise that neighbours share, units squared,
    and its share of what the spectrum has, 0 to 1.

    The fourth difference hardly passes such noise. planes: (n, y, x). spectrum: the noise's power
    on the grid of `rfft2` of a square with an even side, units squared.

    What the spectrum shows at the kernel's zeros may be noise, or light that a wrong kernel does
    not explain. Noise is in the darkest and emptiest parts of the image too, so no more is believed
    than varies from cell to cell there.
    """
    side = len(spectrum)
    down, across = (
        np.square(np.abs(np.exp(-2j * np.pi * np.outer(axis, np.arange(CELL))).mean(axis=1)))
        for axis in (np.fft.fftfreq(side), np.fft.rfftfreq(side))
    )
    across[1:-1] *= 2  # the other half plane
    expected = float(down @ spectrum @ across) / side**2
    height, width = (length // CELL for length in planes.shape[1:])
    whole = planes[:, : height * CELL, : width * CELL].reshape(-1, height, CELL, width, CELL)
    _, variance = _blocks(whole.mean(axis=(2, 4), dtype=np.float64))
    measured = float(np.quantile(variance, QUANTILE)) / LOW if len(variance) else 0.0
    return min(expected, measured), min(1.0, measured / expected)


def _blocks(planes: NDArray[np.floating[Any]]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return signal and noise variance of blocks that cover the planes evenly."""
    margin = DIFFERENCE // 2
    count, height, width = planes.shape
    rows = (height - 2 * margin) // BLOCK
    if rows < 1 or width - 2 * margin < BLOCK:
        return np.zeros(0), np.zeros(0)
    wanted = int(np.clip(PIXELS // (BLOCK * width * count), 1, rows))
    chosen = np.linspace(0, rows - 1, wanted).astype(int) * BLOCK
    white = planes.max()
    means, variances = [], []
    for plane in planes:
        for row in chosen:
            strip = np.asarray(plane[row : row + BLOCK + 2 * margin], np.float32)
            inner = strip[margin:-margin, margin:-margin]
            rough = np.diff(np.diff(strip, DIFFERENCE, axis=0), DIFFERENCE, axis=1)
            unsaturated = _reduce(inner, np.max) < white
            means.append(_reduce(inner, np.mean)[unsaturated])
            variances.append(_reduce(np.square(rough / np.float32(GAIN)), np.mean)[unsaturated])
    return np.concatenate(means).astype(np.float64), np.concatenate(variances).astype(np.float64)


def _reduce(strip: NDArray[Any], how: Any) -> NDArray[Any]:
    """Return one number for each whole block of a strip."""
    blocks = strip[:, : strip.shape[1] // BLOCK * BLOCK].reshape(BLOCK, -1, BLOCK)
    return np.asarray(how(blocks, axis=(0, 2)))


def _lower_edge(signal: NDArray[np.float64], variance: NDArray[np.float64]) -> tuple[float, float]:
    """Return intercept and slope, both 0 or more, of the line below which QUANTILE of blocks lie.

    signal: from 0. Distances are relative to the line's height, as the scatter of variances is.
    """
    level = float(np.quantile(variance, QUANTILE))
    most = float(signal.max())
    if most <= 0 or not variance.any():
        return level, 0.0
    tiny = 1e-3 * max(level, 1e-6 * float(variance.max()))
    line = np.array([max(level, tiny), 0.0])
    design = np.stack([np.ones_like(signal), signal / most], axis=1)
    for _ in range(STEPS):
        height = np.maximum(design @ line, tiny)
        off = (variance - height) / height
        weight = np.where(off > 0, QUANTILE, 1 - QUANTILE) / (np.abs(off) + 0.02) / height**2
        line = _nonnegative(design, variance, weight)
    return float(line[0]), float(line[1]) / most


def _nonnegative(
    design: NDArray[np.float64], variance: NDArray[np.float64], weight: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the two coefficients of weighted least squares, both 0 or more."""
    weighted = design * weight[:, None]
    normal, wanted = weighted.T @ design, weighted.T @ variance
    line = np.asarray(np.linalg.lstsq(normal, wanted, rcond=None)[0], np.float64)
    if line.min() >= 0:
        return line
    index = int(line[0] < 0) if line[1 - int(line[0] < 0)] > 0 else 0
    single = np.zeros(2)
    single[index] = max(wanted[index] / normal[index, index], 0.0)
    return single
