"""The cells of one field with what every channel needs: maps, nucleoli, filaments, reticulum."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from unsmear.data.synthetic import paths
from unsmear.data.synthetic.cells import Floats, Maps, Population, populate, rasterise
from unsmear.data.synthetic.paths import Gait, Terrain
from unsmear.data.synthetic.texture import Plane, blur, net, noise

PSF = 0.10
"""Sigma of the optics, micrometres: a confocal microscope at 63x and NA 1.4."""

MICROTUBULE = Gait(length=10.0, spread=0.5, bend=0.14, persistence=4.0, avoid=0.45, wall=0.35)


@dataclass(frozen=True, eq=False)
class Scene:
    """One field before the camera; planes are float32 in units, about 0 to 1.

    pixel: micrometres; inside, nucleus, nucleoli: soft masks; round_up: the cells that divide.
    """

    generator: np.random.Generator
    shape: tuple[int, int]
    pixel: float
    population: Population
    maps: Maps
    ground: Terrain
    inside: Plane
    nucleus: Plane
    nucleoli: Plane
    round_up: Plane

    def noise(self, grain: float) -> Plane:
        """Return cloudy noise with details of `grain` micrometres."""
        return noise(self.generator, self.shape, grain / self.pixel)

    def soften(self, plane: Plane, sigma: float) -> Plane:
        """Return the plane under a Gaussian of `sigma` micrometres."""
        return blur(plane, sigma / self.pixel)

    def around_nucleus(self, reach: float) -> Plane:
        """Return 1 at the nuclear envelope and in the nucleus, falling over `reach` micrometres."""
        return np.exp(np.maximum(self.maps.shell, 0) * np.float32(-1 / reach))

    def rim(self, width: float) -> Plane:
        """Return a line along the nuclear envelope of `width` (sigma) micrometres."""
        return np.exp(np.square(self.maps.shell / np.float32(width)) * np.float32(-0.5))

    def by_cell(self, values: Floats) -> Plane:
        """Return a plane with each cell's value in its pixels, 0 outside."""
        table = np.concatenate([[0], values]).astype(np.float32)
        return np.asarray(np.take(table, self.maps.cells), np.float32)

    def vary(self, spread: float) -> Plane:
        """Return a brightness for every cell, log-normal with median 1, 0 outside."""
        size = len(self.population)
        return self.by_cell(np.exp(spread * self.generator.standard_normal(size)).clip(0, 3))

    def owners(self, points: Plane) -> NDArray[np.intp]:
        """Return the row in the population of the cell under each point; points lie in cells."""
        at = np.minimum((points / self.pixel).astype(np.intp), np.subtract(self.shape, 1))
        # A point of a soft mask can lie one pixel outside: any cell will do for it.
        return np.maximum(self.maps.cells[at[:, 0], at[:, 1]].astype(np.intp) - 1, 0)

    def scatter(self, weights: Plane, density: float) -> Plane:
        """Return points (point, yx), micrometres, drawn in proportion to `weights`.

        density: points a square micrometre where the weight is 1.
        """
        total = np.cumsum(weights, dtype=np.float64)
        count = self.generator.poisson(total[-1] * self.pixel**2 * density)
        at = np.searchsorted(total, self.generator.random(count) * total[-1])
        points = np.stack(np.unravel_index(at, self.shape), axis=-1)
        points = points + self.generator.random((count, 2))
        return np.asarray(points * self.pixel, np.float32)

    def lines(self, points: Plane, weights: Plane, sigma: float = 0.0) -> Plane:
        """Return a plane of lines of `sigma` micrometres; see paths.draw_lines."""
        return paths.draw_lines(points, weights, self.shape, self.pixel, sigma, PSF)

    def dots(self, points: Plane, weights: Plane, sigma: float) -> Plane:
        """Return a plane of dots of `sigma` micrometres; see paths.draw_dots."""
        return paths.draw_dots(points, weights, self.shape, self.pixel, sigma, PSF)

    def grow(self, gait: Gait, starts: Plane, headings: Plane) -> tuple[Plane, Plane]:
        """Return filaments; see paths.trace."""
        return paths.trace(self.generator, self.ground, gait, starts, headings)


def build(
    generator: np.random.Generator, shape: tuple[int, int], pixel: float, dividing: bool
) -> Scene:
    """Return a scene of random cells; `dividing` asks for one in metaphase at least."""
    extent = (shape[0] * pixel, shape[1] * pixel)
    population = populate(generator, extent, dividing)
    maps = rasterise(population, shape, pixel)
    around = [int(np.ceil((length + 2 * paths.BEYOND) / paths.COARSE)) for length in extent]
    ground = rasterise(population, (around[0], around[1]), paths.COARSE, paths.BEYOND)
    soft = np.float32(0.12)
    nucleus = np.clip(np.float32(0.5) - maps.shell / (2 * soft), 0, 1)
    divides = np.concatenate([[False], population.mitotic])
    return Scene(
        generator=generator,
        shape=shape,
        pixel=pixel,
        population=population,
        maps=maps,
        ground=paths.terrain(ground),
        inside=blur((maps.cells > 0).astype(np.float32), 0.15 / pixel),
        nucleus=nucleus,
        nucleoli=_nucleoli(generator, population, shape, pixel) * nucleus,
        round_up=np.take(divides, maps.cells).astype(np.float32),
    )


def _nucleoli(
    generator: np.random.Generator, population: Population, shape: tuple[int, int], pixel: float
) -> Plane:
    """Return a soft mask of one to five uneven bodies in every nucleus that does not divide."""
    mask = np.zeros(shape, np.uint8)
    theta = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    for i in np.flatnonzero(~population.mitotic):
        for _ in range(generator.integers(1, 6)):
            direction = generator.integers(len(population.nuclear_outlines[i]))
            reach = population.nuclear_outlines[i, direction] * 0.68 * np.sqrt(generator.random())
            angle = 2 * np.pi * direction / len(population.nuclear_outlines[i])
            middle = population.nuclei[i] + reach * np.array([np.sin(angle), np.cos(angle)])
            radius = generator.uniform(0.7, 1.7) * np.ones(40)
            for k in (2, 3, 4):
                turn = generator.uniform(0, 2 * np.pi)
                radius *= 1 + generator.normal(0, 0.28 / k) * np.cos(k * theta + turn)
            outline = middle[:, None] + radius * np.stack([np.sin(theta), np.cos(theta)])
            polygon = np.round(outline[::-1].T / pixel * 16).astype(np.int32)
            cv2.fillPoly(mask, [polygon], 255, cv2.LINE_AA, 4)
    return blur(mask.astype(np.float32) / np.float32(255), 0.12 / pixel)


def chromatin(scene: Scene) -> Plane:
    """Return the blue channel: nuclei with mottled chromatin, dim nucleoli, bright plates."""
    mottled = 1 + 0.16 * scene.noise(0.7) + 0.13 * scene.noise(1.8) + 0.10 * scene.noise(0.3)
    spots = np.clip(scene.noise(0.8) - np.float32(1.6), 0, 1) * scene.vary(0.5)
    dim = 1 - np.float32(0.6) * scene.nucleoli
    edge = 1 + np.float32(0.2) * scene.rim(0.35)
    flat = scene.nucleus * np.clip(mottled * dim * edge + 0.5 * spots, 0, 3)
    gain = scene.vary(0.22) * (1 + np.float32(0.6) * scene.round_up)
    return flat * gain * np.float32(0.6)


def microtubules(scene: Scene) -> Plane:
    """Return the red channel: filaments from the centrosomes and through the cytoplasm."""
    starts, headings = _microtubule_starts(scene)
    points, weights = scene.grow(MICROTUBULE, starts, headings)
    weights = weights * _focus(scene.generator, weights.shape)
    plane = scene.lines(points, weights)
    over = scene.by_cell(scene.generator.uniform(0.1, 0.6, len(scene.population)))
    plane *= 1 - (1 - over) * scene.nucleus
    plane *= 1 - scene.round_up
    haze = scene.soften(plane, 0.9) * np.float32(0.5)
    dividing = spindle(scene) + 0.15 * scene.round_up
    return (plane * np.float32(0.45) + haze) * scene.vary(0.25) + dividing


def _microtubule_starts(scene: Scene) -> tuple[Plane, Plane]:
    """Return starts and headings: from each centrosome, and outwards from all over the cells."""
    generator = scene.generator
    still = scene.population.centrosomes[~scene.population.mitotic]
    each = 45
    starts = np.repeat(still, each, axis=0) + generator.normal(0, 0.4, (each * len(still), 2))
    headings = generator.uniform(0, 2 * np.pi, len(starts))
    cytoplasm = (scene.maps.shell > 0) & (scene.round_up == 0)
    weights = (scene.maps.cells > 0) * (0.2 + cytoplasm * scene.around_nucleus(5.0))
    free = scene.scatter(weights, 0.5)
    owner = scene.owners(free)
    away = free - scene.population.centrosomes[owner]
    along = scene.population.axes[owner] + np.pi * (generator.random(len(free)) < 0.5)
    outward = np.arctan2(away[:, 0], away[:, 1])
    pick = generator.random(len(free)) < 0.3
    free_headings = np.where(pick, along, outward) + generator.normal(0, 0.5, len(free))
    return (
        np.concatenate([starts, free]).astype(np.float32),
        np.concatenate([headings, free_headings]).astype(np.float32),
    )


def _focus(generator: np.random.Generator, shape: tuple[int, ...]) -> Plane:
    """Return weights that rise and fall along filaments, as they cross the focal plane."""
    phase = generator.uniform(0, 2 * np.pi, shape[1]).astype(np.float32)
    rate = generator.uniform(0.05, 0.25, shape[1]).astype(np.float32)
    steps = np.arange(shape[0], dtype=np.float32)[:, None]
    own = np.exp(0.35 * generator.standard_normal(shape[1])).astype(np.float32)
    return own * (np.float32(0.65) + np.float32(0.35) * np.sin(phase + rate * steps))


def spindle(scene: Scene) -> Plane:
    """Return the spindles of the cells in metaphase: arcs from pole to pole, and asters."""
    generator, population = scene.generator, scene.population
    points, weights = [], []
    for i in np.flatnonzero(population.mitotic):
        along = np.array([np.sin(population.axes[i]), np.cos(population.axes[i])])
        across = along[::-1] * (-1, 1)
        count, half = 90, generator.uniform(4.5, 5.8)
        u = np.linspace(-1, 1, 41)[:, None]
        bulge = generator.normal(0, 2.0, count) * (1 - u**2) ** 0.8
        length = u * half + 0 * bulge
        arc = population.centres[i] + length[..., None] * along + bulge[..., None] * across
        points.append(arc)
        reach = generator.uniform(0.5, 1.05, count)
        weights.append((np.abs(u) > 1 - reach) * np.ones(count))
    if not points:
        return np.zeros(scene.shape, np.float32)
    lines = np.concatenate(points, 1).astype(np.float32)
    drawn = scene.lines(lines, np.concatenate(weights, 1).astype(np.float32), 0.05)
    return np.float32(4) * drawn / (drawn + np.float32(6)) + np.float32(0.05) * scene.round_up


def reticulum(scene: Scene) -> Plane:
    """Return the yellow channel: a net of tubules, dense sheets by the nucleus, the envelope."""
    threads = net(scene.generator, scene.shape, 1.0 / scene.pixel)
    holes = net(scene.generator, scene.shape, 1.9 / scene.pixel)
    grain = 1 + np.float32(0.28) * scene.noise(0.3) + np.float32(0.22) * scene.noise(2.5)
    near = scene.around_nucleus(4.0)
    sheet = near * np.float32(0.55)
    body = threads * (1 - sheet) + sheet + np.float32(0.35) * holes
    outside = np.clip(scene.maps.shell / np.float32(0.25) + np.float32(0.5), 0, 1)
    thin = np.clip(scene.maps.edge / np.float32(1.2), 0, 1)
    plane = body * (np.float32(0.22) + scene.around_nucleus(6.0)) * outside * thin
    plane += np.float32(0.55) * scene.rim(0.18) * (1 - scene.round_up)
    plane = plane * np.clip(grain, 0.1, 2) + np.float32(0.12) * scene.inside
    return plane * scene.inside * scene.vary(0.3) * np.float32(0.5)
