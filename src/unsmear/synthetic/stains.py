"""Reference channels: nuclei, microtubules, endoplasmic reticulum; in normalised intensity."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from unsmear.synthetic.filaments import Gait
from unsmear.synthetic.scene import Scene
from unsmear.synthetic.texture import Numbers, Plane, clip, net, saturate

MICROTUBULE = Gait(length=10.0, spread=0.5, bend=0.20, persistence=3.5, avoid=0.45, wall=0.3)


@dataclass(frozen=True, eq=False)
class Stains:
    """The reference channels of one scene; some proteins follow one of them."""

    microtubules: Plane
    nuclei: Plane
    reticulum: Plane


def stain(scene: Scene) -> Stains:
    """Return the reference channels of a scene."""
    return Stains(microtubules(scene), chromatin(scene), reticulum(scene))


def chromatin(scene: Scene) -> Plane:
    """Return nuclei with mottled chromatin, dim nucleoli, and the bright plates of metaphase."""
    mottled = 1 + 0.16 * scene.noise(0.7) + 0.13 * scene.noise(1.8) + 0.10 * scene.noise(0.3)
    spots = clip(scene.noise(0.8) - np.float32(1.6), 0, 1) * scene.vary(0.5)
    dim = 1 - np.float32(0.6) * scene.nucleoli
    edge = 1 + np.float32(0.2) * scene.rim(0.35)
    flat = scene.nucleus * clip(mottled * dim * edge + 0.5 * spots, 0, 3)
    gain = scene.vary(0.22) * (1 + np.float32(0.6) * scene.round_up)
    return flat * gain * np.float32(0.6)


def microtubules(scene: Scene) -> Plane:
    """Return filaments from the centrosomes and through the cytoplasm, and spindles."""
    starts, headings = _microtubule_starts(scene)
    points, weights = scene.grow(MICROTUBULE, starts, headings)
    weights = weights * _focus(scene, weights.shape)
    plane = scene.lines(points, weights)
    over = scene.by_cell(scene.generator.uniform(0.1, 0.6, len(scene.population)))
    plane *= 1 - (1 - over) * scene.nucleus
    plane *= 1 - scene.round_up
    haze = scene.soften(plane, 0.9) * np.float32(scene.generator.uniform(0.25, 0.7))
    return (plane * np.float32(0.45) + haze) * scene.vary(0.25) + spindle(scene)


def _microtubule_starts(scene: Scene) -> tuple[Plane, Plane]:
    """Return starts and headings: from each centrosome, and outwards from all over the cells."""
    generator = scene.generator
    still = scene.population.centrosomes[~scene.population.mitotic]
    each = 40
    centred = np.repeat(still, each, axis=0) + generator.normal(0, 0.4, (each * len(still), 2))
    around = generator.uniform(0, 2 * np.pi, len(centred))
    cytoplasm = (scene.maps.shell > 0) & (scene.round_up == 0)
    weights = (scene.maps.cells > 0) * (0.3 + cytoplasm * scene.around_nucleus(5.0))
    free = scene.scatter(weights, generator.uniform(0.9, 1.6))
    owner = scene.owners(free)
    away = free - scene.population.centrosomes[owner]
    along = scene.population.axes[owner] + np.pi * (generator.random(len(free)) < 0.5)
    outward = np.arctan2(away[:, 0], away[:, 1])
    pick = generator.random(len(free)) < 0.3
    headings = np.where(pick, along, outward) + generator.normal(0, 0.5, len(free))
    return (
        np.concatenate([centred, free]).astype(np.float32),
        np.concatenate([around, headings]).astype(np.float32),
    )


def _focus(scene: Scene, shape: tuple[int, ...]) -> Plane:
    """Return weights that rise and fall along filaments, as they cross the focal plane."""
    phase = scene.generator.uniform(0, 2 * np.pi, shape[1]).astype(np.float32)
    rate = scene.generator.uniform(0.05, 0.25, shape[1]).astype(np.float32)
    waves = np.sin(phase + rate * np.arange(shape[0], dtype=np.float32)[:, None])
    return np.asarray(scene.spread(0.4, shape[1]) * (0.65 + 0.35 * waves), np.float32)


def spindle(scene: Scene) -> Plane:
    """Return the spindles of the cells in metaphase: arcs from each pole to the plate."""
    dividing = np.flatnonzero(scene.population.mitotic).tolist()
    plane = np.float32(0.06) * scene.round_up * scene.inside
    if len(dividing) == 0:
        return plane
    arcs = [_arcs(scene, cell) for cell in dividing]
    weights = np.concatenate([weight for _, weight in arcs], axis=1)
    drawn = scene.lines(np.concatenate([points for points, _ in arcs], axis=1), weights, 0.05)
    return plane + saturate(drawn * np.float32(0.45), 2.5)


def _arcs(scene: Scene, cell: int) -> tuple[Numbers, Numbers]:
    """Return the points (step, arc, yx) of one cell's arcs and their weights (step, arc)."""
    generator, population = scene.generator, scene.population
    count, half = 90, generator.uniform(4.5, 5.8)
    along = np.array([np.sin(population.axes[cell]), np.cos(population.axes[cell])])
    across = along[::-1] * (-1, 1)
    u = np.linspace(-1, 1, 41)[:, None]
    bulge = generator.normal(0, 1.9, count) * (1 - u**2) ** 0.8
    points = population.centres[cell] + (u * half)[..., None] * along + bulge[..., None] * across
    reach = generator.uniform(0.6, 1.1, count)
    return points, (np.abs(u) > 1 - reach) * scene.spread(0.4, count)


def reticulum(scene: Scene) -> Plane:
    """Return a net of tubules, dense sheets by the nucleus, and the nuclear envelope."""
    body = _tubules(scene) * (1 - scene.around_nucleus(4.0) * np.float32(0.5))
    body += scene.around_nucleus(4.0) * np.float32(0.5) + np.float32(0.12)
    outside = clip(scene.maps.shell / np.float32(0.25) + np.float32(0.5), 0, 1)
    thin = clip(scene.maps.edge / np.float32(1.2), 0, 1)
    reach = float(scene.generator.uniform(3.5, 7.0))
    plane = body * (np.float32(0.2) + scene.around_nucleus(reach)) * outside * thin
    plane += np.float32(0.55) * scene.rim(0.18) * (1 - scene.round_up)
    plane *= _granular(scene)
    within = np.float32(scene.generator.uniform(0.05, 0.25)) * scene.nucleus
    plane += (np.float32(0.08) + within) * scene.inside * scene.grain(0.12)
    gain = scene.vary(0.3) * np.float32(0.5)
    return np.asarray(plane * scene.inside * gain, np.float32)


def _tubules(scene: Scene) -> Plane:
    """Return a net that is finer here and wider there."""
    fine = net(scene.generator, scene.shape, 0.85 / scene.pixel)
    wide = net(scene.generator, scene.shape, 1.7 / scene.pixel)
    open_ = clip(0.5 + np.float32(0.5) * scene.noise(3.0), 0, 1)
    return fine * (1 - open_) + wide * open_


def _granular(scene: Scene) -> Plane:
    """Return the graininess of a stained membrane, of random strength in each field."""
    amount = np.float32(scene.generator.uniform(0.25, 0.6))
    return clip(1 + amount * scene.noise(0.25) + np.float32(0.28) * scene.noise(2.5), 0.05, 2.5)
