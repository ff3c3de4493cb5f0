"""Synthetic field of view: cells, four stains, optics, camera."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsmear.data.labels import LABELS
from unsmear.errors import OptionError
from unsmear.synthetic import scene as scene_
from unsmear.synthetic.label_frequencies import NEGATIVE
from unsmear.synthetic.patterns import PATTERNS
from unsmear.synthetic.scene import PSF, Scene
from unsmear.synthetic.stains import Stains, stain
from unsmear.synthetic.texture import Plane, blur

SPINDLE = 11
SMALLEST, LARGEST = 16, 16384
"""Smallest and largest side of a field in pixels."""


@dataclass(frozen=True, eq=False)
class Field:
    """A synthetic field and its ground truth.

    planes: (channel, y, x) in counts, uint8 or uint16; red, green, blue, yellow.
    cells, nuclei: (y, x) uint16 masks, 0 outside; a cell and its nucleus have the same number.
    labels: of the green channel; pixel_size: micrometres.
    """

    planes: NDArray[Any]
    cells: NDArray[np.uint16]
    nuclei: NDArray[np.uint16]
    labels: tuple[int, ...]
    pixel_size: float


def draw_field(
    generator: np.random.Generator,
    size: tuple[int, int] = (512, 512),
    labels: tuple[int, ...] = (0, 16),
    pixel_size: float = 0.16,
    bits: int = 8,
) -> Field:
    """Return a field of cells whose protein lies where the labels say.

    size: (y, x) in pixels; labels: numbers from 0 to 18, "Negative" only alone;
    pixel_size: micrometres; bits: 8 or 16 a count.

    The same state of the generator gives the same field; the labels change its green channel
    and, with "Mitotic spindle", the cell in the middle.

    Raises OptionError for an option out of its range.
    """
    check(size, labels, pixel_size, bits)
    scene = scene_.build(generator, size, pixel_size, dividing=SPINDLE in labels)
    stains = stain(scene)
    green = protein(scene, labels, stains)
    if labels != (NEGATIVE,):
        green = _expose(green, generator)
    red, blue, yellow = (
        _expose(plane, generator)
        for plane in (stains.microtubules, stains.nuclei, stains.reticulum)
    )
    units = (red, green, blue, yellow)
    planes = [_photograph(plane, generator, pixel_size, bits) for plane in units]
    return Field(np.stack(planes), scene.maps.cells, scene.maps.nuclei, labels, pixel_size)


def check(size: tuple[int, int], labels: tuple[int, ...], pixel_size: float, bits: int) -> None:
    """Raise OptionError for invalid arguments of `draw_field`."""
    if not all(SMALLEST <= length <= LARGEST for length in size):
        raise OptionError(f"size must be from {SMALLEST} to {LARGEST} pixels, got {size}.")
    if not labels or len(set(labels)) < len(labels) or not set(labels) <= set(range(len(LABELS))):
        raise OptionError(f"labels must be different numbers from 0 to 18, got {labels}.")
    if NEGATIVE in labels and len(labels) > 1:
        raise OptionError(
            f"labels must be {NEGATIVE} (Negative) alone or without it, got {labels}."
        )
    if not 0.03 <= pixel_size <= 1.0:
        raise OptionError(f"pixel size must be from 0.03 to 1 micrometre, got {pixel_size:g}.")
    if bits not in (8, 16):
        raise OptionError(f"bits must be 8 or 16, got {bits}.")


def protein(scene: Scene, labels: tuple[int, ...], stains: Stains) -> Plane:
    """Return the green channel: a mixture of the labels' patterns that varies by cell."""
    generator = scene.generator
    shares = generator.uniform(0.6, 1.0, len(labels))
    shares[generator.integers(len(labels))] = 1.0
    green = np.zeros(scene.shape, np.float32)
    for label, share in zip(labels, shares, strict=True):
        brightness = scene.vary(0.18) if len(labels) > 1 else np.float32(1)
        # Outside the cells, where filaments' and dots' halos end, the pattern keeps its value.
        outside = (scene.maps.cells == 0) if len(labels) > 1 else np.float32(0)
        green += PATTERNS[label](scene, stains) * np.float32(share) * (brightness + outside)
    expression = scene.vary(generator.uniform(0.15, 0.5))
    green *= expression + (scene.maps.cells == 0)
    haze = generator.uniform(0.005, 0.04) * scene.soften(scene.inside, 1.0)
    leak = generator.uniform(0.04, 0.12) * scene.soften(green, 1.2)
    return np.asarray(green + haze + leak, np.float32)


def _expose(plane: Plane, generator: np.random.Generator) -> Plane:
    """Return the plane scaled so that few pixels are near saturation, as a microscopist would."""
    often, rare = np.percentile(plane[::3, ::3], (99.5, 99.95))
    brightest = max(float(often), 0.7 * float(rare), 0.05)
    return plane * np.float32(generator.uniform(0.65, 1.0) / brightest)


def _photograph(
    units: Plane, generator: np.random.Generator, pixel_size: float, bits: int
) -> NDArray[Any]:
    """Return counts: the plane behind the optics, with photon noise, read noise and offset."""
    photons = np.exp(generator.uniform(np.log(150), np.log(1500)))
    read = generator.uniform(1.0, 4.0)
    offset = generator.uniform(0.0, 0.02)
    background = generator.uniform(0.0, 0.02)
    photographed = np.maximum(blur(units, PSF / pixel_size), 0) + np.float32(background)
    noise = generator.standard_normal(units.shape, dtype=np.float32)
    noise *= np.sqrt(photographed * np.float32(1 / photons) + np.float32((read / photons) ** 2))
    top = 255 if bits == 8 else 65535
    counts = (photographed + noise + np.float32(offset)) * np.float32(top) + np.float32(0.5)
    return np.asarray(np.clip(counts, 0, top), np.uint8 if bits == 8 else np.uint16)
