"""Maximum-likelihood fit of a blur and its texture to a spectrum, by Fisher scoring."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from unsmear.estimate.families import STILL, Family, Values
from unsmear.estimate.likelihood import BOUND, DARKEST, Problem, loss
from unsmear.estimate.spectrum import Array

SETTLED = 0.05
"""Drop in loss of a step below which a fit ends."""
AHEAD = 10
"""Further drop in loss that a fit is taken to reach at most, as a multiple of its last step's."""
EVIDENT = 60.0
"""Drop in loss of a step below which the texture is nearly right."""
RANGE = 2.0
"""Standard deviation of a texture's values beforehand, in units of the logarithm of the power."""
RINGS = 20
"""Number of rings of equal frequency by which texture and noise are told apart at first."""
HIGHEST = 0.42
"""Frequency, cycles a pixel, above which there is mostly noise in little light."""
MOSTLY = 0.97
"""Fraction of the power there that is taken for noise at first."""
FAINT = 0.02
"""Least signal in a ring, as a fraction of the noise, and least mean transfer."""
KERNEL_SETTLED = 0.2
"""Change of a blur's values below which they have settled, in units of `Family.differences`."""


@dataclass(frozen=True)
class Fit:
    """A blur of a family with the texture that fits it best.

    values: the family's parameters. errors: their standard errors; 0 where they were held.
    loss: twice the negative log likelihood, less a constant; lower is better.
    occam: twice the logarithm of the share of its prior that the texture's own range is (Laplace's
    approximation of the evidence): a texture that also describes the noise is determined by more
    of the frequencies, and fits some of it.
    texture: (channel, basis + grain), a and n. transfer: (frequency,), |K|^2.
    """

    family: Family
    values: Values
    loss: float
    texture: Array
    transfer: Array
    errors: Values = ()
    occam: float = 0.0

    @property
    def score(self) -> float:
        """Twice the negative log evidence of its kind of blur, less a constant."""
        return self.loss + self.occam


@dataclass(frozen=True)
class Pull:
    """What is known of a blur's values beforehand: normal about `values` with standard `errors`."""

    values: Values
    errors: Values

    def away(self, family: Family, values: Values) -> Array:
        """Return how far values are off, in standard errors; an angle by the shorter way."""
        away = np.subtract(values, self.values)
        if family.turns:
            away[-1] = (away[-1] + 90) % 180 - 90
        return np.asarray(away / self.errors)

    def cost(self, family: Family, values: Values) -> float:
        """Return twice the negative log prior of values, less a constant."""
        return float(np.square(self.away(family, values)).sum())


FREE = Pull((), ())
"""Nothing is known."""


def fit_still(
    problem: Problem,
    texture: Array | None = None,
    steps: int = 15,
    stop_above: float = np.inf,
) -> Fit:
    """Return the texture that fits best without a blur; see `fit_held`."""
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
    pull: Pull = FREE,
) -> Fit:
    """Return the best blur of a family near the values, within the family's bounds.

    settle_texture: continue until the texture has settled as well as the blur. pull: what is known
    of the blur's values beforehand.
    """
    values = family.bounded(values)
    transfer = problem.transfer(family.kernel(values))
    first = _fit_at(problem, family, values, transfer, texture)
    return _descend(problem, first, steps, settle_texture=settle_texture, pull=pull)


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


def noisy_texture(problem: Problem, transfer: Array) -> Array:
    """Return a texture with which to begin where there is little light: what the power has at the
    highest frequencies is white noise, and the texture is what the rings hold beyond it.

    A fit that begins elsewhere may take the noise for texture, which a motion would have blurred.
    """
    turns = 2 * np.pi * problem.frequencies()
    radius = np.hypot(*problem.frequencies().T)
    white = 4 - 2 * np.cos(turns).sum(axis=1)  # of the differences between neighbours
    grain = np.linalg.lstsq(problem.grain, np.log(white), rcond=None)[0]
    gram = problem.basis.T @ problem.basis + 1e-2 * np.eye(problem.basis.shape[1])
    rings = np.minimum((radius * 2 * RINGS).astype(np.intp), RINGS - 1)
    count = np.maximum(np.bincount(rings, minlength=RINGS), 1)
    passed = (np.bincount(rings, transfer, RINGS) / count)[rings]
    highest, first = radius > HIGHEST, np.eye(len(grain))[0]
    rows = []
    for power in problem.power:
        level = MOSTLY * power[highest].sum() / white[highest].sum()
        means, noise = (np.bincount(rings, part, RINGS) / count for part in (power, level * white))
        signal = np.maximum(means - noise, FAINT * noise)[rings] / np.maximum(passed, FAINT)
        texture = np.linalg.solve(gram, problem.basis.T @ np.log(signal))
        rows.append(np.r_[texture, grain + first * np.log(level)])
    return np.array(rows)


def _descend(
    problem: Problem,
    current: Fit,
    steps: int,
    stop_above: float = np.inf,
    settle_texture: bool = False,
    pull: Pull = FREE,
) -> Fit:
    """Return the result of Fisher scoring with Levenberg-Marquardt damping."""
    damping, count = 1e-3, len(current.values)
    information = np.eye(count + current.texture.size)
    for _ in range(steps):
        score, information = _normal_equations(problem, current)
        _add_pull(problem, current, pull, score, information)
        following = None
        while following is None and damping < 1e3:
            following = _step(problem, current, score, information, damping, pull)
            damping = max(damping / 5, 1e-6) if following else damping * 10
        if following is None:
            break
        improvement, before, current = current.loss - following.loss, current, following
        if improvement < SETTLED or current.loss - AHEAD * improvement > stop_above:
            break
        if not settle_texture and _kernel_settled(before, current, improvement):
            break
    current = replace(current, occam=_occam(problem.averages * information[count:, count:]))
    if not count:
        return current
    covariance = np.linalg.inv(_regularised(information, 0)) / problem.averages
    errors = tuple(map(float, np.sqrt(np.maximum(np.diag(covariance)[:count], 0))))
    return replace(current, values=current.family.reported(current.values), errors=errors)


def _occam(information: Array) -> float:
    """Return `Fit.occam` for the Fisher information of a texture."""
    return float(np.linalg.slogdet(np.eye(len(information)) + RANGE**2 * information)[1])


def _kernel_settled(before: Fit, current: Fit, improvement: float) -> bool:
    """Return whether the values of a blur have settled; its texture may still change."""
    if not current.values or improvement >= EVIDENT:
        return False
    steps = zip(before.values, current.values, current.family.differences, strict=True)
    return all(abs(a - b) < KERNEL_SETTLED * difference for a, b, difference in steps)


def _step(
    problem: Problem,
    current: Fit,
    score: Array,
    information: Array,
    damping: float,
    pull: Pull,
) -> Fit | None:
    """Return the next fit, or None where it is no better."""
    change = np.linalg.solve(_regularised(information, damping), score)
    count, values, transfer = len(current.values), current.values, current.transfer
    if count:
        values = current.family.moved(values, change[:count])
        transfer = problem.transfer(current.family.kernel(values))
    texture = current.texture + np.clip(change[count:].reshape(current.texture.shape), -3, 3)
    following = _fit_at(problem, current.family, values, transfer, texture)
    costs = [
        fit.loss + (pull.cost(fit.family, fit.values) if pull.values else 0.0)
        for fit in (following, current)
    ]
    return following if costs[0] < costs[1] else None


def _add_pull(problem: Problem, current: Fit, pull: Pull, score: Array, information: Array) -> None:
    """Add what is known beforehand to the normal equations of (values, texture)."""
    if not pull.values:
        return
    count, errors = len(pull.values), np.array(pull.errors)
    score[:count] -= pull.away(current.family, current.values) / errors / problem.averages
    places = np.arange(count)
    information[places, places] += 1 / errors**2 / problem.averages


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
    slopes, through = slopes.astype(np.float32), transfer.astype(np.float32)[:, None]
    columns = np.empty((len(transfer), own + count), np.float32)
    for channel, (power, row) in enumerate(zip(problem.power, current.texture, strict=True)):
        amplitude, model = problem.parts(row, transfer)
        part = (amplitude / model).astype(np.float32)[:, None]
        share = part * through
        columns[:, :own] = slopes * part
        np.multiply(basis, share, out=columns[:, own : own + basis.shape[1]])
        np.multiply(grain, 1 - share, out=columns[:, own + basis.shape[1] :])
        place = np.r_[np.arange(own), own + channel * count + np.arange(count)]
        excess = np.minimum(power / model, BOUND) - 1
        score[place] += columns.T @ excess.astype(np.float32)
        information[np.ix_(place, place)] += columns.T @ columns
    return score, information


def _slopes(problem: Problem, current: Fit) -> Array:
    """Return (frequency, value), the derivatives of the transfer with respect to each value."""
    moved = []
    for index, difference in enumerate(current.family.differences):
        for change in (difference, -difference):
            values = list(current.values)
            values[index] += change
            moved.append(current.family.kernel(tuple(values)))
    if not moved:
        return np.zeros((len(current.transfer), 0))
    transfers = problem.transfers(moved)
    return np.asarray(
        (transfers[::2] - transfers[1::2]).T / (2 * np.array(current.family.differences))
    )
