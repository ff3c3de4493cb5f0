"""The path of an irregular motion: a search by evolution, under the likelihood of the spectrum.

A power spectrum gives the autocorrelation of a kernel, and a thin path follows from it up to its
half-turn; but most descents end in a wrong fold of the path. So many paths descend at once, first
simple ones on low frequencies. The best, and copies in which a part of the path is turned about,
go on with more detail. Independent searches that end in the same path are what makes it sure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import fft

from unsmear.blur.kernel import Kernel
from unsmear.estimate import fitting, likelihood, path_model
from unsmear.estimate.path_model import Model, Population
from unsmear.estimate.spectrum import Array, Spectrum

SIDE = 64
"""Side of the averaged spectrum; the longest extent it can show is half as many pixels."""
COUNT = 48
"""Number of paths in a generation."""
PARENTS = 8
"""Number of paths from which the next generation comes."""
PRIOR = 0.3
"""Weight of the texture that a typical path would leave, in units of the Fisher information."""
TYPICAL = 40
"""Number of random paths whose mean transfer stands for a typical one."""
DIFFERENT = 0.97
"""Correlation of two kernels below which they are different parents."""

SEARCHES = 3
"""Largest number of independent searches."""
AGREEING = 0.85
"""Correlation of the kernels of two independent searches above which they found one path."""
CONFIDENCE = 0.8
"""Least confidence of a path that independent searches and the likelihood support."""


class Stage(NamedTuple):
    """Orders of the paths, the highest frequency that is fitted, and the steps of the descent."""

    orders: int
    highest: float
    steps: int


FIRST = (Stage(3, 0.12, 8), Stage(5, 0.2, 6))
"""Stages of the first generation."""
GENERATIONS = (Stage(6, 0.2, 5), Stage(7, 0.2, 5), Stage(8, 0.25, 5), Stage(8, 0.3, 6))
"""Stages of the generations that follow."""
LAST = Stage(12, 0.5, 20)
"""Stage of the last paths; the texture is free there."""
FINISHED = 4
"""Number of paths that are taken through the last stage."""


@dataclass(frozen=True)
class Candidate:
    """A path's kernel or its half-turn, with the loss of its fit."""

    kernel: Kernel
    loss: float


@dataclass(frozen=True)
class FittedPath:
    """The likeliest path of independent searches.

    agreement: correlation of its kernel with that of another search, 0 to 1.
    """

    kernel: Kernel
    agreement: float


def find(spectrum: Spectrum, extent: float) -> FittedPath:
    """Return the likeliest path of two searches, of three where the first two disagree.

    extent: expected, pixels.
    """
    candidates: list[Candidate] = []
    agreement = 0.0
    for seed in range(SEARCHES):
        candidates.append(search(spectrum, extent, seed)[0])
        candidates.sort(key=lambda candidate: candidate.loss)
        agreement = max(
            (alike(candidates[0].kernel, other.kernel) for other in candidates[1:]), default=0.0
        )
        if agreement > AGREEING:
            break
    return FittedPath(candidates[0].kernel, agreement)


def search(spectrum: Spectrum, extent: float, seed: int = 0) -> list[Candidate]:
    """Return different kernels of paths, the likeliest first.

    extent: expected extent of the path, pixels. seed: of the random paths and changes.
    The losses are on a spectrum averaged over channels and neighbours: they compare candidates.
    """
    problem = likelihood.Problem(path_model.pooled(spectrum, max(1, spectrum.side // SIDE)))
    generator = np.random.default_rng(seed)
    prior = _typical_texture(problem, extent)
    values = _random_paths(generator, COUNT, FIRST[0].orders, extent)
    population = Population(values, np.repeat(prior, COUNT, 0), np.zeros(COUNT))
    for stage in FIRST:
        population = _descended(problem, population, stage, prior)
    for stage in GENERATIONS:
        parents = _different(population, PARENTS)
        population = _descended(problem, _generation(generator, parents, stage), stage, prior)
    last = Model(problem, LAST.orders, LAST.highest, prior[0], count=64)
    finalists = _different(population, FINISHED)
    values = path_model.extended(finalists.values, LAST.orders)
    finished = last.descend(values, finalists.texture, LAST.steps)
    order = np.argsort(finished.loss)
    return [Candidate(path_model.kernel(finished.values[i]), finished.loss[i]) for i in order]


def alike(kernel: Kernel, other: Kernel) -> float:
    """Return the correlation of two kernels, 0 to 1, after the best shift or half-turn."""
    side = fft.next_fast_len(len(kernel) + len(other), real=True)
    ours = fft.rfft2(kernel, (side, side))
    highest = max(
        fft.irfft2(ours * fft.rfft2(turned, (side, side)).conj(), (side, side)).max()
        for turned in (other, other[::-1, ::-1])
    )
    return float(highest / np.sqrt((kernel**2).sum() * (other**2).sum()))


def _typical_texture(problem: likelihood.Problem, extent: float) -> Array:
    """Return (1, basis), the texture under the mean transfer of random paths."""
    paths = _random_paths(np.random.default_rng(0), TYPICAL, 6, extent)
    transfer = np.mean([problem.transfer(path_model.kernel(path)) for path in paths], 0)
    return fitting.fit_held(problem, transfer, steps=8).texture


def _random_paths(generator: np.random.Generator, count: int, orders: int, extent: float) -> Array:
    """Return (count, 2 * orders), smooth paths that extend about so many pixels."""
    fading = np.arange(1, orders + 1)[:, None] ** -1.5
    values = (generator.normal(size=(count, orders, 2)) * fading).reshape(count, -1)
    wanted = extent * generator.uniform(0.7, 1.3, count)
    return np.asarray(values * (wanted / _extents(values))[:, None])


def _extents(values: Array) -> Array:
    return np.asarray(np.linalg.norm(np.ptp(path_model.points(values, 100), axis=-2), axis=-1))


def _descended(
    problem: likelihood.Problem, population: Population, stage: Stage, prior: Array
) -> Population:
    model = Model(problem, stage.orders, stage.highest, prior[0], PRIOR, count=40)
    values = path_model.extended(population.values, stage.orders)
    return model.descend(values, population.texture, stage.steps)


def _different(population: Population, count: int) -> Population:
    """Return the likeliest paths, at most `count`, whose kernels differ."""
    taken: list[int] = []
    kernels: list[Kernel] = []
    for index in np.argsort(population.loss):
        kernel = path_model.kernel(population.values[index], 100)
        if all(alike(kernel, other) < DIFFERENT for other in kernels):
            taken.append(int(index))
            kernels.append(kernel)
        if len(taken) == count:
            break
    return population.taken(np.array(taken))


def _generation(generator: np.random.Generator, parents: Population, stage: Stage) -> Population:
    """Return the parents, and changed copies of them."""
    index = np.repeat(np.arange(len(parents.loss)), max(1, COUNT // len(parents.loss) - 1))
    orders = stage.orders
    copies = [_changed(generator, parents.values[i], orders) for i in index]
    values = [path_model.extended(parents.values, orders), np.array(copies)]
    texture = [parents.texture, parents.texture[index]]
    loss = np.zeros(len(parents.loss) + len(index))
    return Population(np.concatenate(values), np.concatenate(texture), loss)


def _changed(generator: np.random.Generator, values: Array, orders: int) -> Array:
    """Return a path that is bent a little, or whose part is reversed, mirrored or turned.

    Such changes of a part alter the autocorrelation little, and no descent makes them.
    """
    same = path_model.extended(values[None], orders)[0]
    choice = generator.random()
    if choice < 0.35:
        size = 0.12 * float(_extents(values)) * np.arange(1, orders + 1)[:, None] ** -0.7
        return np.asarray(same + (generator.normal(size=(orders, 2)) * size).ravel())
    steps = np.diff(path_model.points(values, 96), axis=0)
    first, last = sorted(generator.integers(0, len(steps), 2))
    if generator.random() < 0.5:
        first, last = (0, last) if generator.random() < 0.5 else (first, len(steps))
    part = slice(first, max(last, first + 4))
    steps[part] = _turned(generator, steps[part], choice)
    path = np.concatenate([np.zeros((1, 2)), np.cumsum(steps, 0)])
    waves = path_model.cosines(orders, 96, first=0)
    return np.asarray((np.linalg.pinv(waves) @ path)[1:].ravel())


def _turned(generator: np.random.Generator, steps: Array, choice: float) -> Array:
    """Return the steps of a part of a path, (n, 2), in another order or direction."""
    if choice < 0.55:
        return steps[::-1]
    if choice < 0.75:
        chord = steps.sum(0) / max(float(np.linalg.norm(steps.sum(0))), 1e-9)
        return np.asarray(2 * (steps @ chord)[:, None] * chord - steps)
    if choice < 0.9:
        return -steps
    angle = generator.uniform(-0.5, 0.5) * np.pi
    rotation = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    return np.asarray(steps @ rotation)
