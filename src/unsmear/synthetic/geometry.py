"""Geometry of the cells of a field: positions, outlines and distance maps.

Lengths are micrometres, positions (y, x) from the field's upper left corner, angles radians from
+x towards +y (an image's rows grow downwards).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from unsmear.synthetic.texture import Plane, blur

Floats = NDArray[np.float64]

DIRECTIONS = 1024
"""Number of directions of a cell outline."""

RIM = 2.0
"""Twice the minimum width of the cytoplasm around a nucleus; distances up to it are exact."""


@dataclass(frozen=True)
class Kind:
    """A cell type: shape parameters shared by all cells of a field.

    radius: of the cell without its tips; aspect: long through short axis; rough: of the outline;
    tips: fewest and most; reach: of a tip, in radii.
    """

    radius: tuple[float, float]
    aspect: tuple[float, float]
    rough: float
    tips: tuple[int, int]
    reach: tuple[float, float]


KINDS = (
    Kind((12.0, 15.5), (1.0, 1.5), 0.05, (3, 6), (0.2, 0.8)),  # spread, as U-2 OS
    Kind((10.5, 14.0), (1.0, 1.3), 0.035, (0, 3), (0.05, 0.25)),  # round, as A-431
    Kind((9.5, 12.0), (1.5, 2.3), 0.04, (2, 4), (0.4, 1.1)),  # elongated, as fibroblasts
)


@dataclass(frozen=True, eq=False)
class Population:
    """The cells of a field, one row a cell; cell i has number i + 1 in the masks.

    centres, nuclei, centrosomes: positions; axes: the direction of the long axis.
    outlines, nuclear_outlines: distances from centre or nucleus in `DIRECTIONS` directions.
    mitotic: whether the cell divides; its nuclear outline is then that of the metaphase plate.
    """

    centres: Floats
    nuclei: Floats
    centrosomes: Floats
    axes: Floats
    outlines: Plane
    nuclear_outlines: Plane
    mitotic: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.centres)


@dataclass(frozen=True, eq=False)
class Maps:
    """Masks and distance maps of the cells on a pixel grid.

    cells, nuclei: numbers from 1, 0 is outside.
    edge: distance to the nearest border of the cell, 0 outside.
    shell: distance to the nuclear envelope, negative within the nucleus.
    contact: 0 to 1, how near another cell is.
    """

    cells: NDArray[np.uint16]
    nuclei: NDArray[np.uint16]
    edge: Plane
    shell: Plane
    contact: Plane


def populate(
    generator: np.random.Generator, extent: tuple[float, float], dividing: bool = False
) -> Population:
    """Return cells that cover a field of `extent` (y, x); some lie across its border.

    dividing: whether at least one whole cell must be in metaphase.
    """
    kind = KINDS[generator.choice(len(KINDS), p=(0.5, 0.25, 0.25))]
    centres = _place(generator, extent, kind)
    count = len(centres)
    mitotic = generator.random(count) < 0.02
    mitotic[0] |= dividing
    axes = generator.uniform(0, np.pi) + generator.normal(0, 0.8, count)
    outlines = _outlines(generator, kind, axes)
    lengths = generator.uniform(6.0, 8.6, count)  # half a nucleus
    lengths *= np.clip(np.median(outlines, axis=1) / 13, 0.85, 1.1)
    nuclear_axes = axes + generator.normal(0, 0.35, count)
    ratios = generator.uniform(1.1, 1.7, count)
    nuclear = _ellipses(nuclear_axes, lengths / ratios, lengths)
    nuclear *= _rough(generator, count, 0.035)
    nuclei = centres + generator.normal(0, 1.2, (count, 2))
    side = generator.uniform(0, 2 * np.pi, count)
    away = _at(nuclear, side) + generator.uniform(0.6, 2.0, count)
    centrosomes = nuclei + away[:, None] * _unit(side)
    if mitotic.any():
        outlines[mitotic] = generator.uniform(8.5, 10.5) * _rough(generator, mitotic.sum(), 0.025)
        plates = _ellipses(axes[mitotic] + np.pi / 2, 1.5, generator.uniform(4.5, 6.0))
        nuclear[mitotic] = plates * _rough(generator, mitotic.sum(), 0.06)
        nuclei[mitotic] = centrosomes[mitotic] = centres[mitotic]
    return Population(centres, nuclei, centrosomes, axes, outlines, nuclear, mitotic)


def _place(generator: np.random.Generator, extent: tuple[float, float], kind: Kind) -> Floats:
    """Return centres at a distance from each other, the first near the middle of the field."""
    radius = float(np.mean(kind.radius))
    margin = 1.2 * radius
    confluence = generator.uniform(0.45, 1.0)
    apart = radius * (2.35 - 0.65 * confluence)
    islands = generator.uniform(0, 1, (3, 2)) * extent
    centres = [(0.5 + generator.uniform(-0.15, 0.15, 2)) * extent]
    tries = int(12 * np.prod(np.asarray(extent) + 2 * margin) / apart**2)
    for _ in range(tries):
        centre = generator.uniform(-margin, np.asarray(extent) + margin)
        from_island = np.hypot(*(islands - centre).T).min()
        crowded = np.exp(-np.square(from_island / 60))
        if generator.random() > confluence**2 + (1 - confluence**2) * crowded:
            continue
        if np.hypot(*(np.asarray(centres) - centre).T).min() > apart:
            centres.append(centre)
    return np.asarray(centres)


def _outlines(generator: np.random.Generator, kind: Kind, axes: Floats) -> Plane:
    count = len(axes)
    radii = generator.uniform(*kind.radius, count) * generator.normal(1, 0.08, count).clip(0.8, 1.3)
    aspect = np.sqrt(generator.uniform(*kind.aspect, count))
    outlines = _ellipses(axes, radii / aspect, radii * aspect)
    outlines *= _rough(generator, count, kind.rough)
    theta = np.linspace(0, 2 * np.pi, DIRECTIONS, endpoint=False)
    for i in range(count):
        for tip in range(generator.integers(kind.tips[0], kind.tips[1] + 1)):
            at = axes[i] + tip * np.pi + generator.normal(0, 0.3 if tip < 2 else 1.5)
            reach = radii[i] * generator.uniform(*kind.reach)
            width = generator.uniform(5, 40)
            outlines[i] += reach * np.exp(width * (np.cos(theta - at) - 1))
    return outlines


def _ellipses(axes: Floats, short: Floats | float, long: Floats | float) -> Plane:
    theta = np.linspace(0, 2 * np.pi, DIRECTIONS, endpoint=False) - axes[:, None]
    a, b = np.asarray(long).reshape(-1, 1), np.asarray(short).reshape(-1, 1)
    radii = a * b / np.hypot(b * np.cos(theta), a * np.sin(theta))
    return np.asarray(radii, np.float32)


def _rough(generator: np.random.Generator, count: int, amount: float) -> Plane:
    """Return factors that make outlines uneven, more so in their low harmonics."""
    harmonics = np.arange(2, 14)
    size = generator.standard_normal((2, count, len(harmonics))) / (harmonics / 2) ** 1.3
    waves = np.zeros((count, DIRECTIONS // 2 + 1), complex)
    waves[:, harmonics] = size[0] + 1j * size[1]
    sums = np.fft.irfft(waves, DIRECTIONS) * (DIRECTIONS / 2)
    return np.asarray(np.exp(amount * sums), np.float32)


def _at(outlines: Plane, angles: Floats) -> Floats:
    index = np.round(angles / (2 * np.pi) * DIRECTIONS).astype(int) % DIRECTIONS
    return np.asarray(outlines[np.arange(len(outlines)), index], np.float64)


def _unit(angles: Floats) -> Floats:
    return np.stack([np.sin(angles), np.cos(angles)], axis=-1)


def rasterise(
    population: Population, shape: tuple[int, int], pixel: float, margin: float = 0.0
) -> Maps:
    """Return the maps on `shape` pixels of `pixel`, starting `margin` before the field's corner."""
    grid = _Grid(shape, pixel, margin)
    owners, near, shell = _nearest(grid, population.nuclei, population.nuclear_outlines, RIM)
    nuclei = np.where(near[0] < 1, owners, np.uint16(0))
    far = _distance(nuclei == 0) * np.float32(pixel)
    shell = np.where(shell < RIM / 2, shell, far)
    cells, rho, _ = _nearest(grid, population.centres, population.outlines, 0.0)
    cells[rho[0] >= 1] = 0
    around = shell < RIM / 2
    cells[around] = owners[around]
    inner = (cv2.erode(cells, None) == cv2.dilate(cells, None)) & (cells > 0)
    edge = _distance(inner) * np.float32(pixel)
    contact = np.clip((np.float32(1.15) - rho[1]) / np.float32(0.15), 0, 1)
    return Maps(cells, nuclei, blur(edge, 0.7), shell, contact)


@dataclass(frozen=True)
class _Grid:
    shape: tuple[int, int]
    pixel: float
    margin: float

    def box(self, centre: Floats, reach: float) -> tuple[slice, slice]:
        """Return the pixels within `reach` of a centre; empty where it is far outside."""
        middle = (centre + self.margin) / self.pixel
        low = np.clip(np.floor(middle - reach / self.pixel), 0, self.shape).astype(int)
        high = np.clip(np.ceil(middle + reach / self.pixel) + 1, 0, self.shape).astype(int)
        return slice(low[0], high[0]), slice(low[1], high[1])

    def polar(self, centre: Floats, box: tuple[slice, slice]) -> tuple[Plane, NDArray[np.intp]]:
        """Return distance and direction (an index into an outline) from a centre, in a box."""
        y, x = (
            np.arange(part.start, part.stop, dtype=np.float32) * np.float32(self.pixel)
            - np.float32(middle + self.margin)
            for part, middle in zip(box, centre, strict=True)
        )
        dy, dx = np.repeat(y[:, None], len(x), 1), np.repeat(x[None], len(y), 0)
        distance, angle = cv2.cartToPolar(dx, dy, angleInDegrees=True)
        return distance, (angle * np.float32(DIRECTIONS / 360)).astype(np.intp) % DIRECTIONS


def _nearest(
    grid: _Grid, centres: Floats, outlines: Plane, beyond: float
) -> tuple[NDArray[np.uint16], Plane, Plane]:
    """Return the nearest cell, the two smallest relative distances, and the signed distance."""
    owners = np.zeros(grid.shape, np.uint16)
    near = np.full((2, *grid.shape), 9, np.float32)
    signed = np.full(grid.shape, 99, np.float32)
    for i, (centre, outline) in enumerate(zip(centres, outlines, strict=True)):
        box = grid.box(centre, float(outline.max()) * 1.15 + beyond)
        if not owners[box].size:
            continue
        distance, direction = grid.polar(centre, box)
        radius = np.take(outline, direction)
        rho = distance / radius
        first, second = near[0][box], near[1][box]
        closer = rho < first
        np.minimum(second, np.maximum(first, rho), out=second)
        np.minimum(first, rho, out=first)
        owners[box][closer] = i + 1
        if beyond:
            np.minimum(signed[box], distance - radius, out=signed[box])
    return owners, near, signed


def _distance(inside: NDArray[np.bool_]) -> Plane:
    distance = cv2.distanceTransform(inside.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
    # Without a single pixel outside, OpenCV returns its largest number.
    return np.asarray(np.minimum(distance, np.float32(sum(inside.shape))), np.float32)
