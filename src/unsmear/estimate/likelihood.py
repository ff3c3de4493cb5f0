"""Whittle likelihood of a pooled spectrum: a smooth texture times a blur, plus noise.

The model of a channel's power at the frequency f is exp(B(f) a) |K(f)|^2 + exp(C(f) n): B is a
smooth basis of the frequency's length with harmonics of its direction, C a stiffer one, K the
kernel as `blur` samples it, convolved with the windows' spectrum. The blur is shared by all
channels; a and n are each channel's own. The noise needs C because only a camera's noise is white:
rounding a smooth image to 8 bit leaves contours along the motion. Whittle, "Estimation and
information in stationary time series", 1953.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from scipy import fft

from unsmear.blur.kernel import Kernel
from unsmear.estimate import frequencies, texture
from unsmear.estimate.spectrum import Array, Spectrum

BOUND = 8.0
"""Ratio of a value to its model above which it counts by its logarithm (grids, debris)."""
DARKEST = 1e-7
"""Lower limit of a squared transfer function, set by double precision."""


class Problem:
    """The fitted frequencies of a spectrum, with the basis of their texture.

    step: subsampling of the frequencies, one in so many.
    knots: number of knots of the texture along the logarithm of the radius.
    harmonics: number of harmonics of its direction.
    """

    def __init__(
        self, spectrum: Spectrum, step: int = 1, knots: int = 9, harmonics: int = 2
    ) -> None:
        self.side, self._spread = spectrum.side, spectrum.spread
        taken = frequencies.taken(spectrum.side, spectrum.window, step)
        self._taken, self._index = taken, taken.index
        self.power = spectrum.power.reshape(len(spectrum.power), -1)[:, self._index]
        self.averages = spectrum.averages * min(step, 3)
        self.basis, self.grain = texture.bases(taken, knots, harmonics, spectrum.noise)
        self.single = texture.single_bases(taken, knots, harmonics, spectrum.noise)

    def parts(self, row: Array, transfer: Array) -> tuple[Array, Array]:
        """Return a channel's modelled power: the texture's before blur, and the whole with noise.

        row: the channel's texture, a and n. transfer: |K|^2.
        """
        count = self.basis.shape[1]
        amplitude = np.exp(self.basis @ row[:count])
        return amplitude, amplitude * transfer + np.exp(self.grain @ row[count:])

    def grid(self, values: Array) -> Array:
        """Return values of the fitted frequencies on the half plane; NaN at the others."""
        whole = np.full((self.side, self.side // 2 + 1), np.nan)
        whole.flat[self._index] = values
        return whole

    def frequencies(self) -> Array:
        """Return (frequency, 2): the fitted frequencies (x, y), cycles a pixel, y downwards."""
        return self._taken.places

    def smear(self) -> float:
        """Return the variance of the windows' spectrum, (2 pi cycles a pixel)^2, from a shift of 8
        pixels.
        """
        return float(-2 * np.log(self._spread[0, 8]) / 8**2)

    def along(self, angle: float) -> Array:
        """Return the frequencies' components along a direction, cycles a pixel."""
        turn = np.deg2rad(angle)
        return np.asarray(self._taken.places @ (np.cos(turn), -np.sin(turn)))

    def transfer(self, kernel: Kernel) -> Array:
        """Return |K|^2 of a kernel at the fitted frequencies, convolved with the windows'
        spectrum.
        """
        return np.asarray(self.transfers([kernel])[0])

    def transfers(self, kernels: Sequence[Kernel]) -> Array:
        """Return `transfer` of each kernel, (kernel, frequency).

        The convolution is a product in the autocorrelation, which is small and its own mirror
        image: two products of small matrices sum its waves. Shifts beyond half the transform are
        left out.
        """
        near = self._autocorrelations(kernels)
        reach = near.shape[1] - 1
        columns, rows = _waves(self.side, reach)
        waves = (near @ columns).reshape(len(near), reach + 1, 2, -1)
        across = waves.swapaxes(1, 2).reshape(len(near), 2 * (reach + 1), -1)
        smeared = (rows @ across).reshape(len(near), -1)
        return np.asarray(np.maximum(smeared[:, self._index], DARKEST))

    def _autocorrelations(self, kernels: Sequence[Kernel]) -> Array:
        """Return (kernel, reach + 1, 2 reach + 1), smeared by the windows, for shifts from 0 along
        y and from -reach along x; the rest is their mirror image.
        """
        side = min(max(len(kernel) for kernel in kernels), self.side)
        padded = fft.next_fast_len(2 * side - 1, real=True)
        whole = np.zeros((len(kernels), padded, padded))
        for place, kernel in zip(whole, kernels, strict=True):
            beyond = max(0, (len(kernel) - side + 1) // 2)
            inner = kernel[beyond : len(kernel) - beyond, beyond : len(kernel) - beyond]
            place[: len(inner), : len(inner)] = inner
        power = np.abs(fft.rfft2(whole)) ** 2
        reach = min(side - 1, self.side // 2 - 1)
        shifts = np.arange(-reach, reach + 1)
        near = fft.irfft2(power, (padded, padded))[:, : reach + 1, shifts]
        return np.asarray(near * self._spread[: reach + 1, shifts])

    def shifted(self, change: Array, support: int) -> Array:
        """Return the gradient of a sum with respect to a kernel's autocorrelation.

        change: (frequency,), its gradient with respect to the transfer. The result is
        (2 support - 1, 2 support - 1), the shift 0 in the middle.
        """
        field = np.zeros((self.side, self.side // 2 + 1))
        field.flat[self._index] = change
        field[:, 1:-1] /= 2  # each stands for its conjugate too
        near = fft.irfft2(field, (self.side, self.side)) * self.side**2
        shifts = np.arange(-support + 1, support)
        return np.asarray((near * self._spread)[np.ix_(shifts, shifts)])


@lru_cache(16)
def _waves(side: int, reach: int) -> tuple[Array, Array]:
    """Return the cosines and sines by which an autocorrelation becomes a spectrum.

    The first is (2 reach + 1, 2 (side // 2 + 1)) for shifts from -reach along x, the second
    (side, 2 (reach + 1)) for those from 0 along y, all but 0 doubled for their mirror images.
    """
    along_x = np.outer(np.arange(-reach, reach + 1), 2 * np.pi * np.fft.rfftfreq(side))
    along_y = np.outer(2 * np.pi * np.fft.fftfreq(side), np.arange(reach + 1))
    mirrored = np.where(np.arange(reach + 1), 2.0, 1.0)
    columns = np.concatenate([np.cos(along_x), np.sin(along_x)], axis=1)
    rows = np.concatenate([mirrored * np.cos(along_y), -mirrored * np.sin(along_y)], axis=1)
    return columns, rows


def loss(problem: Problem, rows: Array, transfer: Array) -> float:
    """Return twice the negative log likelihood, less a constant.

    rows: (channel, basis + grain), the texture of each channel. transfer: |K|^2.
    """
    total = 0.0
    for power, row in zip(problem.power, rows, strict=True):
        _, model = problem.parts(row, transfer)
        ratio = power / model
        bounded = np.minimum(ratio, BOUND) + BOUND * np.log(np.maximum(ratio / BOUND, 1))
        total += float(np.sum(np.log(model) + bounded))
    return 2 * problem.averages * total
