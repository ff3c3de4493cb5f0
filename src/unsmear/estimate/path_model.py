"""Paths in time and their power spectra: many paths are fitted to one spectrum at once.

A path is x(t), y(t) for t in (0, 1), a sum of cosines cos(k pi t), k = 1 to `orders`: a few orders
hold every smooth movement, the mean position (which no power spectrum shows) is left out, and a
path with fewer orders is one with more orders whose last are 0. Its values are the coefficients
(x_1, y_1, x_2, y_2, ...) in pixels, y downwards.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.fft import fftfreq

from unsmear.blur.kernel import Kernel, points_kernel
from unsmear.estimate import likelihood
from unsmear.estimate.spectrum import Array, Spectrum

Single = NDArray[np.float32]
State = tuple[NDArray[Any], ...]
"""Loss (path,); transfer, amplitude, model (path, frequency); slopes (path, frequency, value)."""
DENSE = 400
"""Number of times at which a path is sampled for its kernel."""
STRIDE = 2.0
"""Longest change of a coefficient in a step, pixels."""
BEND = 1.0
"""Longest change of a texture's coefficient in a step."""


class Population(NamedTuple):
    """Paths with their textures: values (path, 2 * orders), texture (path, basis), loss (path,)."""

    values: Array
    texture: Array
    loss: Array

    def taken(self, index: NDArray[np.intp]) -> Population:
        """Return the paths with these indices."""
        return Population(*(part[index] for part in self))


def pooled(spectrum: Spectrum, by: int) -> Spectrum:
    """Return the mean spectrum of the channels, averaged over squares of `by` frequencies.

    A path a few pixels long changes its spectrum slowly; fewer values say as much.
    """
    weights = np.ones(by + 1) / by
    weights[[0, -1]] /= 2
    half, side = by // 2, spectrum.side // by
    offsets = np.arange(-half, half + 1)
    whole = spectrum.whole().mean(0)
    for axis in (0, 1):
        parts = zip(weights, offsets, strict=True)
        whole = np.sum([weight * np.roll(whole, -offset, axis) for weight, offset in parts], axis=0)
    shifts = fftfreq(side) * side
    fading = np.cos(2 * np.pi * np.outer(shifts, offsets) / spectrum.side) @ weights
    near = spectrum.spread[np.ix_(shifts.astype(int), shifts.astype(int))]
    averages = spectrum.averages * by**2 * max(1.0, 0.5 * len(spectrum.power))
    power = whole[None, ::by, ::by][:, :, : side // 2 + 1]
    return Spectrum(power, near * np.outer(fading, fading), averages, spectrum.window)


def cosines(orders: int, count: int, first: int = 1) -> Array:
    """Return (count, orders + 1 - first): cos(k pi t) at the middles of `count` equal times."""
    times = (np.arange(count) + 0.5) / count
    return np.asarray(np.cos(np.pi * np.outer(times, np.arange(first, orders + 1))))


def points(values: Array, count: int = DENSE) -> Array:
    """Return (..., count, 2), the positions (x, y) at equal times; values: (..., 2 * orders)."""
    shaped = values.reshape(*values.shape[:-1], -1, 2)
    return np.asarray(cosines(shaped.shape[-2], count) @ shaped)


def extended(values: Array, orders: int) -> Array:
    """Return the same paths (path, 2 * orders) with more or fewer orders."""
    padded = np.pad(values, ((0, 0), (0, max(0, 2 * orders - values.shape[1]))))
    return padded[:, : 2 * orders]


def kernel(values: Array, count: int = DENSE) -> Kernel:
    """Return the kernel of a path, its centroid at the centre; each point is shared by 4 pixels."""
    path = points(values, count)
    x, y = (path - path.mean(0)).T
    return points_kernel(x, y, np.ones(count))


def _waves(frequencies: Single, positions: Single) -> NDArray[np.complex64]:
    """Return (path, frequency, time), exp(-2 pi i f x); positions: (path, time), pixels."""
    phase = np.float32(-2 * np.pi) * frequencies[:, None] * positions[:, None]
    waves = np.empty(phase.shape, np.complex64)
    np.cos(phase, out=waves.real)
    np.sin(phase, out=waves.imag)
    return waves


class Model:
    """The model of `likelihood` for paths, on the frequencies of a problem up to a limit.

    problem: of one channel. orders: of the paths. highest: limit, cycles a pixel. prior: (basis,),
    texture towards which each path's is pulled with `weight`, in units of the Fisher information.

    The transfer is summed over `count` times. The windows' spectrum smears it by second moments:
    exactly that matters only where |K|^2 is near 0.
    """

    def __init__(
        self,
        problem: likelihood.Problem,
        orders: int,
        highest: float,
        prior: Array,
        weight: float = 0.0,
        count: int = 32,
    ) -> None:
        frequencies = problem.frequencies().astype(np.float32)
        inside = np.hypot(*frequencies.T) <= highest
        self._frequencies = frequencies[inside]
        self._columns, column = np.unique(self._frequencies[:, 0], return_inverse=True)
        self._rows, row = np.unique(self._frequencies[:, 1], return_inverse=True)
        self._places = row * len(self._columns) + column
        self._power = problem.power[0, inside].astype(np.float32)
        self._basis, self._grain = (part[inside] for part in problem.single)
        self._averages, self._smear = problem.averages, problem.smear()
        self._waves = cosines(orders, count).astype(np.float32)
        self._prior, self._weight = prior, weight

    def descend(self, values: Array, texture: Array, steps: int) -> Population:
        """Return the paths and textures after Levenberg-Marquardt steps, each by itself."""
        count = values.shape[1]
        diagonal = np.arange(count + texture.shape[1])
        damping = np.full(len(values), 1e-2)
        state = self._state(values, texture)
        for _ in range(steps):
            score, information = self._normal_equations(state, texture)
            scale = information[:, diagonal, diagonal]
            information[:, diagonal, diagonal] += damping[:, None] * scale + 1e-5
            change = np.linalg.solve(information, score[..., None])[..., 0]
            longest = np.abs(change[:, :count]).max(1, keepdims=True)
            moved = values + change[:, :count] * np.minimum(1, STRIDE / np.maximum(longest, 1e-9))
            bent = texture + np.clip(change[:, count:], -BEND, BEND)
            following = self._state(moved, bent)
            better = following[0] < state[0]
            values = np.where(better[:, None], moved, values)
            texture = np.where(better[:, None], bent, texture)
            for old, new in zip(state, following, strict=True):
                old[better] = new[better]
            damping = np.where(better, np.maximum(damping / 5, 1e-5), np.minimum(damping * 8, 1e3))
        return Population(values, texture, state[0])

    def _state(self, values: Array, texture: Array) -> State:
        transfer, slopes = self._transfer(values)
        split = self._basis.shape[1]
        amplitude = np.exp(texture[:, :split].astype(np.float32) @ self._basis.T)
        noise = np.exp(texture[:, split:].astype(np.float32) @ self._grain.T)
        model = amplitude * transfer + noise
        ratio = self._power / model
        bound = likelihood.BOUND
        bounded = np.minimum(ratio, bound) + bound * np.log(np.maximum(ratio / bound, 1))
        loss = (np.log(model) + bounded).sum(1, dtype=np.float64)
        loss += self._weight * ((texture - self._prior) ** 2).sum(1) / 2
        return 2 * self._averages * loss, transfer, amplitude, model, slopes

    def _transfer(self, values: Array) -> tuple[Single, Single]:
        """Return (path, frequency), |K|^2, and (path, frequency, value), its derivatives."""
        orders, count = self._waves.shape[1], len(self._waves)
        number = len(values)
        path = self._waves @ values.reshape(number, orders, 2).astype(np.float32)
        waves = np.broadcast_to(self._waves, (number, count, orders))
        ones = np.ones((number, count, 1), np.float32)
        factors = np.concatenate([ones, path, waves], 2).transpose(0, 2, 1) / np.float32(count)
        # exp(-2 pi i f p) is a product of a wave along rows and one along columns.
        down = _waves(self._rows, path[..., 1])[:, None] * factors[:, :, None]
        along = _waves(self._columns, path[..., 0]).transpose(0, 2, 1)
        whole = down.reshape(number, -1, count) @ along
        sums = whole.reshape(number, factors.shape[1], -1)[:, :, self._places].transpose(0, 2, 1)
        response, moments, parts = sums[..., 0], sums[..., 1:3], sums[..., 3:]
        moments = moments - path.mean(1)[:, None] * response[..., None]
        transfer = np.abs(response) ** 2 + self._smear * (np.abs(moments) ** 2).sum(-1)
        slope = 4 * np.pi * np.imag(response.conj()[..., None] * parts)
        slopes = slope[..., None] * self._frequencies[:, None]
        shape = (len(values), len(self._frequencies), 2 * orders)
        return np.maximum(transfer, likelihood.DARKEST), slopes.reshape(shape).astype(np.float32)

    def _normal_equations(self, state: State, texture: Array) -> tuple[Array, Array]:
        """Return score (path, value) and Fisher information of values and texture."""
        _, transfer, amplitude, model, slopes = state
        share = (amplitude * transfer / model)[..., None]
        own = slopes * (amplitude / model)[..., None]
        columns = np.concatenate([own, self._basis * share, self._grain * (1 - share)], 2)
        excess = np.minimum(self._power / model, likelihood.BOUND) - 1
        turned = columns.transpose(0, 2, 1)
        information = (turned @ columns).astype(np.float64)
        score = (turned @ excess[..., None])[..., 0].astype(np.float64)
        held = np.arange(slopes.shape[2], columns.shape[2])
        score[:, held] -= self._weight * (texture - self._prior)
        information[:, held, held] += self._weight
        return score, information
