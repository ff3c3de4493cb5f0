"""Filaments in cells: growth, and additive sub-pixel drawing of lines and dots."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from unsmear.synthetic.geometry import Maps
from unsmear.synthetic.texture import Numbers, Plane, blur

COARSE = 0.5
"""Pixel size in micrometres of the maps that steer filaments."""

BEYOND = 12.0
"""Margin around the field, in micrometres, in which filaments grow too."""

TURN_WITHIN = 2.0
"""Distance from an edge or a nucleus, micrometres, at which a filament begins to turn away."""


@dataclass(frozen=True, eq=False)
class Terrain:
    """Map that steers filaments: six numbers per coarse pixel of a field and its margin.

    table: (pixels, 6), the distances to edge and nuclear envelope and their gradients (y, x);
    cells: (pixels,), the cells' numbers.
    """

    table: Plane
    cells: NDArray[np.uint16]
    shape: tuple[int, int]

    def index(self, points: Plane) -> NDArray[np.intp]:
        """Return the coarse pixels of points (..., yx); those beyond the terrain get its border."""
        at = ((points + np.float32(BEYOND)) / np.float32(COARSE)).astype(np.intp)
        y = np.clip(at[..., 0], 0, self.shape[0] - 1)
        x = np.clip(at[..., 1], 0, self.shape[1] - 1)
        return np.asarray(y * self.shape[1] + x, np.intp)


def terrain(maps: Maps) -> Terrain:
    """Return the terrain of maps that were drawn at `COARSE` with a margin of `BEYOND`."""
    edge, shell = blur(maps.edge, 1.0), blur(maps.shell, 1.0)
    table = np.stack([edge, shell, *_gradient(edge), *_gradient(shell)], axis=-1)
    shape = (edge.shape[0], edge.shape[1])
    return Terrain(table.reshape(-1, 6), maps.cells.ravel(), shape)


def _gradient(plane: Plane) -> tuple[Plane, Plane]:
    y, x = cv2.Sobel(plane, cv2.CV_32F, 0, 1), cv2.Sobel(plane, cv2.CV_32F, 1, 0)
    length = np.hypot(y, x) + np.float32(1e-6)
    return y / length, x / length


@dataclass(frozen=True)
class Gait:
    """Growth parameters of filaments.

    length: median length, micrometres; spread: its standard deviation in the logarithm.
    bend: standard deviation of the curvature, radians a micrometre; persistence: micrometres over
    which the curvature stays alike; avoid: how hard they turn from edges and nuclei, 0 to 1.
    wall: chance a step to end within a micrometre of the edge. step: micrometres.
    """

    length: float
    spread: float
    bend: float
    persistence: float
    avoid: float = 1.0
    wall: float = 0.0
    step: float = 0.4


def trace(
    generator: np.random.Generator, ground: Terrain, gait: Gait, starts: Numbers, headings: Numbers
) -> tuple[Plane, Plane]:
    """Return the points (step, filament, yx) of growing filaments and their weights, 0 or 1.

    The longest filaments come first.

    starts: (filament, yx), micrometres; headings: radians from +x towards +y.

    A filament stays in the cell of its start: at an edge it turns along it, or ends.
    """
    count = len(starts)
    lengths = gait.length * np.exp(gait.spread * generator.standard_normal(count))
    # The longest come first: those still growing are a slice, not a choice.
    order = np.argsort(-lengths, kind="stable")
    starts, headings = starts[order], headings[order]
    lengths = np.minimum(lengths[order], 3 * gait.length)
    growing = [
        int(np.sum(lengths > i * gait.step)) for i in range(int(3 * gait.length / gait.step))
    ]
    growing = growing[: max(2, int(np.count_nonzero(growing)))]
    memory = np.float32(np.exp(-gait.step / gait.persistence))
    jolt = np.float32(gait.bend * np.sqrt(1 - memory**2))
    curvature = generator.standard_normal(count, dtype=np.float32) * np.float32(gait.bend)
    points = np.zeros((len(growing) + 1, count, 2), np.float32)
    weights = np.zeros((len(growing) + 1, count), np.float32)
    points[0], heading = starts, headings.astype(np.float32)
    index = ground.index(points[0])
    owner, alive = ground.cells[index], ground.cells[index] > 0
    weights[0] = alive
    for i, n in enumerate(growing):
        bends = generator.standard_normal(n, dtype=np.float32) * jolt
        curvature = memory * curvature[:n] + bends
        heading = heading[:n] + curvature * np.float32(gait.step)
        if gait.avoid:
            heading = _steer(ground.table[index[:n]], heading, np.float32(gait.avoid))
        direction = np.stack([np.sin(heading), np.cos(heading)], axis=-1)
        points[i + 1, :n] = points[i, :n] + direction * np.float32(gait.step)
        index = ground.index(points[i + 1, :n])
        alive = alive[:n] & (ground.cells[index] == owner[:n])
        if gait.wall:
            alive &= (ground.table[index, 0] > 1) | (generator.random(n) > gait.wall)
        weights[i + 1, :n] = alive
    return points, weights


def _steer(row: Plane, heading: Plane, avoid: np.float32) -> Plane:
    """Return headings turned along the edge or the envelope where they run into it."""
    dy, dx = np.sin(heading), np.cos(heading)
    for distance, gy, gx in ((row[:, 0], 2, 3), (row[:, 1], 4, 5)):
        towards = dx * row[:, gx] + dy * row[:, gy]
        cross = dx * row[:, gy] - dy * row[:, gx]
        near = np.clip(1 - distance / np.float32(TURN_WITHIN), 0, 1)
        heading = heading + avoid * near * np.maximum(-towards, 0) * np.copysign(
            np.float32(1), cross
        )
    return heading


def draw_lines(
    points: Numbers,
    weights: Numbers,
    shape: tuple[int, int],
    pixel: float,
    sigma: float,
    psf: float,
) -> Plane:
    """Return a plane of lines; one of weight 1 has about 1 in its middle behind the optics.

    points: (step, line, yx), micrometres; weights: (step, line); a segment that ends at weight 0
    is not drawn. sigma: of the line's own profile, micrometres; psf: of the optics, likewise.
    """
    start, stop = points[:-1], points[1:]
    drawn = (weights[:-1] > 0) & (weights[1:] > 0)
    start, stop = start[drawn], stop[drawn]
    brightness = (weights[:-1] + weights[1:])[drawn] / 2
    length = float(np.hypot(*(stop[:1] - start[:1]).T).sum()) / pixel
    parts = max(1, int(np.ceil(length / max(1.3, sigma / pixel))))
    steps = (np.arange(parts, dtype=np.float32) + np.float32(0.5)) / np.float32(parts)
    at = start + (stop - start) * steps[:, None, None]
    plane = splat(at.reshape(-1, 2), np.tile(brightness * (length / parts), parts), shape, pixel)
    width = np.hypot(np.hypot(sigma, psf) / pixel, 0.4)
    return blur(plane, sigma / pixel) * np.float32(np.sqrt(2 * np.pi) * width)


def draw_dots(
    points: Numbers,
    weights: Numbers,
    shape: tuple[int, int],
    pixel: float,
    sigma: float,
    psf: float,
) -> Plane:
    """Return a plane of round dots of `sigma` micrometres, about their weights in the middle."""
    plane = blur(splat(points, weights, shape, pixel), sigma / pixel)
    width = np.hypot(np.hypot(sigma, psf) / pixel, 0.4)
    return plane * np.float32(2 * np.pi * width**2)


def splat(points: Numbers, weights: Numbers, shape: tuple[int, int], pixel: float) -> Plane:
    """Return a plane with each weight shared among the four pixels around its point."""
    height, width = shape
    at = points / np.float32(pixel)
    corner = np.floor(at).astype(np.int32)
    inside = ((corner >= 0) & (corner < (height - 1, width - 1))).all(axis=-1)
    at, corner, weights = at[inside], corner[inside], weights[inside]
    fy, fx = (at - corner).T
    flat = corner[:, 0] * width + corner[:, 1]
    plane = np.zeros(height * width)
    for offset, share in (
        (0, (1 - fy) * (1 - fx)),
        (1, (1 - fy) * fx),
        (width, fy * (1 - fx)),
        (width + 1, fy * fx),
    ):
        plane += np.bincount(flat + offset, share * weights, minlength=height * width)
    return plane.reshape(shape).astype(np.float32)
