"""What the protein channel shows for each of the 19 labels: one function a label.

Each takes a scene and its reticulum's and microtubules' planes in `Stains`, and returns a float32
plane in units, about 0 to 1, without haze, optics or noise.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from unsmear.data.synthetic.paths import Gait
from unsmear.data.synthetic.scene import Scene, spindle
from unsmear.data.synthetic.texture import Plane

INTERMEDIATE = Gait(length=9.0, spread=0.5, bend=0.55, persistence=1.2, avoid=0.6)
STRESS_FIBRE = Gait(length=14.0, spread=0.45, bend=0.012, persistence=20.0, avoid=0.15)
MITOCHONDRION = Gait(length=2.2, spread=0.6, bend=0.7, persistence=1.0, avoid=0.7, step=0.25)
RIBBON = Gait(length=2.6, spread=0.5, bend=0.7, persistence=1.5, avoid=0.8, step=0.25)
VILLUS = Gait(length=1.4, spread=0.5, bend=0.5, persistence=1.0, avoid=0.0, step=0.2)


@dataclass(frozen=True, eq=False)
class Stains:
    """The reference channels that some proteins follow; planes in units."""

    microtubules: Plane
    reticulum: Plane


def _interphase(scene: Scene, plane: Plane) -> Plane:
    """Return a nuclear pattern, spread through the cytoplasm of the cells that divide."""
    return plane * (1 - scene.round_up) + np.float32(0.25) * scene.round_up * (1 - scene.nucleus)


def _bump(scene: Scene, spread: float) -> Plane:
    return 1 + np.float32(spread) * scene.noise(0.3) + np.float32(spread) * scene.noise(1.5)


def nucleoplasm(scene: Scene, stains: Stains) -> Plane:
    """Return nuclei filled evenly, but for the nucleoli."""
    return _interphase(scene, scene.nucleus * (1 - 0.7 * scene.nucleoli) * _bump(scene, 0.12))


def nuclear_membrane(scene: Scene, stains: Stains) -> Plane:
    """Return a thin uneven line around each nucleus, with folds across some."""
    uneven = np.clip(1 + np.float32(0.35) * scene.noise(1.0), 0.2, 2)
    folds = np.exp(np.square(scene.noise(6.0) / np.float32(0.03)) * np.float32(-0.5))
    folds *= np.clip(scene.noise(5.0) - np.float32(0.5), 0, 1)
    faint = scene.nucleus * (np.float32(0.10) + np.float32(0.45) * folds)
    return _interphase(scene, scene.rim(0.16) * uneven + faint)


def nucleoli(scene: Scene, stains: Stains) -> Plane:
    """Return one to five bright uneven bodies in each nucleus."""
    return _interphase(scene, scene.nucleoli * _bump(scene, 0.16) + 0.12 * scene.nucleus)


def fibrillar_centers(scene: Scene, stains: Stains) -> Plane:
    """Return clusters of small dots within the nucleoli."""
    points = scene.scatter(scene.nucleoli**2, 1.6)
    weights = np.exp(0.4 * scene.generator.standard_normal(len(points)))
    dots = scene.dots(points, weights, 0.16)
    return _interphase(scene, dots + 0.10 * scene.nucleus + 0.08 * scene.nucleoli)


def nuclear_speckles(scene: Scene, stains: Stains) -> Plane:
    """Return many irregular patches in each nucleus, none in its nucleoli."""
    field = scene.noise(1.25) + np.float32(0.35) * scene.noise(0.45)
    patches = np.clip((field - np.float32(0.75)) / np.float32(0.5), 0, 1)
    deep = np.clip(-scene.maps.shell / np.float32(0.8), 0, 1)
    plane = patches * deep * (1 - scene.nucleoli)
    return _interphase(scene, plane + 0.15 * scene.nucleus * (1 - scene.nucleoli))


def nuclear_bodies(scene: Scene, stains: Stains) -> Plane:
    """Return a few small round dots in each nucleus."""
    deep = (scene.maps.shell < -0.7) * (1 - scene.nucleoli) * (1 - scene.round_up)
    points = scene.scatter(deep * np.minimum(scene.vary(0.4), 2), 0.045)
    weights = np.exp(0.35 * scene.generator.standard_normal(len(points)))
    return _interphase(scene, scene.dots(points, weights, 0.26) + 0.10 * scene.nucleus)


def endoplasmic_reticulum(scene: Scene, stains: Stains) -> Plane:
    """Return the reticulum of the yellow channel, with a grain of its own."""
    return stains.reticulum * np.clip(_bump(scene, 0.18), 0.1, 2) * np.float32(1.6)


def golgi(scene: Scene, stains: Stains) -> Plane:
    """Return a compact ribbon on one side of each nucleus."""
    starts, headings = _around_centrosomes(scene, 16, 1.7)
    points, weights = scene.grow(RIBBON, starts, headings)
    weights = weights * np.exp(0.3 * scene.generator.standard_normal(weights.shape[1]))
    ribbon = scene.lines(points, weights, 0.17)
    bits = scene.scatter(scene.inside * scene.around_nucleus(4.0) * (scene.maps.shell > 0), 0.02)
    dots = scene.dots(bits, np.full(len(bits), 0.35), 0.18)
    ribbon = np.float32(2.5) * ribbon / (ribbon + np.float32(1.5)) * (1 - scene.nucleus)
    return (ribbon + dots + 0.05 * scene.inside) * (1 - np.float32(0.5) * scene.round_up)


def intermediate_filaments(scene: Scene, stains: Stains) -> Plane:
    """Return a wavy mesh, tight around the nucleus and open towards the edge."""
    outside = np.clip(scene.maps.shell, 0, 1) * (1 - scene.round_up)
    starts = scene.scatter(scene.inside * outside * (0.08 + scene.around_nucleus(3.5)), 0.75)
    headings = scene.generator.uniform(0, 2 * np.pi, len(starts))
    points, weights = scene.grow(INTERMEDIATE, starts, headings)
    weights = weights * np.exp(0.5 * scene.generator.standard_normal(weights.shape[1]))
    plane = scene.lines(points, weights, 0.07) * (1 - np.float32(0.75) * scene.nucleus)
    haze = np.float32(0.35) * scene.soften(plane, 0.8)
    return (plane + haze) * np.float32(0.35) + np.float32(0.25) * scene.round_up


def actin_filaments(scene: Scene, stains: Stains) -> Plane:
    """Return straight parallel stress fibres across each cell, and its cortex."""
    generator, population = scene.generator, scene.population
    starts = scene.scatter(scene.inside * (1 - scene.round_up), 0.13)
    owner = scene.owners(starts)
    fan = generator.normal(0, 0.07, len(starts)) + np.pi * (generator.random(len(starts)) < 0.5)
    points, weights = scene.grow(STRESS_FIBRE, starts, population.axes[owner] + fan)
    weights = weights * np.exp(0.6 * generator.standard_normal(weights.shape[1]))
    fibres = scene.lines(points, weights, 0.11) * np.float32(0.5)
    cortex = _outline(scene, 0.25) * np.clip(1 + np.float32(0.4) * scene.noise(3.0), 0.2, 2)
    beads = np.clip(1 + np.float32(0.25) * scene.noise(0.6), 0.3, 2)
    return (fibres * beads + np.float32(0.55) * cortex) + np.float32(0.08) * scene.inside


def microtubules(scene: Scene, stains: Stains) -> Plane:
    """Return the filaments of the red channel, with a grain of their own."""
    return stains.microtubules * np.clip(_bump(scene, 0.12), 0.1, 2)


def mitotic_spindle(scene: Scene, stains: Stains) -> Plane:
    """Return the spindle of the cells in metaphase; the others show little."""
    rest = stains.microtubules * (1 - scene.round_up)
    return spindle(scene) + np.float32(0.12) * scene.inside + np.float32(0.08) * rest


def centrosome(scene: Scene, stains: Stains) -> Plane:
    """Return one or two dots beside each nucleus, where its microtubules meet."""
    generator, population = scene.generator, scene.population
    one = population.centrosomes
    pair = one + generator.normal(0, 0.6, one.shape)
    axis = np.stack([np.sin(population.axes), np.cos(population.axes)], axis=-1) * 5.0
    poles = population.mitotic[:, None]
    one, pair = np.where(poles, one - axis, one), np.where(poles, one + axis, pair)
    doubled = (generator.random(len(one)) < 0.6) | population.mitotic
    points = np.concatenate([one, pair[doubled]]).astype(np.float32)
    weights = generator.uniform(0.7, 1.3, len(points)).astype(np.float32)
    cloud = scene.dots(points, weights, 0.9) * np.float32(0.12)
    return scene.dots(points, weights, 0.22) + cloud + np.float32(0.07) * scene.inside


def plasma_membrane(scene: Scene, stains: Stains) -> Plane:
    """Return each cell's outline with ruffles, brighter where cells touch."""
    edges = (scene.maps.edge < 0.5) & (scene.maps.cells > 0)
    spots = np.clip(scene.noise(4.0) + np.float32(0.3), 0, 1)
    starts = scene.scatter(edges * spots, 0.9)
    headings = scene.generator.uniform(0, 2 * np.pi, len(starts))
    points, weights = scene.grow(VILLUS, starts, headings)
    ruffles = scene.lines(points, weights, 0.10) * np.float32(0.5)
    touch = 1 + np.float32(0.7) * scene.maps.contact
    line = _outline(scene, 0.17) * touch * np.clip(1 + np.float32(0.4) * scene.noise(2.0), 0.2, 2)
    top = np.clip(_bump(scene, 0.2), 0, 2) * scene.inside
    return line + ruffles + np.float32(0.12) * top


def mitochondria(scene: Scene, stains: Stains) -> Plane:
    """Return short winding threads, denser around the nucleus."""
    outside = (scene.maps.shell > 0.4) * (scene.maps.edge > 1.0)
    near = np.float32(0.12) + scene.around_nucleus(5.0)
    starts = scene.scatter(outside * near * np.minimum(scene.vary(0.3), 2), 0.42)
    away = starts - scene.population.nuclei[scene.owners(starts)]
    turn = scene.generator.normal(0, 0.9, len(starts))
    headings = np.arctan2(away[:, 0], away[:, 1]) + turn
    points, weights = scene.grow(MITOCHONDRION, starts, headings)
    weights = weights * np.exp(0.35 * scene.generator.standard_normal(weights.shape[1]))
    plane = scene.lines(points, weights, 0.16) * (1 - scene.nucleus)
    return np.float32(1.6) * plane / (plane + np.float32(1.0)) + np.float32(0.04) * scene.inside


def aggresome(scene: Scene, stains: Stains) -> Plane:
    """Return one large bright inclusion beside each nucleus."""
    generator = scene.generator
    middles = scene.population.centrosomes
    middles = middles + (middles - scene.population.nuclei) * 0.2
    weights = generator.uniform(0.5, 1.2, len(middles)) * ~scene.population.mitotic
    parts = np.repeat(middles, 14, axis=0) + generator.normal(0, 0.55, (14 * len(middles), 2))
    plane = scene.dots(parts.astype(np.float32), np.repeat(weights, 14) * 0.3, 0.5)
    bits = scene.scatter(scene.inside * (scene.maps.shell > 0.5), 0.02)
    dots = scene.dots(bits, np.full(len(bits), 0.25), 0.2)
    body = np.clip(plane, 0, 1) * np.clip(_bump(scene, 0.12), 0.3, 2)
    return body + dots + np.float32(0.09) * scene.inside


def cytosol(scene: Scene, stains: Stains) -> Plane:
    """Return cytoplasm filled evenly but for small holes, with a dim nucleus."""
    thick = np.clip(scene.maps.edge / np.float32(4.0), 0, 1) ** np.float32(0.6)
    thick *= np.float32(0.55) + np.float32(0.45) * scene.around_nucleus(7.0)
    holes = 1 - np.clip(scene.noise(0.9) - np.float32(1.2), 0, 1)
    body = thick * holes * _bump(scene, 0.1)
    return body * (1 - np.float32(0.8) * scene.nucleus) * scene.inside


def vesicles(scene: Scene, stains: Stains) -> Plane:
    """Return many small dots of unlike brightness through the cytoplasm."""
    outside = (scene.maps.shell > 0.3) * scene.inside
    plane = np.float32(0.04) * scene.inside
    spread = outside * (np.float32(0.3) + scene.around_nucleus(5.0)) * scene.vary(0.4)
    for sigma, density in ((0.10, 0.30), (0.20, 0.13), (0.33, 0.03)):
        points = scene.scatter(spread, density)
        weights = np.exp(0.6 * scene.generator.standard_normal(len(points))) * 0.7
        plane = plane + scene.dots(points, weights, sigma)
    return np.float32(1.5) * plane / (plane + np.float32(0.8))


def negative(scene: Scene, stains: Stains) -> Plane:
    """Return what an antibody that binds nothing leaves: a dim haze over the cells."""
    haze = scene.soften(scene.inside * scene.around_nucleus(9.0), 1.5)
    return haze * np.clip(1 + np.float32(0.3) * scene.noise(1.5), 0, 2) * np.float32(0.07)


def _outline(scene: Scene, sigma: float) -> Plane:
    line = np.exp(np.square(scene.maps.edge / np.float32(sigma)) * np.float32(-0.5))
    return line * scene.inside


def _around_centrosomes(scene: Scene, each: int, spread: float) -> tuple[Plane, Plane]:
    """Return starts beside the nuclei, and headings along the nuclear envelopes."""
    population, generator = scene.population, scene.generator
    away = population.centrosomes - population.nuclei
    along = away[:, ::-1] * (1, -1) / np.hypot(*away.T)[:, None].clip(1)
    sideways = generator.normal(0, spread, (len(away), each, 1))
    outward = np.abs(generator.normal(0, 0.7, (len(away), each, 1)))
    unit = away / np.hypot(*away.T)[:, None].clip(1)
    starts = population.centrosomes[:, None] + sideways * along[:, None] + outward * unit[:, None]
    heading = np.arctan2(along[:, 0], along[:, 1])
    headings = np.repeat(heading, each) + generator.normal(0, 0.6, len(away) * each)
    return starts.reshape(-1, 2).astype(np.float32), headings.astype(np.float32)


PATTERNS: tuple[Callable[[Scene, Stains], Plane], ...] = (
    nucleoplasm,
    nuclear_membrane,
    nucleoli,
    fibrillar_centers,
    nuclear_speckles,
    nuclear_bodies,
    endoplasmic_reticulum,
    golgi,
    intermediate_filaments,
    actin_filaments,
    microtubules,
    mitotic_spindle,
    centrosome,
    plasma_membrane,
    mitochondria,
    aggresome,
    cytosol,
    vesicles,
    negative,
)
"""By label number."""
