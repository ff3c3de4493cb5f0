"""Scene of one field: its cells, and the drawing functions for stains and patterns."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from unsmear.synthetic import filaments
from unsmear.synthetic.filaments import Gait, Terrain
from unsmear.synthetic.geometry import Maps, Population, populate, rasterise
from unsmear.synthetic.texture import Numbers, Plane, bell, blur, clip, noise

PSF = 0.10
"""Sigma of the optics, micrometres: a confocal microscope at 63x and NA 1.4."""


@dataclass(frozen=True, eq=False)
class Scene:
    """One field before the camera; planes are float32 in normalised intensity, about 0 to 1.

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
        outside = np.maximum(self.maps.shell, 0)
        return np.asarray(np.exp(outside * np.float32(-1 / reach)), np.float32)

    def rim(self, width: float) -> Plane:
        """Return a line along the nuclear envelope of `width` (sigma) micrometres."""
        return bell(self.maps.shell, width)

    def grain(self, spread: float) -> Plane:
        """Return an unevenness around 1, fine and coarse, never below 0.1."""
        uneven = np.float32(spread) * (self.noise(0.3) + self.noise(1.5))
        return clip(1 + uneven, 0.1, 2.5)

    def spread(self, sigma: float, count: int) -> Plane:
        """Return log-normal brightnesses with median 1."""
        return np.asarray(np.exp(sigma * self.generator.standard_normal(count)), np.float32)

    def by_cell(self, values: Numbers) -> Plane:
        """Return a plane with each cell's value in its pixels, 0 outside."""
        table = np.concatenate([[0], values]).astype(np.float32)
        return np.asarray(np.take(table, self.maps.cells), np.float32)

    def vary(self, spread: float) -> Plane:
        """Return a brightness for every cell, log-normal with median 1, 0 outside."""
        return self.by_cell(self.spread(spread, len(self.population)).clip(0, 3))

    def owners(self, points: Numbers) -> NDArray[np.intp]:
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

    def lines(self, points: Numbers, weights: Numbers, sigma: float = 0.0) -> Plane:
        """Return a plane of lines of `sigma` micrometres; see paths.draw_lines."""
        return filaments.draw_lines(points, weights, self.shape, self.pixel, sigma, PSF)

    def dots(self, points: Numbers, weights: Numbers, sigma: float) -> Plane:
        """Return a plane of dots of `sigma` micrometres; see paths.draw_dots."""
        return filaments.draw_dots(points, weights, self.shape, self.pixel, sigma, PSF)

    def grow(self, gait: Gait, starts: Numbers, headings: Numbers) -> tuple[Plane, Plane]:
        """Return filaments; see paths.trace."""
        return filaments.trace(self.generator, self.ground, gait, starts, headings)


def build(
    generator: np.random.Generator, shape: tuple[int, int], pixel: float, dividing: bool
) -> Scene:
    """Return a scene of random cells; `dividing` asks for one in metaphase at least."""
    extent = (shape[0] * pixel, shape[1] * pixel)
    population = populate(generator, extent, dividing)
    maps = rasterise(population, shape, pixel)
    around = [int(np.ceil((length + 2 * filaments.BEYOND) / filaments.COARSE)) for length in extent]
    ground = rasterise(population, (around[0], around[1]), filaments.COARSE, filaments.BEYOND)
    soft = np.float32(0.12)
    nucleus = clip(np.float32(0.5) - maps.shell / (2 * soft), 0, 1)
    divides = np.concatenate([[False], population.mitotic])
    return Scene(
        generator=generator,
        shape=shape,
        pixel=pixel,
        population=population,
        maps=maps,
        ground=filaments.terrain(ground),
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
