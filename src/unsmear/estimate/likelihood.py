"""Whittle likelihood of a pooled spectrum: a smooth texture times a blur, plus noise.

The model of a channel's power at the frequency f is exp(B(f) a) |K(f)|^2 + exp(C(f) n): B is a
smooth basis of the frequency's length with harmonics of its direction, C a stiffer one, K the
kernel as `blur` samples it, convolved with the windows' spectrum. The blur is shared by all
channels; a and n are each channel's own. The noise needs C because only a camera's noise is white:
rounding a smooth image to 8 bit leaves contours along the motion. Whittle, "Estimation and
information in stationary time series", 1953.
"""

from __future__ import annotations

import numpy as np
from scipy import fft

from unsmear.blur.kernel import Kernel
from unsmear.estimate import texture
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
        radius = spectrum.radius()
        lowest = 3.0 / min(spectrum.window)
        taken = (radius >= lowest) & (radius <= 0.5)
        taken[self.side // 2 + 1 :, 0] = False  # the conjugates of other rows
        self._index = np.flatnonzero(taken)
        if step > 1:
            shuffled = np.random.default_rng(0).permutation(self._index)
            self._index = np.sort(shuffled[: len(shuffled) // step])
        self.power = spectrum.power.reshape(len(spectrum.power), -1)[:, self._index]
        self.averages = spectrum.averages * min(step, 3)
        rows, columns = np.fft.fftfreq(self.side), np.fft.rfftfreq(self.side)
        direction = np.arctan2(-rows[:, None], columns[None]).ravel()[self._index]
        height = np.log(radius.ravel()[self._index] / lowest) / np.log(0.5 / lowest)
        self._rows = np.broadcast_to(rows[:, None], radius.shape).ravel()[self._index]
        self._columns = np.broadcast_to(columns, radius.shape).ravel()[self._index]
        self.basis = texture.basis(height, direction, knots, harmonics)
        self.grain = texture.grain(
            self.frequencies(), radius.ravel()[self._index], direction, spectrum.noise
        )
        self.single = self.basis.astype(np.float32), self.grain.astype(np.float32)

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
        return np.stack([self._columns, self._rows], axis=1)

    def smear(self) -> float:
        """Return the variance of the windows' spectrum, (2 pi cycles a pixel)^2, from a shift of 8
        pixels.
        """
        return float(-2 * np.log(self._spread[0, 8]) / 8**2)

    def along(self, angle: float) -> Array:
        """Return the frequencies' components along a direction, cycles a pixel."""
        turn = np.deg2rad(angle)
        return np.asarray(self._columns * np.cos(turn) - self._rows * np.sin(turn))

    def transfer(self, kernel: Kernel) -> Array:
        """Return |K|^2 of a kernel at the fitted frequencies, convolved with the windows' spectrum.

        The convolution is a product in the autocorrelation, which is small; only its rows are
        transformed. What of a kernel lies further out than half the transform is left out.
        """
        beyond = max(0, (kernel.shape[0] - self.side + 2) // 2)
        kernel = kernel[beyond : kernel.shape[0] - beyond, beyond : kernel.shape[1] - beyond]
        size = min(2 * kernel.shape[0] - 1, self.side)
        padded = fft.next_fast_len(size, real=True)
        power = np.abs(fft.rfft2(kernel, (padded, padded))) ** 2
        shifts = np.arange(-(size // 2), size - size // 2)
        near = fft.irfft2(power, (padded, padded))[np.ix_(shifts, shifts)]
        rows = np.zeros((self.side, self.side // 2 + 1), complex)
        line = np.zeros((size, self.side))
        line[:, shifts] = near * self._spread[np.ix_(shifts, shifts)]
        rows[shifts] = fft.rfft(line)
        smeared = fft.fft(rows, axis=0).real
        return np.asarray(np.maximum(smeared.ravel()[self._index], DARKEST))

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
