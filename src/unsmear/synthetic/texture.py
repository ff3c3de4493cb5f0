"""Random textures of a given grain size: cloudy noise, and a net of three-way junctions."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

Plane = NDArray[np.float32]
Numbers = NDArray[np.floating[Any]]
"""Array of floats of any precision."""

NET_TILE = 512
"""Side in pixels of the periodic net, which is warped randomly in each field."""

NET_MESH = 12.0
"""Mesh size of the net in pixels of that tile."""


def clip(plane: Numbers, low: float, high: float) -> Plane:
    """Return the plane within `low` and `high`."""
    return np.asarray(np.clip(plane, np.float32(low), np.float32(high)), np.float32)


def bell(distance: Numbers, sigma: float) -> Plane:
    """Return 1 where the distance is 0, falling as a Gaussian of `sigma`."""
    return np.asarray(
        np.exp(np.square(distance / np.float32(sigma)) * np.float32(-0.5)), np.float32
    )


def saturate(plane: Numbers, knee: float) -> Plane:
    """Return the plane compressed: as it is where small, `knee` at most."""
    return np.asarray(plane / (1 + plane * np.float32(1 / knee)), np.float32)


def blur(plane: Plane, sigma: float) -> Plane:
    """Return the plane under a Gaussian of `sigma` pixels; borders are reflected."""
    if sigma < 0.2:
        return plane
    return np.asarray(cv2.GaussianBlur(plane, (0, 0), sigma), np.float32)


def noise(generator: np.random.Generator, shape: tuple[int, int], grain: float) -> Plane:
    """Return cloudy noise of mean 0 and variance about 1 with details of `grain` pixels."""
    spacing = max(grain / 2, 1.0)
    lattice = [int(length / spacing) + 4 for length in shape]
    values = generator.standard_normal(lattice, dtype=np.float32)
    values = blur(values, grain / 2 / spacing) * np.float32(
        np.sqrt(4 * np.pi) * grain / 2 / spacing
    )
    if spacing == 1.0:
        return values[: shape[0], : shape[1]]
    size = [round(length * spacing) for length in lattice]
    grown = cv2.resize(values, (size[1], size[0]), interpolation=cv2.INTER_CUBIC)
    return np.asarray(grown[: shape[0], : shape[1]], np.float32)


def net(generator: np.random.Generator, shape: tuple[int, int], mesh: float) -> Plane:
    """Return a net of bent threads, 0 to 1, with meshes of about `mesh` pixels."""
    scale = NET_MESH / mesh
    turn = generator.uniform(0, 2 * np.pi)
    shift = generator.uniform(0, NET_TILE, 2)
    y, x = np.arange(shape[0], dtype=np.float32), np.arange(shape[1], dtype=np.float32)
    cos, sin = np.float32(np.cos(turn) * scale), np.float32(np.sin(turn) * scale)
    # The bends hide that the tile repeats.
    bends = [noise(generator, shape, 4 * mesh) * np.float32(0.35 * NET_MESH) for _ in range(2)]
    at_x = bends[0] + (cos * x)[None] - (sin * y)[:, None] + np.float32(shift[0])
    at_y = bends[1] + (sin * x)[None] + (cos * y)[:, None] + np.float32(shift[1])
    return np.asarray(
        cv2.remap(_net_tile(), at_x, at_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP), np.float32
    )


@lru_cache
def _net_tile() -> Plane:
    """Return the borders between the Voronoi cells of random points, periodic on both axes.

    The points are always the same: what a field draws must not depend on what was drawn before.
    """
    points = np.random.default_rng(0).uniform(0, NET_TILE, ((NET_TILE // int(NET_MESH)) ** 2, 2))
    tree = cKDTree(points, boxsize=NET_TILE)
    pixels = np.indices((NET_TILE, NET_TILE)).reshape(2, -1).T
    distances = tree.query(pixels, k=2)[0].astype(np.float32)
    from_border = (distances[:, 1] - distances[:, 0]).reshape(NET_TILE, NET_TILE)
    return bell(from_border, 1.6)
