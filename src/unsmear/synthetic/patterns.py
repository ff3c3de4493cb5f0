"""Protein patterns of the 19 labels: one function per label.

Each takes a scene and its reference channels, and returns a float32 plane in normalised intensity,
about 0 to 1, without haze, optics or noise.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from unsmear.synthetic.filaments import Gait
from unsmear.synthetic.scene import Scene
from unsmear.synthetic.stains import Stains, spindle
from unsmear.synthetic.texture import Plane, bell, clip, saturate

INTERMEDIATE = Gait(length=8.0, spread=0.5, bend=0.6, persistence=1.2, avoid=0.6, wall=0.2)
STRESS_FIBRE = Gait(length=14.0, spread=0.45, bend=0.012, persistence=20.0, avoid=0.15)
MITOCHONDRION = Gait(length=2.4, spread=0.6, bend=0.9, persistence=0.9, avoid=0.7, step=0.25)
VILLUS = Gait(length=1.3, spread=0.5, bend=0.8, persistence=0.8, avoid=0.0, step=0.2)


def nucleoplasm(scene: Scene, stains: Stains) -> Plane:
    """Return nuclei filled evenly, but for the nucleoli."""
    filled = scene.nucleus * (1 - np.float32(0.7) * scene.nucleoli)
    return _interphase(scene, filled * scene.grain(0.12))


def nuclear_membrane(scene: Scene, stains: Stains) -> Plane:
    """Return a thin uneven line around each nucleus, with folds across some."""
    uneven = clip(1 + np.float32(0.35) * scene.noise(1.0), 0.2, 2)
    folds = bell(scene.noise(6.0), 0.03) * clip(scene.noise(5.0) - np.float32(0.5), 0, 1)
    faint = scene.nucleus * (np.float32(0.10) + np.float32(0.5) * folds) * scene.grain(0.15)
    return _interphase(scene, scene.rim(0.16) * uneven + faint)


def nucleoli(scene: Scene, stains: Stains) -> Plane:
    """Return one to five bright uneven bodies in each nucleus."""
    faint = np.float32(0.12) * scene.nucleus * scene.grain(0.12)
    return _interphase(scene, scene.nucleoli * scene.grain(0.18) + faint)


def fibrillar_centers(scene: Scene, stains: Stains) -> Plane:
    """Return clusters of small dots within the nucleoli."""
    points = scene.scatter(np.square(scene.nucleoli), 1.3)
    dots = scene.dots(points, scene.spread(0.4, len(points)), 0.14)
    dots += scene.nucleus * (np.float32(0.07) + np.float32(0.10) * scene.nucleoli)
    return _interphase(scene, dots * scene.grain(0.12))


def nuclear_speckles(scene: Scene, stains: Stains) -> Plane:
    """Return many irregular patches in each nucleus, none in its nucleoli."""
    field = scene.noise(1.0) + np.float32(0.3) * scene.noise(0.4)
    patches = clip((field - np.float32(0.7)) / np.float32(0.9), 0, 1)
    deep = clip(-scene.maps.shell / np.float32(0.8), 0, 1)
    plane = patches * deep + np.float32(0.13) * scene.nucleus * scene.grain(0.12)
    return _interphase(scene, plane * (1 - scene.nucleoli))


def nuclear_bodies(scene: Scene, stains: Stains) -> Plane:
    """Return a few small round dots in each nucleus."""
    apart = clip(1 - 4 * scene.soften(scene.nucleoli, 0.4), 0, 1)
    deep = (scene.maps.shell < -0.7) * apart * (1 - scene.round_up)
    plane = np.float32(0.08) * scene.nucleus * scene.grain(0.12)
    for sigma, density in ((0.18, 0.03), (0.28, 0.03)):
        points = scene.scatter(deep * np.minimum(scene.vary(0.4), 2), density)
        plane += scene.dots(points, scene.spread(0.3, len(points)), sigma)
    return _interphase(scene, plane)


def endoplasmic_reticulum(scene: Scene, stains: Stains) -> Plane:
    """Return the reticulum of the yellow channel, with a grain of its own."""
    return stains.reticulum * scene.grain(0.18) * np.float32(1.6)


def golgi(scene: Scene, stains: Stains) -> Plane:
    """Return a compact lace of ribbons on one side of each nucleus."""
    starts, undivided = _beside_nuclei(scene, 26, float(scene.generator.uniform(1.3, 2.8)))
    mass = clip(scene.dots(starts, undivided * np.float32(0.35), 0.55), 0, 1)
    lace = bell(scene.noise(1.3), 0.45) * clip(1 + np.float32(0.3) * scene.noise(0.5), 0.3, 2)
    outside = clip(scene.maps.shell / np.float32(0.3), 0, 1)
    near = scene.inside * scene.around_nucleus(3.0) + np.float32(0.5) * scene.round_up
    bits = scene.scatter(near * (scene.maps.shell > 0), 0.04)
    dots = scene.dots(bits, scene.spread(0.5, len(bits)) * np.float32(0.3), 0.15)
    return mass * (lace + np.float32(0.12)) * outside + dots + _faint(scene, 0.05)


def intermediate_filaments(scene: Scene, stains: Stains) -> Plane:
    """Return a wavy mesh, tight around the nucleus and open towards the edge."""
    outside = clip(scene.maps.shell, 0, 1) * (1 - scene.round_up) * scene.inside
    starts = scene.scatter(outside * (np.float32(0.06) + scene.around_nucleus(3.0)), 1.1)
    headings = scene.generator.uniform(0, 2 * np.pi, len(starts))
    points, weights = scene.grow(INTERMEDIATE, starts, headings)
    plane = scene.lines(points, weights * scene.spread(0.5, weights.shape[1]), 0.08)
    plane *= 1 - np.float32(0.75) * scene.nucleus
    haze = np.float32(0.45) * scene.soften(plane, 0.8)
    return (plane + haze) * np.float32(0.35) + np.float32(0.25) * scene.round_up


def actin_filaments(scene: Scene, stains: Stains) -> Plane:
    """Return straight parallel stress fibres across each cell, and its cortex."""
    generator = scene.generator
    starts = scene.scatter(scene.inside * (1 - scene.round_up), 0.15)
    fan = generator.normal(0, 0.08, len(starts)) + np.pi * (generator.random(len(starts)) < 0.5)
    headings = scene.population.axes[scene.owners(starts)] + fan
    points, weights = scene.grow(STRESS_FIBRE, starts, headings)
    fibres = scene.lines(points, weights * scene.spread(0.6, weights.shape[1]), 0.10)
    fibres *= clip(1 + np.float32(0.25) * scene.noise(0.6), 0.3, 2) * np.float32(0.5)
    cortex = _outline(scene, 0.25) * clip(1 + np.float32(0.4) * scene.noise(3.0), 0.2, 2)
    return fibres + np.float32(0.5) * cortex + _faint(scene, 0.10)


def microtubules(scene: Scene, stains: Stains) -> Plane:
    """Return the filaments of the red channel, with a grain of their own."""
    return stains.microtubules * scene.grain(0.12)


def mitotic_spindle(scene: Scene, stains: Stains) -> Plane:
    """Return the spindle of the cells in metaphase; the others show little."""
    rest = stains.microtubules * (1 - scene.round_up)
    return spindle(scene) + np.float32(0.08) * rest + _faint(scene, 0.15)


def centrosome(scene: Scene, stains: Stains) -> Plane:
    """Return one or two dots beside each nucleus, where its microtubules meet."""
    generator, population = scene.generator, scene.population
    centres = population.centrosomes
    pair = centres + generator.normal(0, 0.6, centres.shape)
    axis = np.stack([np.sin(population.axes), np.cos(population.axes)], axis=-1) * 5.0
    poles = population.mitotic[:, None]
    centres, pair = np.where(poles, centres - axis, centres), np.where(poles, centres + axis, pair)
    doubled = (generator.random(len(centres)) < 0.6) | population.mitotic
    points = np.concatenate([centres, pair[doubled]])
    weights = generator.uniform(0.7, 1.3, len(points))
    cloud = scene.dots(points, weights, 0.9) * np.float32(0.12)
    return scene.dots(points, weights, 0.20) + cloud + _faint(scene, 0.10)


def plasma_membrane(scene: Scene, stains: Stains) -> Plane:
    """Return each cell's outline with ruffles, brighter where cells touch."""
    ruffled = float(scene.generator.uniform(0.2, 1.0))
    edges = _outline(scene, 1.0) + np.float32(0.02) * scene.inside
    starts = scene.scatter(edges * clip(scene.noise(4.0) + np.float32(0.3), 0, 1), 1.5)
    headings = scene.generator.uniform(0, 2 * np.pi, len(starts))
    points, weights = scene.grow(VILLUS, starts, headings)
    ruffles = scene.lines(points, weights * scene.spread(0.4, weights.shape[1]), 0.10)
    uneven = clip(1 + np.float32(0.4) * scene.noise(2.0), 0.2, 2)
    line = _outline(scene, 0.17) * uneven * (1 + np.float32(0.7) * scene.maps.contact)
    line += ruffles * np.float32(0.6 * ruffled)
    top = np.float32(0.10) * scene.grain(0.25) * scene.inside
    return np.asarray(line + top, np.float32)


def mitochondria(scene: Scene, stains: Stains) -> Plane:
    """Return short winding threads, denser around the nucleus."""
    outside = (scene.maps.shell > 0.4) * (scene.maps.edge > 0.8) * np.minimum(scene.vary(0.3), 2)
    starts = scene.scatter(outside * (np.float32(0.12) + scene.around_nucleus(5.0)), 0.75)
    away = starts - scene.population.nuclei[scene.owners(starts)]
    turn = scene.generator.normal(0, 0.9, len(starts))
    gait = replace(MITOCHONDRION, length=float(scene.generator.uniform(1.2, 3.5)))
    points, weights = scene.grow(gait, starts, np.arctan2(away[:, 0], away[:, 1]) + turn)
    plane = scene.lines(points, weights * scene.spread(0.45, weights.shape[1]), 0.13)
    return saturate(plane, 1.6) * (1 - np.float32(0.8) * scene.nucleus) + _faint(scene, 0.05)


def aggresome(scene: Scene, stains: Stains) -> Plane:
    """Return one large bright inclusion beside each nucleus."""
    generator, population = scene.generator, scene.population
    middles = population.centrosomes + (population.centrosomes - population.nuclei) * 0.15
    weights = generator.uniform(0.15, 0.4, len(middles)) * ~population.mitotic
    parts = np.repeat(middles, 14, axis=0) + generator.normal(0, 0.6, (14 * len(middles), 2))
    body = clip(scene.dots(parts, np.repeat(weights, 14), 0.5), 0, 1) * scene.grain(0.10)
    bits = scene.scatter(scene.inside * (scene.maps.shell > 0.5), 0.02)
    dots = scene.dots(bits, scene.spread(0.5, len(bits)) * np.float32(0.2), 0.17)
    return body + dots + _faint(scene, 0.12)


def cytosol(scene: Scene, stains: Stains) -> Plane:
    """Return cytoplasm filled evenly but for small holes, with a dim nucleus."""
    holes = 1 - clip(scene.noise(0.9) - np.float32(1.2), 0, 1)
    return _faint(scene, 1.0) * holes * (1 - np.float32(0.6) * scene.nucleus)


def vesicles(scene: Scene, stains: Stains) -> Plane:
    """Return many small dots of unlike brightness through the cytoplasm."""
    outside = (scene.maps.shell > 0.3) * scene.inside * scene.vary(0.4)
    weights = outside * (np.float32(0.25) + scene.around_nucleus(5.0))
    plane = _faint(scene, 0.06)
    for sigma, density in ((0.06, 0.45), (0.13, 0.22), (0.24, 0.03)):
        points = scene.scatter(weights, density)
        plane += scene.dots(points, scene.spread(0.7, len(points)) * np.float32(0.6), sigma)
    return saturate(plane, 2.0)


def negative(scene: Scene, stains: Stains) -> Plane:
    """Return what an antibody that binds nothing leaves: a dim haze over the cells."""
    haze = scene.soften(scene.inside * scene.around_nucleus(9.0), 1.5)
    return haze * clip(1 + np.float32(0.25) * scene.noise(1.5), 0, 2) * np.float32(0.07)


def _interphase(scene: Scene, plane: Plane) -> Plane:
    """Return a nuclear pattern, spread through the cytoplasm of the cells that divide."""
    spread = np.float32(0.25) * scene.round_up * (1 - scene.nucleus)
    return plane * (1 - scene.round_up) + spread


def _faint(scene: Scene, amount: float) -> Plane:
    """Return an uneven filling of the cells, thickest by the nucleus and dimmer in it."""
    thick = clip(scene.maps.edge / np.float32(4.0), 0, 1) ** np.float32(0.6)
    thick *= np.float32(0.55) + np.float32(0.45) * scene.around_nucleus(7.0)
    dim = 1 - np.float32(0.5) * scene.nucleus
    return thick * dim * scene.grain(0.12) * scene.inside * np.float32(amount)


def _outline(scene: Scene, sigma: float) -> Plane:
    return bell(scene.maps.edge, sigma) * scene.inside


def _beside_nuclei(scene: Scene, each: int, width: float) -> tuple[Plane, Plane]:
    """Return points along each nuclear envelope by its centrosome, and 0 where a cell divides."""
    population, generator = scene.population, scene.generator
    away = population.centrosomes - population.nuclei
    unit = (away / np.hypot(away[:, 0], away[:, 1])[:, None].clip(1))[:, None]
    along = unit[..., ::-1] * (1, -1)
    sideways = generator.normal(0, width, (len(away), each, 1))
    outward = generator.normal(0.2, 0.5, (len(away), each, 1))
    # A ribbon follows the envelope: the farther to its side, the nearer to the nucleus' middle.
    outward -= np.square(sideways) / 14
    points = population.centrosomes[:, None] + sideways * along + outward * unit
    undivided = np.repeat(~population.mitotic, each)
    return points.reshape(-1, 2).astype(np.float32), undivided.astype(np.float32)


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
"""Pattern functions by label number."""
