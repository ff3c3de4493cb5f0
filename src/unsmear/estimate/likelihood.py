"""Whittle's likelihood of a pooled spectrum: a smooth texture times a movement, plus noise.

The model of a channel's power at the frequency f is exp(B(f) a) |K(f)|^2 + exp(C(f) n): B is a
smooth basis of the frequency's length with harmonics of its direction, C a stiffer one, K the
kernel as `blur` samples it, smeared as the windows smear. The blur is shared by all
channels, a and n are each channel's own. The noise needs its C: that of a camera is white, but
rounding a smooth image to 8 bit leaves contours, which lie along the movement, not grains.
Whittle, "Estimation and information in stationary time series", 1953.

The blurs of few parameters that a likelihood is fitted with: straight movements and discs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy import fft

from unsmear.blur import Defocus, Motion
from unsmear.blur.kernel import Kernel
from unsmear.estimate.spectrum import Array, Spectrum

BOUND = 8.0
"""Times its model above which a value counts by its logarithm alone: grids, debris."""
TURNS = 4
"""Knots along the radius of each harmonic of the direction."""
DARKEST = 1e-7
"""Of a transfer; below, double precision says nothing."""
SETTLED = 0.05
"""Gain of a step, in units of the loss, after which none follows."""
AHEAD = 10
"""Times its last gain that a fit may still gain."""
EVIDENT = 60.0
"""Gain of a step below which the texture is nearly right."""
STILLNESS = 0.2
"""Of the differences by which slopes are measured: a blur that moves less has come to rest."""


@dataclass(frozen=True)
class Fit:
    """One blur of a family with the texture that fits it best.

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
    """The values of a spectrum that take part, with the basis of their texture.

    step: one frequency of so many takes part.
    knots: of the texture along the logarithm of the radius. harmonics: of its direction.
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
        self.looks = spectrum.looks * min(step, 3)
        rows, columns = np.fft.fftfreq(self.side), np.fft.rfftfreq(self.side)
        direction = np.arctan2(-rows[:, None], columns[None]).ravel()[self._index]
        height = np.log(radius.ravel()[self._index] / lowest) / np.log(0.5 / lowest)
        self._rows = np.broadcast_to(rows[:, None], radius.shape).ravel()[self._index]
        self._columns = np.broadcast_to(columns, radius.shape).ravel()[self._index]
        self.basis = _basis(height, direction, knots, harmonics)
        self.grain = _grain(radius.ravel()[self._index], direction)
        self.single = self.basis.astype(np.float32), self.grain.astype(np.float32)

    def parts(self, row: Array, transfer: Array) -> tuple[Array, Array]:
        """Return what one channel's texture `row` makes of a movement: power without noise, all."""
        count = self.basis.shape[1]
        amplitude = np.exp(self.basis @ row[:count])
        return amplitude, amplitude * transfer + np.exp(self.grain @ row[count:])

    def along(self, angle: float) -> Array:
        """Return the frequencies' components along a direction, cycles a pixel."""
        turn = np.deg2rad(angle)
        return np.asarray(self._columns * np.cos(turn) - self._rows * np.sin(turn))

    def transfer(self, kernel: Kernel) -> Array:
        """Return |K|^2 of a kernel at the frequencies taken, smeared by the windows.

        Smearing is a product in the autocorrelation, which is small; only its rows are transformed.
        """
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
        """Return the change of a sum with each value of a kernel's autocorrelation.

        change: (frequency,), that with each value of the transfer. The result is
        (2 support - 1, 2 support - 1), the shift 0 in the middle.
        """
        field = np.zeros((self.side, self.side // 2 + 1))
        field.flat[self._index] = change
        field[:, 1:-1] /= 2  # each stands for its conjugate too
        near = fft.irfft2(field, (self.side, self.side)) * self.side**2
        shifts = np.arange(-support + 1, support)
        return np.asarray((near * self._spread)[np.ix_(shifts, shifts)])


def _basis(height: Array, direction: Array, knots: int, harmonics: int) -> Array:
    """Return (frequency, basis) for the logarithm of the radius, 0 to 1, and the direction."""
    parts = [_hats(height, knots)]
    turns = _hats(height, TURNS)
    for order in range(1, harmonics + 1):
        for wave in (np.cos, np.sin):
            parts.append(turns * wave(2 * order * direction)[:, None])
    return np.concatenate(parts, axis=1)


def _grain(radius: Array, direction: Array) -> Array:
    waves = [wave(2 * direction) for wave in (np.cos, np.sin)]
    return np.stack([np.ones_like(radius), np.log(4 * radius), *waves], axis=1)


def _hats(height: Array, knots: int) -> Array:
    distance = height[:, None] * (knots - 1) - np.arange(knots)
    return np.asarray(np.clip(1 - np.abs(distance), 0, 1))


def fit_still(
    problem: Problem, texture: Array | None = None, steps: int = 15, enough: float = np.inf
) -> Fit:
    """Return the texture that fits best without a blur."""
    return fit_held(problem, np.ones(problem.power.shape[1]), texture, steps, enough)


def fit_smooth(problem: Problem, best: Fit, enough: float = np.inf) -> Fit:
    """Return the texture that fits best with a Gaussian as wide as a movement, along it.

    It darkens the spectrum as the movement does, but has none of its bands: so does a texture
    that lies in one direction.
    """
    length, angle = best.values
    transfer = np.exp(-((np.pi * length * problem.along(angle)) ** 2) / 3)
    return fit_held(problem, np.maximum(transfer, DARKEST), best.texture, enough=enough)


def fit_held(
    problem: Problem,
    transfer: Array,
    texture: Array | None = None,
    steps: int = 15,
    enough: float = np.inf,
) -> Fit:
    """Return the texture that fits best with a transfer that is known.

    enough: a loss; where the fit will surely stay above it, how much is not worked out.
    """
    return _descend(problem, _at(problem, STILL, (), transfer, texture), steps, enough)


def fit(
    problem: Problem,
    family: Family,
    values: Values,
    texture: Array | None = None,
    steps: int = 15,
    restless: bool = False,
) -> Fit:
    """Return the best blur of a family near the values, within the family's bounds.

    restless: go on until the texture is right too, though the blur moves no more.
    """
    values = family.bounded(values)
    transfer = problem.transfer(family.kernel(values))
    first = _at(problem, family, values, transfer, texture)
    return _descend(problem, first, steps, restless=restless)


def _at(
    problem: Problem, family: Family, values: Values, transfer: Array, texture: Array | None
) -> Fit:
    if texture is None:
        texture = _first_texture(problem, transfer)
    return Fit(family, values, loss(problem, texture, transfer), texture, transfer)


def _first_texture(problem: Problem, transfer: Array) -> Array:
    """Return a texture by least squares of the logarithm, without the dark bands."""
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
    return 2 * problem.looks * total


def _descend(
    problem: Problem, now: Fit, steps: int, enough: float = np.inf, restless: bool = False
) -> Fit:
    """Return the end of Fisher scoring, damped as Levenberg and Marquardt damp."""
    damping, count = 1e-3, len(now.values)
    information = np.eye(count + now.texture.size)
    for _ in range(steps):
        score, information = _normal_equations(problem, now)
        following = None
        while following is None and damping < 1e3:
            following = _step(problem, now, score, information, damping)
            damping = max(damping / 5, 1e-6) if following else damping * 10
        if following is None:
            break
        gain, before, now = now.loss - following.loss, now, following
        if gain < SETTLED or now.loss - AHEAD * gain > enough:
            break
        if not restless and _rests(before, now, gain):
            break
    if not count:
        return now
    covariance = np.linalg.inv(_eased(information, 0)) / problem.looks
    errors = tuple(map(float, np.sqrt(np.diag(covariance)[:count])))
    return replace(now, values=now.family.told(now.values), errors=errors)


def _rests(before: Fit, now: Fit, gain: float) -> bool:
    """Return whether a blur that is evident moves no more; its texture may."""
    steps = zip(before.values, now.values, now.family.small, strict=True)
    return (
        bool(now.values) and gain < EVIDENT and all(abs(a - b) < STILLNESS * s for a, b, s in steps)
    )


def _step(
    problem: Problem, now: Fit, score: Array, information: Array, damping: float
) -> Fit | None:
    """Return the next point, or None where it is no better."""
    change = np.linalg.solve(_eased(information, damping), score)
    count, values, transfer = len(now.values), now.values, now.transfer
    if count:
        values = now.family.moved(values, change[:count])
        transfer = problem.transfer(now.family.kernel(values))
    texture = now.texture + np.clip(change[count:].reshape(now.texture.shape), -3, 3)
    following = _at(problem, now.family, values, transfer, texture)
    return following if following.loss < now.loss else None


def _eased(information: Array, damping: float) -> Array:
    diagonal = np.diag(information)
    return np.asarray(information + np.diag(damping * diagonal + 1e-6))


def _normal_equations(problem: Problem, now: Fit) -> tuple[Array, Array]:
    """Return score and Fisher information of (values, every channel's texture)."""
    count, own = now.texture.shape[1], len(now.values)
    size = own + now.texture.size
    score, information = np.zeros(size), np.zeros((size, size))
    transfer, slopes = now.transfer, _slopes(problem, now)
    basis, grain = problem.single
    for channel, (power, row) in enumerate(zip(problem.power, now.texture, strict=True)):
        amplitude, model = problem.parts(row, transfer)
        share = (amplitude * transfer / model).astype(np.float32)[:, None]
        slope = (slopes * (amplitude / model)[:, None]).astype(np.float32)
        columns = np.concatenate([slope, basis * share, grain * (1 - share)], axis=1)
        place = np.r_[np.arange(own), own + channel * count + np.arange(count)]
        excess = np.minimum(power / model, BOUND) - 1
        score[place] += columns.T @ excess.astype(np.float32)
        information[np.ix_(place, place)] += columns.T @ columns
    return score, information


def _slopes(problem: Problem, now: Fit) -> Array:
    """Return (frequency, value), the changes of the transfer with a unit of each value."""
    slopes = np.zeros((len(now.transfer), len(now.values)))
    for index, small in enumerate(now.family.small):
        above, below = list(now.values), list(now.values)
        above[index] += small
        below[index] -= small
        more, less = (problem.transfer(now.family.kernel(tuple(v))) for v in (above, below))
        slopes[:, index] = (more - less) / (2 * small)
    return slopes


Values = tuple[float, ...]
SHORTEST = 1.0
"""Pixels; a fit that shrinks below it has found nothing."""
SHARE = 3
"""Of a window's shorter side that a movement may be long."""


@dataclass(frozen=True)
class Family:
    """Kernels by their parameters.

    small: differences by which slopes are measured. reach: the longest step, as a share of the
    value where it is below 1. lowest, highest: bounds of each value. turns: whether the last value
    is an angle, told in [0, 180).
    """

    kernel: Callable[[Values], Kernel]
    small: Values = ()
    reach: Values = ()
    lowest: Values = ()
    highest: Values = ()
    turns: bool = False

    def bounded(self, values: Values) -> Values:
        """Return the values, each within its bounds."""
        return tuple(map(float, np.clip(values, self.lowest, self.highest)))

    def moved(self, values: Values, change: np.ndarray) -> Values:
        """Return the values after a step, which is cut to the reach."""
        reach = [r * v if r < 1 else r for r, v in zip(self.reach, values, strict=True)]
        return self.bounded(tuple(values + np.clip(change, np.negative(reach), reach)))

    def told(self, values: Values) -> Values:
        """Return the values as they are told."""
        return (*values[:-1], values[-1] % 180) if self.turns else values

    def up_to(self, longest: float) -> Family:
        """Return the same family with another bound of its first value."""
        return replace(self, highest=(longest, *self.highest[1:]))


STILL = Family(lambda _: np.ones((1, 1)))

STRAIGHT = Family(
    kernel=lambda values: Motion(values[0], values[1]).kernel(),
    small=(0.02, 0.1),
    reach=(0.1, 6.0),
    lowest=(SHORTEST, -np.inf),
    highest=(np.inf, np.inf),
    turns=True,
)
"""Length and angle, pixels and degrees."""

DISC = Family(
    kernel=lambda values: Defocus(values[0]).kernel(),
    small=(0.02,),
    reach=(0.15,),
    lowest=(0.6,),
    highest=(20.0,),
)
"""The radius of a disc, pixels."""
