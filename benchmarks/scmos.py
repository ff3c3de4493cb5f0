"""Measure what the calibration maps of an sCMOS camera are worth.

    python benchmarks/scmos.py [--data ../shared/data]

Writes scmos.md beside this file: four real fields, moved by a kernel that is not from the package
and recorded by a simulated camera, restored without and with its maps.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.signal import fftconvolve

import unsmear
from benchmarks.common import table
from benchmarks.common.images import kernel
from benchmarks.common.table import FIELDS, Plane, plane_of

LENGTH, ANGLE = 10.0, 30.0
PHOTONS = (100, 1000)
WAYS: dict[str, tuple[str, ...]] = {
    "no map": (),
    "variance": ("variance",),
    "offset": ("offset",),
    "offset and gain": ("offset", "gain"),
    "all": ("offset", "gain", "variance"),
}
NOTE = """
Gain in dB of the restored over the recorded image, both with the camera's own offset and gain taken
out before they are scored, so that the pattern itself counts nowhere; one plane of each field, at
most 256 px, at most so many photoelectrons a pixel. The camera: offset 100 counts, with 1.5 counts
of spread between pixels and 3 between columns; 2.2 counts per photoelectron, with 3 % and 1 %; read
noise 1.2 electrons, log-normal, 1 % of the pixels an exponential of mean 8 times noisier. *-* was
left alone.
"""
Maps = dict[str, Plane]


def main() -> None:
    """Measure, print and write the table."""
    columns = ["kernel", "photons", "field", *WAYS]
    table.write(
        Path(__file__), __doc__.splitlines()[0], "Maps of an sCMOS camera", NOTE, columns, rows
    )


def rows(data: Path) -> Iterator[str]:
    """Yield the rows of the table."""
    fields = {name: plane_of(data, name) for name in FIELDS}
    for blind, photons in product((False, True), PHOTONS):
        means = []
        for seed, (name, sharp) in enumerate(fields.items()):
            gains = gains_of(sharp * photons, np.random.default_rng(seed), blind)
            means.append(gains)
            yield _row(blind, photons, name, gains)
        yield _row(blind, photons, "**mean**", np.mean(means, axis=0).tolist())


def gains_of(sharp: Plane, generator: np.random.Generator, blind: bool) -> list[float]:
    """Return the gain of each way, dB. sharp: photoelectrons."""
    moved = fftconvolve(np.pad(sharp, 20, mode="reflect"), kernel(LENGTH, ANGLE), mode="valid")
    maps = camera(sharp.shape, generator)
    recorded = expose(moved, maps, generator)
    motion = None if blind else unsmear.Motion(LENGTH, ANGLE)
    before = score(sharp, light(recorded, maps))
    gains = []
    for names in WAYS.values():
        known = unsmear.CameraMaps(**{name: maps[name] for name in names}) if names else None
        restored = unsmear.restore(recorded, motion, camera=known)
        gain = score(sharp, light(restored.image, maps)) - before
        gains.append(gain if restored.touched else 0.0)
    return gains


def camera(shape: tuple[int, ...], generator: np.random.Generator) -> Maps:
    """Return the maps of a camera: offset (counts), gain (counts per electron), variance."""
    normal, row = generator.standard_normal, (1, shape[1])
    read = 1.2 * np.exp(0.3 * normal(shape))
    noisy = generator.random(shape) < 0.01
    read[noisy] *= 1 + generator.exponential(8, int(noisy.sum()))
    gain = 2.2 * (1 + 0.03 * normal(shape)) * (1 + 0.01 * normal(row))
    offset = 100 + 1.5 * normal(shape) + 3 * normal(row)
    return {"offset": offset, "gain": gain, "variance": (read * gain) ** 2}


def expose(electrons: Plane, maps: Maps, generator: np.random.Generator) -> NDArray[np.uint16]:
    """Return what the camera records, counts."""
    noise = np.sqrt(maps["variance"]) * generator.standard_normal(electrons.shape)
    signal = maps["gain"] * generator.poisson(electrons.clip(0)) + maps["offset"]
    return np.rint(signal + noise).clip(0, 65535).astype(np.uint16)


def light(counts: NDArray[np.generic], maps: Maps) -> Plane:
    """Return counts as electrons."""
    return np.asarray((counts - maps["offset"]) / maps["gain"], np.float64)


def score(sharp: Plane, image: Plane) -> float:
    """Return the PSNR away from the border, dB."""
    inner = np.s_[16:-16, 16:-16]
    return unsmear.psnr(sharp[inner], image[inner], data_range=float(sharp.max()))


def _row(blind: bool, photons: int, name: str, gains: list[float]) -> str:
    cells = (f"{gain:+.2f}" if gain else "-" for gain in gains)
    return f"| {'estimated' if blind else 'given'} | {photons} | {name} | {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
