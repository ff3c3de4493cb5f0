"""Whittle likelihood of a pooled spectrum, and its fit: a smooth texture times a blur, plus noise.

The model of a channel's power at the frequency f is exp(B(f) a) |K(f)|^2 + exp(C(f) n): B is a
smooth basis of the frequency's length with harmonics of its direction, C a stiffer one, K the
kernel as `blur` samples it, convolved with the windows' spectrum. The blur is shared by all
channels; a and n are each channel's own. The noise needs C because only a camera's noise is white:
rounding a smooth image to 8 bit leaves contours along the motion. Two families of blur are fitted,
linear motion and discs. Whittle, "Estimation and information in stationary time series", 1953.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy import fft

from unsmear.blur import Defocus, Motion
from unsmear.blur.kernel import Kernel
from unsmear.estimate.spectrum import Array, Noise, Spectrum

BOUND = 8.0
"""Ratio of a value to its model above which it counts by its logarithm (grids, debris)."""
NOISE_SHIFTS = 3
"""Longest shift in the cepstrum of noise that is not white, pixels."""
HARMONIC_KNOTS = 4
"""Number of knots along the radius for each harmonic of the direction."""
DARKEST = 1e-7
"""Lower limit of a squared transfer function, set by double precision."""
SETTLED = 0.05
"""Drop in loss of a step below which a fit ends."""
AHEAD = 10
"""Further drop in loss that a fit is taken to reach at most, as a multiple of its last step's."""
EVIDENT = 60.0
"""Drop in loss of a step below which the texture is nearly right."""
KERNEL_SETTLED = 0.2
"""Change of a blur's values below which they have settled, in units of `Family.differences`."""
Values = tuple[float, ...]
"""Parameters of a blur."""
SHORTEST = 1.0
"""Lower bound of a motion's length, pixels."""
LONGEST_SHARE = 3
"""Ratio of a window's shorter side to the longest motion that is fitted."""


@dataclass(frozen=True)
class Fit:
    """A blur of a family with the texture that fits it best.

    values: the family's parameters. errors: their standard errors; 0 where they were held.
    loss: twice the negative log likelihood, less a constant; lower is better.
    texture: (channel, basis + grain), a and n. transfer: (frequency,), |K|^2.
    """

    family: Family
    values: Values
    loss: float
    texture: Array
    transfer: Array
    errors: Values = ()


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
        self.basis = _basis(height, direction, knots, harmonics)
        self.grain = np.stack(
            [
                *_grain(radius.ravel()[self._index], direction),
                *_cepstrum(self.frequencies(), spectrum.noise),
            ],
            axis=1,
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


@dataclass(frozen=True)
class Family:
    """Kernels by their parameters.

    differences: of each value, for numerical derivatives. reach: the longest step, as a fraction of
    the value where it is below 1. lowest, highest: bounds of each value. turns: whether the last
    value is an angle, reported in [0, 180).
    """

    kernel: Callable[[Values], Kernel]
    differences: Values = ()
    reach: Values = ()
    lowest: Values = ()
    highest: Values = ()
    turns: bool = False

    def bounded(self, values: Values) -> Values:
        """Return the values, each within its bounds."""
        return tuple(map(float, np.clip(values, self.lowest, self.highest)))

    def moved(self, values: Values, change: np.ndarray) -> Values:
        """Return the values after a step, which is limited to the reach."""
        reach = [r * v if r < 1 else r for r, v in zip(self.reach, values, strict=True)]
        return self.bounded(tuple(values + np.clip(change, np.negative(reach), reach)))

    def reported(self, values: Values) -> Values:
        """Return the values as they are reported."""
        return (*values[:-1], values[-1] % 180) if self.turns else values

    def up_to(self, longest: float) -> Family:
        """Return the same family with another upper bound of its first value."""
        return replace(self, highest=(longest, *self.highest[1:]))


STILL = Family(lambda _: np.ones((1, 1)))
"""No blur, or a blur whose transfer is known."""

LINEAR_MOTION = Family(
    kernel=lambda values: Motion(values[0], values[1]).kernel(),
    differences=(0.02, 0.1),
    reach=(0.1, 6.0),
    lowest=(SHORTEST, -np.inf),
    highest=(np.inf, np.inf),
    turns=True,
)
"""Linear motion by length and angle, pixels and degrees."""

DISC = Family(
    kernel=lambda values: Defocus(values[0]).kernel(),
    differences=(0.02,),
    reach=(0.15,),
    lowest=(0.6,),
    highest=(20.0,),
)
"""Defocus by the radius of its disc, pixels."""


def _basis(height: Array, direction: Array, knots: int, harmonics: int) -> Array:
    """Return (frequency, basis) for the logarithm of the radius, 0 to 1, and the direction."""
    parts = [_hats(height, knots)]
    turns = _hats(height, HARMONIC_KNOTS)
    for order in range(1, harmonics + 1):
        for wave in (np.cos, np.sin):
            parts.append(turns * wave(2 * order * direction)[:, None])
    return np.concatenate(parts, axis=1)


def _grain(radius: Array, direction: Array) -> list[Array]:
    waves = [wave(2 * direction) for wave in (np.cos, np.sin)]
    return [np.ones_like(radius), np.log(4 * radius), *waves]


def _cepstrum(frequencies: Array, noise: Noise) -> list[Array]:
    """Return further terms of the logarithm of the noise's power, cosines of short shifts.

    Noise that neighbours share is white noise after a short filter, and the logarithm of its power
    a cepstrum of a few pixels; a motion's dark bands need its length. JPEG rounds the products of
    cosines along the axes, so its noise is a function of each.
    """
    if noise == "camera":
        return []
    orders = range(NOISE_SHIFTS + 1)
    if noise == "correlated":
        radius = np.hypot(*frequencies.T)
        return [np.cos(2 * np.pi * order * radius) for order in orders[1:]]
    across, down = (np.cos(2 * np.pi * np.outer(orders, axis)) for axis in frequencies.T)
    return [across[i] * down[j] for i in orders for j in orders if i or j]


def _hats(height: Array, knots: int) -> Array:
    distance = height[:, None] * (knots - 1) - np.arange(knots)
    return np.asarray(np.clip(1 - np.abs(distance), 0, 1))


def fit_still(
    problem: Problem, texture: Array | None = None, steps: int = 15, stop_above: float = np.inf
) -> Fit:
    """Return the texture that fits best without a blur."""
    return fit_held(problem, np.ones(problem.power.shape[1]), texture, steps, stop_above)


def fit_smooth(problem: Problem, best: Fit, stop_above: float = np.inf) -> Fit:
    """Return the texture that fits best with a Gaussian as wide as a motion, in its direction.

    It lowers the spectrum as the motion does, but without its dark bands, as a texture in one
    direction does.
    """
    length, angle = best.values
    transfer = np.exp(-((np.pi * length * problem.along(angle)) ** 2) / 3)
    return fit_held(problem, np.maximum(transfer, DARKEST), best.texture, stop_above=stop_above)


def fit_held(
    problem: Problem,
    transfer: Array,
    texture: Array | None = None,
    steps: int = 15,
    stop_above: float = np.inf,
) -> Fit:
    """Return the texture that fits best with a known transfer.

    stop_above: a loss; a fit that will certainly end above it is stopped early.
    """
    return _descend(problem, _fit_at(problem, STILL, (), transfer, texture), steps, stop_above)


def fit(
    problem: Problem,
    family: Family,
    values: Values,
    texture: Array | None = None,
    steps: int = 15,
    settle_texture: bool = False,
) -> Fit:
    """Return the best blur of a family near the values, within the family's bounds.

    settle_texture: continue until the texture has settled as well as the blur.
    """
    values = family.bounded(values)
    transfer = problem.transfer(family.kernel(values))
    first = _fit_at(problem, family, values, transfer, texture)
    return _descend(problem, first, steps, settle_texture=settle_texture)


def _fit_at(
    problem: Problem, family: Family, values: Values, transfer: Array, texture: Array | None
) -> Fit:
    if texture is None:
        texture = _first_texture(problem, transfer)
    return Fit(family, values, loss(problem, texture, transfer), texture, transfer)


def _first_texture(problem: Problem, transfer: Array) -> Array:
    """Return a texture by least squares of the logarithm, with little weight in the dark bands."""
    weight = np.sqrt(transfer / (transfer + 0.1))
    left = problem.basis * weight[:, None]
    gram = left.T @ left + 1e-2 * np.eye(left.shape[1])
    rows, grain = [], np.eye(problem.grain.shape[1])[0]
    for power in problem.power:
        noise = max(0.5 * float(np.percentile(power, 2)), 1e-9 * float(power.max()))
        target = np.log(np.maximum(power / (transfer + 0.02), 1e-12)) + 0.5
        rows.append(np.r_[np.linalg.solve(gram, left.T @ (target * weight)), grain * np.log(noise)])
    return np.array(rows)


def loss(problem: Problem, texture: Array, transfer: Array) -> float:
    """Return twice the negative log likelihood, less a constant."""
    total = 0.0
    for power, row in zip(problem.power, texture, strict=True):
        _, model = problem.parts(row, transfer)
        ratio = power / model
        bounded = np.minimum(ratio, BOUND) + BOUND * np.log(np.maximum(ratio / BOUND, 1))
        total += float(np.sum(np.log(model) + bounded))
    return 2 * problem.averages * total


def _descend(
    problem: Problem,
    current: Fit,
    steps: int,
    stop_above: float = np.inf,
    settle_texture: bool = False,
) -> Fit:
    """Return the result of Fisher scoring with Levenberg-Marquardt damping."""
    damping, count = 1e-3, len(current.values)
    information = np.eye(count + current.texture.size)
    for _ in range(steps):
        score, information = _normal_equations(problem, current)
        following = None
        while following is None and damping < 1e3:
            following = _step(problem, current, score, information, damping)
            damping = max(damping / 5, 1e-6) if following else damping * 10
        if following is None:
            break
        improvement, before, current = current.loss - following.loss, current, following
        if improvement < SETTLED or current.loss - AHEAD * improvement > stop_above:
            break
        if not settle_texture and _kernel_settled(before, current, improvement):
            break
    if not count:
        return current
    covariance = np.linalg.inv(_regularised(information, 0)) / problem.averages
    errors = tuple(map(float, np.sqrt(np.maximum(np.diag(covariance)[:count], 0))))
    return replace(current, values=current.family.reported(current.values), errors=errors)


def _kernel_settled(before: Fit, current: Fit, improvement: float) -> bool:
    """Return whether the values of a blur have settled; its texture may still change."""
    if not current.values or improvement >= EVIDENT:
        return False
    steps = zip(before.values, current.values, current.family.differences, strict=True)
    return all(abs(a - b) < KERNEL_SETTLED * difference for a, b, difference in steps)


def _step(
    problem: Problem, current: Fit, score: Array, information: Array, damping: float
) -> Fit | None:
    """Return the next fit, or None where it is no better."""
    change = np.linalg.solve(_regularised(information, damping), score)
    count, values, transfer = len(current.values), current.values, current.transfer
    if count:
        values = current.family.moved(values, change[:count])
        transfer = problem.transfer(current.family.kernel(values))
    texture = current.texture + np.clip(change[count:].reshape(current.texture.shape), -3, 3)
    following = _fit_at(problem, current.family, values, transfer, texture)
    return following if following.loss < current.loss else None


def _regularised(information: Array, damping: float) -> Array:
    diagonal = np.diag(information)
    return np.asarray(information + np.diag(damping * diagonal + 1e-6))


def _normal_equations(problem: Problem, current: Fit) -> tuple[Array, Array]:
    """Return score and Fisher information of (values, every channel's texture)."""
    count, own = current.texture.shape[1], len(current.values)
    size = own + current.texture.size
    score, information = np.zeros(size), np.zeros((size, size))
    transfer, slopes = current.transfer, _slopes(problem, current)
    basis, grain = problem.single
    for channel, (power, row) in enumerate(zip(problem.power, current.texture, strict=True)):
        amplitude, model = problem.parts(row, transfer)
        share = (amplitude * transfer / model).astype(np.float32)[:, None]
        slope = (slopes * (amplitude / model)[:, None]).astype(np.float32)
        columns = np.concatenate([slope, basis * share, grain * (1 - share)], axis=1)
        place = np.r_[np.arange(own), own + channel * count + np.arange(count)]
        excess = np.minimum(power / model, BOUND) - 1
        score[place] += columns.T @ excess.astype(np.float32)
        information[np.ix_(place, place)] += columns.T @ columns
    return score, information


def _slopes(problem: Problem, current: Fit) -> Array:
    """Return (frequency, value), the derivatives of the transfer with respect to each value."""
    slopes = np.zeros((len(current.transfer), len(current.values)))
    for index, difference in enumerate(current.family.differences):
        above, below = list(current.values), list(current.values)
        above[index] += difference
        below[index] -= difference
        more, less = (problem.transfer(current.family.kernel(tuple(v))) for v in (above, below))
        slopes[:, index] = (more - less) / (2 * difference)
    return slopes
