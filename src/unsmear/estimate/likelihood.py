"""Whittle likelihood of a pooled spectrum, and its fit: a smooth texture times a blur, plus noise.

The model of a channel's power at the frequency f is exp(B(f) a) |K(f)|^2 + exp(C(f) n): B is a
smooth basis of the frequency's length with harmonics of its direction, C a stiffer one, K the
kernel as `blur` samples it, convolved with the windows' spectrum. The blur is shared by all
channels; a and n are each channel's own. The noise needs C because only a camera's noise is white:
rounding a smooth image to 8 bit leaves contours along the motion. Two families of blur are fitted,
linear motion and discs. Whittle, "Estimation and information in stationary time series", 1953.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray
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
CACHED = 12
"""Number of kinds of spectra whose frequencies and bases are kept."""
LONGEST_SHARE = 3
"""Ratio of a window's shorter side to the longest motion that is fitted."""


@dataclass(frozen=True, eq=False)
class _Frequencies:
    """The fitted frequencies of spectra with a side and a window.

    index: on the half plane. rows, columns: in cycles a pixel. radius: their lengths. height: its
    logarithm, 0 at the lowest and 1 at half a cycle.
    """

    index: NDArray[np.intp]
    rows: Array
    columns: Array
    radius: Array
    height: Array


@lru_cache(CACHED)
def _frequencies(side: int, window: tuple[int, int], step: int) -> _Frequencies:
    """Return one in `step` of the frequencies that a window resolves."""
    rows, columns = np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None]
    radius = np.hypot(rows, columns)
    lowest = 3.0 / min(window)
    taken = (radius >= lowest) & (radius <= 0.5)
    taken[side // 2 + 1 :, 0] = False  # the conjugates of other rows
    index = np.flatnonzero(taken)
    if step > 1:
        shuffled = np.random.default_rng(0).permutation(index)
        index = np.sort(shuffled[: len(shuffled) // step])
    rows, columns = (np.broadcast_to(axis, radius.shape).flat[index] for axis in (rows, columns))
    radius = radius.flat[index]
    height = np.log(radius / lowest) / np.log(0.5 / lowest)
    return _Frequencies(index, rows, columns, radius, height)


@lru_cache(CACHED)
def _texture(
    taken: _Frequencies, knots: int, harmonics: int, noise: Noise
) -> tuple[Array, Array, tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """Return the bases (frequency, value) of the texture and of the noise, and both in single
    precision.
    """
    direction = np.arctan2(-taken.rows, taken.columns)
    basis = _basis(taken.height, direction, knots, harmonics)
    frequencies = np.stack([taken.columns, taken.rows], axis=1)
    grain = np.stack([*_grain(taken.radius, direction), *_cepstrum(frequencies, noise)], axis=1)
    return basis, grain, (basis.astype(np.float32), grain.astype(np.float32))


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
        taken = _frequencies(spectrum.side, spectrum.window, step)
        self._index = taken.index
        self.power = spectrum.power.reshape(len(spectrum.power), -1)[:, self._index]
        self.averages = spectrum.averages * min(step, 3)
        self._rows, self._columns = taken.rows, taken.columns
        self.basis, self.grain, self.single = _texture(taken, knots, harmonics, spectrum.noise)

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
        """Return |K|^2 of a kernel at the fitted frequencies, convolved with the windows'
        spectrum.
        """
        return np.asarray(self.transfers([kernel])[0])

    def transfers(self, kernels: Sequence[Kernel], dtype: DTypeLike = np.float64) -> Array:
        """Return `transfer` of each kernel, (kernel, frequency).

        dtype: in which the waves are summed; single precision is enough for slopes.

        The convolution is a product in the autocorrelation, which is small and its own mirror
        image: two products of small matrices sum its waves. What of a kernel lies further out than
        half the transform is left out.
        """
        near = self._autocorrelations(kernels).astype(dtype)
        reach = near.shape[1] - 1
        columns, rows = _waves(self.side, reach, np.dtype(dtype))
        across = (near @ columns).reshape(len(near), reach + 1, 2, -1)
        across = across.swapaxes(1, 2).reshape(len(near), 2 * (reach + 1), -1)
        smeared = (rows @ across).reshape(len(near), -1)
        return np.asarray(np.maximum(smeared[:, self._index], DARKEST))

    def _autocorrelations(self, kernels: Sequence[Kernel]) -> Array:
        """Return (kernel, reach + 1, 2 reach + 1), smeared by the windows, for shifts from 0 along
        y and from -reach along x; the rest is their mirror image.
        """
        widest = max(len(kernel) for kernel in kernels)
        side = min(widest, self.side // 2)
        padded = fft.next_fast_len(2 * side - 1, real=True)
        whole = np.zeros((len(kernels), padded, padded))
        for place, kernel in zip(whole, kernels, strict=True):
            beyond = max(0, (len(kernel) - side + 1) // 2)
            inner = kernel[beyond : len(kernel) - beyond, beyond : len(kernel) - beyond]
            place[: len(inner), : len(inner)] = inner
        power = np.abs(fft.rfft2(whole)) ** 2
        shifts = np.arange(-side + 1, side)
        near = fft.irfft2(power, (padded, padded))[:, :side, shifts]
        return np.asarray(near * self._spread[:side, shifts])

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
def _waves(side: int, reach: int, dtype: np.dtype[Any]) -> tuple[Array, Array]:
    """Return the cosines and sines by which an autocorrelation becomes a spectrum.

    The first is (2 reach + 1, 2 (side // 2 + 1)) for shifts from -reach along x, the second
    (side, 2 (reach + 1)) for those from 0 along y, all but 0 doubled for their mirror images.
    """
    along_x = np.outer(np.arange(-reach, reach + 1), 2 * np.pi * np.fft.rfftfreq(side))
    along_y = np.outer(2 * np.pi * np.fft.fftfreq(side), np.arange(reach + 1))
    mirrored = np.where(np.arange(reach + 1), 2.0, 1.0)
    columns = np.concatenate([np.cos(along_x), np.sin(along_x)], axis=1)
    rows = np.concatenate([mirrored * np.cos(along_y), -mirrored * np.sin(along_y)], axis=1)
    return columns.astype(dtype), rows.astype(dtype)


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
    stop_above: float = np.inf,
) -> Fit:
    """Return the best blur of a family near the values, within the family's bounds.

    settle_texture: continue until the texture has settled as well as the blur.
    stop_above: a loss; a fit that will certainly end above it is stopped early.
    """
    values = family.bounded(values)
    transfer = problem.transfer(family.kernel(values))
    first = _fit_at(problem, family, values, transfer, texture)
    return _descend(problem, first, steps, stop_above, settle_texture)


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
    transfers = problem.transfers(moved, np.float32)
    return np.asarray(
        (transfers[::2] - transfers[1::2]).T / (2 * np.array(current.family.differences))
    )
