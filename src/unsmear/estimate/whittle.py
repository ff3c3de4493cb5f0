"""Whittle's likelihood of a pooled spectrum: a smooth texture times a movement, plus noise.

The model of a channel's power at the frequency f is exp(B(f) a) |K(f)|^2 + exp(C(f) n): B is a
smooth basis of the frequency's length with harmonics of its direction, C a stiffer one, K the
kernel as `blur.Motion` samples it, smeared as the windows smear. The movement is shared by all
channels, a and n are each channel's own. The noise needs its C: that of a camera is white, but
rounding a smooth image to 8 bit leaves contours, which lie along the movement, not grains.
Whittle, "Estimation and information in stationary time series", 1953.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import fft

from unsmear.blur import Motion
from unsmear.estimate.spectrum import Array, Spectrum

SHORTEST = 1.0
"""Pixels; a fit that shrinks below it has found nothing."""
BOUND = 8.0
"""Times its model above which a value counts by its logarithm alone: grids, debris."""
TURNS = 4
"""Knots along the radius of each harmonic of the direction."""


@dataclass(frozen=True)
class Fit:
    """One movement with the texture that fits it best.

    length, angle: pixels and degrees.
    loss: twice the negative log likelihood, less a constant; lower is better.
    length_error, angle_error: standard errors, pixels and degrees; 0 where they were held.
    texture: (channel, basis + grain), a and n. transfer: (frequency,), |K|^2.
    """

    length: float
    angle: float
    loss: float
    texture: Array
    transfer: Array
    length_error: float = 0.0
    angle_error: float = 0.0


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

    def parts(self, row: Array, transfer: Array) -> tuple[Array, Array]:
        """Return what one channel's texture `row` makes of a movement: power without noise, all."""
        count = self.basis.shape[1]
        amplitude = np.exp(self.basis @ row[:count])
        return amplitude, amplitude * transfer + np.exp(self.grain @ row[count:])

    def along(self, angle: float) -> Array:
        """Return the frequencies' components along a direction, cycles a pixel."""
        turn = np.deg2rad(angle)
        return np.asarray(self._columns * np.cos(turn) - self._rows * np.sin(turn))

    def transfer(self, length: float, angle: float) -> Array:
        """Return |K|^2 of a movement at the frequencies taken, smeared by the windows."""
        kernel = Motion(length, angle).kernel()
        power = np.abs(fft.rfft2(kernel, (self.side, self.side))) ** 2
        smeared = fft.rfft2(fft.irfft2(power) * self._spread).real
        return np.asarray(np.maximum(smeared.ravel()[self._index], 1e-7))


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


def fit_still(problem: Problem, texture: Array | None = None) -> Fit:
    """Return the texture that fits best without a movement."""
    return _fit_held(problem, 0.0, 0.0, np.ones(problem.power.shape[1]), texture)


def fit_smooth(problem: Problem, best: Fit) -> Fit:
    """Return the texture that fits best with a Gaussian as wide as a movement, along it.

    It darkens the spectrum as the movement does, but has none of its bands: so does a texture
    that lies in one direction.
    """
    along = problem.along(best.angle)
    transfer = np.exp(-((np.pi * best.length * along) ** 2) / 3)
    return _fit_held(problem, best.length, best.angle, np.maximum(transfer, 1e-7), best.texture)


def _fit_held(
    problem: Problem, length: float, angle: float, transfer: Array, texture: Array | None
) -> Fit:
    now = _at(problem, length, angle, transfer, texture)
    return _descend(problem, now, 15, moves=False)


def fit(
    problem: Problem,
    length: float,
    angle: float,
    longest: float,
    texture: Array | None = None,
    steps: int = 15,
) -> Fit:
    """Return the best movement near (length, angle), at most `longest` pixels long."""
    length = min(length, longest)
    now = _at(problem, length, angle, problem.transfer(length, angle), texture)
    return _descend(problem, now, steps, moves=True, longest=longest)


def _at(
    problem: Problem, length: float, angle: float, transfer: Array, texture: Array | None
) -> Fit:
    if texture is None:
        texture = _first_texture(problem, transfer)
    return Fit(length, angle, _loss(problem, texture, transfer), texture, transfer)


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


def _loss(problem: Problem, texture: Array, transfer: Array) -> float:
    total = 0.0
    for power, row in zip(problem.power, texture, strict=True):
        _, model = problem.parts(row, transfer)
        ratio = power / model
        bounded = np.minimum(ratio, BOUND) + BOUND * np.log(np.maximum(ratio / BOUND, 1))
        total += float(np.sum(np.log(model) + bounded))
    return 2 * problem.looks * total


def _descend(problem: Problem, now: Fit, steps: int, *, moves: bool, longest: float = 0.0) -> Fit:
    """Return the end of Fisher scoring, damped as Levenberg and Marquardt damp."""
    damping = 1e-3
    information = np.eye(2 + now.texture.size)
    for _ in range(steps):
        score, information = _normal_equations(problem, now, moves)
        following = None
        while following is None and damping < 1e3:
            following = _step(problem, now, score, information, damping, moves, longest)
            damping = max(damping / 5, 1e-6) if following else damping * 10
        if following is None:
            break
        gain, now = now.loss - following.loss, following
        if gain < 0.02:
            break
    if not moves:
        return now
    covariance = np.linalg.inv(_eased(information, 0)) / problem.looks
    errors = np.sqrt(np.diag(covariance)[:2])
    length_error, angle_error = map(float, errors)
    return replace(now, angle=now.angle % 180, length_error=length_error, angle_error=angle_error)


def _step(
    problem: Problem,
    now: Fit,
    score: Array,
    information: Array,
    damping: float,
    moves: bool,
    longest: float,
) -> Fit | None:
    """Return the next point, or None where it is no better."""
    change = np.linalg.solve(_eased(information, damping), score)
    length, angle, transfer = now.length, now.angle, now.transfer
    if moves:
        reach = 0.1 * length
        length = float(np.clip(length + np.clip(change[0], -reach, reach), SHORTEST, longest))
        angle += float(np.clip(change[1], -6, 6))
        transfer = problem.transfer(length, angle)
    texture = now.texture + np.clip(change[2:].reshape(now.texture.shape), -3, 3)
    following = _at(problem, length, angle, transfer, texture)
    return following if following.loss < now.loss else None


def _eased(information: Array, damping: float) -> Array:
    diagonal = np.diag(information)
    return np.asarray(information + np.diag(damping * diagonal + 1e-6))


def _normal_equations(problem: Problem, now: Fit, moves: bool) -> tuple[Array, Array]:
    """Return score and Fisher information of (length, angle, every channel's texture)."""
    count = now.texture.shape[1]
    size = 2 + now.texture.size
    score, information = np.zeros(size), np.zeros((size, size))
    transfer = now.transfer
    slopes = _slopes(problem, now) if moves else np.zeros((len(transfer), 2))
    for channel, (power, row) in enumerate(zip(problem.power, now.texture, strict=True)):
        amplitude, model = problem.parts(row, transfer)
        share = amplitude * transfer / model
        columns = np.concatenate(
            [
                slopes * (amplitude / model)[:, None],
                problem.basis * share[:, None],
                problem.grain * (1 - share)[:, None],
            ],
            axis=1,
        )
        place = np.r_[0, 1, 2 + channel * count + np.arange(count)]
        score[place] += columns.T @ (np.minimum(power / model, BOUND) - 1)
        information[np.ix_(place, place)] += columns.T @ columns
    return score, information


def _slopes(problem: Problem, now: Fit) -> Array:
    """Return (frequency, 2), the changes of the transfer with a pixel and with a degree."""
    small, turn = 0.02, 0.1
    longer, shorter = (problem.transfer(now.length + d, now.angle) for d in (small, -small))
    left, right = (problem.transfer(now.length, now.angle + d) for d in (turn, -turn))
    return np.stack([(longer - shorter) / (2 * small), (left - right) / (2 * turn)], axis=1)
