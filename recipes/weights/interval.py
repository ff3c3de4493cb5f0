"""Fit the interval of trained restorers to what is known of an image, and write it to their cards.

    python -m recipes.weights.interval --data FOLDER [--into src/unsmear/weights] [--workers N]
        [--names NAME ...]

Conformal prediction in two levels: the factors of `Interval` bring the nine-tenths quantile of
each image's errors near its half-widths, where an interval that is too narrow costs more than one
that is too wide, and the scale then lets 99 % of the images hold four of five pixels.
Fields are those of training and calibration clusters, and synthetic cells, none a test cluster's.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from recipes.weights import datasets
from unsmear.blur import Blur, Kernel, Motion, Profile, Trajectory, convolve
from unsmear.checkpoints import checkpoint
from unsmear.estimate import families, fitting, likelihood, motion_fit, spectrum
from unsmear.images.scaling import Scaling
from unsmear.restoration import flux
from unsmear.restoration.learned import deep_wiener
from unsmear.restoration.learned.interval import (
    NORMAL,
    Interval,
    evened,
    left_in_texture,
    longer,
)

Array = NDArray[Any]

NAMES = ("deep-wiener", "deep-wiener-lean", "deep-wiener-fast")
FOLDERS = ("bbbc013_sbs", "bbbc022", "cp_human", "hpa", "hpa_cells", "nf1_schwann", "proticelli")
"""Data sets; cp_speckles has two files, which the benchmarks use."""
TURNS, STEP, FIRST = 3, 7, 1
"""Number of files of each data set, and which: the second, the ninth and so on."""
DRAWS = 8
"""Number of motions and cameras for each field."""
SIDE, MARGIN = 256, 48
"""Side of an image, and what continues beyond its border before the motion, pixels."""
BORDER = 6
"""Pixels at the border that are not counted."""
SAMPLED = 3000
"""Number of pixels of an image that are kept."""
LENGTHS = 3.5, 48.0
"""Range of the motions, pixels."""
LOST = 3.0
"""Difference of an estimated length, pixels, at which the motion is another one: a blind
restoration would have left it alone, or been wrong by more than an interval tells."""
NARROW = 8.0
"""How much more an interval that is too narrow costs than one that is too wide."""
COVERED, LEAST, IMAGES = 0.9, 0.8, 0.99
"""Share of an image's pixels that the interval should hold; that it must hold, in this share of the
images."""


@dataclass(frozen=True)
class Row:
    """What came of an image: sampled errors beside the network's evened half-widths, units.

    folder: its data set. texture: as `left_in_texture` gives it. reach: the kernel's extent over
    the longest trained motion, 1 or more.
    """

    folder: str
    errors: Array
    widths: Array
    texture: float
    reach: float

    def half_widths(self, interval: Interval) -> Array:
        """Return the half-widths that an interval gives the sampled pixels."""
        network = interval.scale * self.widths * self.reach**interval.longer
        return np.asarray(np.hypot(network, NORMAL * self.texture))


def fields(data: Path) -> Iterator[tuple[str, Array]]:
    """Yield data sets and planes (y, x) of clusters that are not those of tests."""
    files: dict[str, list[tuple[str, str]]] = {folder: [] for folder in FOLDERS}
    for row in sorted(datasets.manifest(data), key=lambda row: row["file"]):
        folder = row["file"].split("/")[0]
        if folder in files and datasets.split_of(row["group"]) != "test":
            files[folder].append((row["file"], row["group"]))
    drawn = datasets.synthetic("calibration")
    for turn in range(TURNS):
        place = STEP * turn + FIRST
        for folder, rows in files.items():
            file, group = rows[place % len(rows)]
            planes = list(datasets.planes_of(data / file, folder, group))
            yield folder, planes[turn % len(planes)].counts.astype(np.float64)
        yield "synthetic", drawn[place % len(drawn)].counts.astype(np.float64)


def crop(plane: Array, generator: np.random.Generator) -> Array:
    """Return the part with the third most contrast of nine, in [0, 1], turned by right angles."""
    factor = max(1, min(plane.shape) // 700)
    size = [side // factor for side in plane.shape[::-1]]
    plane = cv2.resize(plane, size, interpolation=cv2.INTER_AREA)
    side = SIDE + 2 * MARGIN
    lack = [max(0, side - length) for length in plane.shape]
    plane = np.pad(plane, [(n // 2, n - n // 2) for n in lack], mode="reflect")
    low, high = np.percentile(plane, (0.1, 99.97))
    plane = ((plane - low) / max(high - low, 1e-9)).clip(0, 1)
    rows, columns = (np.linspace(0, length - side, 3).astype(int) for length in plane.shape)
    parts = [plane[row : row + side, column : column + side] for row in rows for column in columns]
    part = sorted(parts, key=lambda part: -float(part.std()))[2]
    return np.ascontiguousarray(np.rot90(part, int(generator.integers(4))))


def draw(generator: np.random.Generator) -> tuple[Blur, bool]:
    """Return a random motion, and whether its kernel is given."""
    angle = float(generator.uniform(0, 180))
    length = float(np.exp(generator.uniform(*np.log(LENGTHS))))
    kind, given = generator.random(), bool(generator.random() < 0.25)
    if kind < 0.75:
        return Motion(length, angle), given
    if kind < 0.88:
        times = tuple(np.exp(generator.normal(0, 0.8, 5)).tolist())
        return Profile(float(np.clip(length, 8, 16)), angle, times), True
    extent, shake = float(generator.uniform(10, 40)), float(generator.uniform(0.15, 0.9))
    return Trajectory(extent, shake, int(generator.integers(2**31))), True


CAMERAS = {"8 bit": 0.25, "16 bit": 0.1, "photons": 0.4, "grain": 0.16, "jpeg": 0.09}
"""Cameras and their probabilities."""


def expose(light: Array, generator: np.random.Generator) -> tuple[Array, float, float]:
    """Return counts of light in [0, 1], and the offset and gain of its counts."""
    light = np.maximum(light, 0)
    camera = generator.choice(list(CAMERAS), p=list(CAMERAS.values()))
    if camera == "photons":
        full = float(np.exp(generator.uniform(*np.log((60, 6000)))))
        electrons = generator.poisson((light + 0.02) * full) + generator.normal(0, 1.5, light.shape)
        counts = np.rint(100 + 2 * electrons).clip(0, 65535)
        return counts.astype(np.uint16), 100 + 0.04 * full, 2 * full
    if camera in ("grain", "16 bit"):
        noise = generator.normal(size=light.shape)
        if generator.random() < 0.5:
            noise = cv2.GaussianBlur(noise, (0, 0), float(generator.uniform(0.6, 1.2)))
        sigma = generator.uniform(0.005, 0.03) / noise.std() if camera == "grain" else 0.0
        counts = np.rint(500 + 20000 * (light + sigma * noise)).clip(0, 65535)
        return counts.astype(np.uint16), 500.0, 20000.0
    counts = np.rint(5 + 240 * light).clip(0, 255).astype(np.uint8)
    if camera == "jpeg":
        quality = int(generator.integers(75, 96))
        packed = cv2.imencode(".jpg", counts, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        counts = np.asarray(cv2.imdecode(packed, cv2.IMREAD_UNCHANGED))
    return counts, 5.0, 240.0


def estimated(counts: Array, motion: Motion) -> Kernel | None:
    """Return the kernel of the likeliest motion near the true one; None where it is another."""
    measured = spectrum.measure(counts[None, None])
    if measured is None:
        return None
    problem = likelihood.Problem(measured, motion_fit.FINE)
    family = families.LINEAR_MOTION.up_to(motion_fit.LONGEST)
    fit = fitting.fit(problem, family, (motion.length, motion.angle), settle_texture=True)
    length, angle = fit.values
    return None if abs(length - motion.length) > LOST else Motion(length, angle).kernel()


def rows_of(item: tuple[int, str, Array], names: Sequence[str]) -> list[dict[str, Row]]:
    """Return what came of a field's images with each restorer; item: number, data set, plane."""
    number, folder, plane = item
    inside = slice(MARGIN, -MARGIN)
    found = []
    for index in range(DRAWS):
        generator = np.random.default_rng([91, index, number])
        scene = crop(plane, generator)
        if scene.std() < 0.03:
            continue
        blur, given = draw(generator)
        moved = convolve(scene.astype(np.float32), blur.kernel())
        counts, offset, gain = expose(moved, generator)
        counts, sharp = counts[inside, inside], offset + gain * scene[inside, inside]
        kernel = blur.kernel() if given or not isinstance(blur, Motion) else estimated(counts, blur)
        if kernel is not None:
            found.append({name: measure(name, folder, counts, sharp, kernel) for name in names})
    return found


def measure(name: str, folder: str, counts: Array, sharp: Array, kernel: Kernel) -> Row:
    """Return what came of an image, (y, x) counts."""
    scaling = Scaling.of(counts)
    units = scaling.to_units(np.ascontiguousarray(counts[None, None]))
    restorer = deep_wiener.fit(name, units, kernel)
    restored, widths = np.split(restorer.restore_with_uncertainty(units), 2, axis=1)
    restored = flux.conserve(restored, units)
    shown = scaling.to_counts(restored, counts.dtype)[0, 0].astype(np.float64)
    inside = slice(BORDER, -BORDER)
    errors = (np.abs(shown - sharp) / scaling.factor)[inside, inside].ravel()
    wide = evened(widths[0, 0])[inside, inside].ravel()
    sampled = np.random.default_rng(0).choice(errors.size, SAMPLED)
    reach = max(1.0, longer(kernel, 1.0))
    texture = left_in_texture(units[0, 0], kernel)
    return Row(folder, errors[sampled], wide[sampled], texture, reach)


def fit(rows: Sequence[Row]) -> Interval:
    """Return the factors for images, of which each data set counts alike."""
    counts = Counter(row.folder for row in rows)
    weights = np.array([1 / counts[row.folder] for row in rows]) / len(counts)

    def needed(interval: Interval, share: float) -> Array:
        ratios = [np.quantile(row.errors / row.half_widths(interval), share) for row in rows]
        return np.log(np.maximum(ratios, 1e-6))

    def cost(factors: Array) -> float:
        if factors.min() < 0:
            return float("inf")
        lack = needed(Interval(*factors), COVERED)
        return float((weights * np.where(lack > 0, NARROW, 1) * np.square(lack)).sum())

    scale, power = minimize(cost, (0.7, 0.5), method="Nelder-Mead", options={"maxiter": 200}).x
    widen = float(np.exp(np.quantile(needed(Interval(scale, power), LEAST), IMAGES)))
    return Interval(round(float(scale) * max(widen, 1.0), 3), round(float(power), 3))


def main() -> None:
    """Measure, fit, and write the cards."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--into", type=Path, default=checkpoint.SHIPPED)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--names", nargs="+", choices=NAMES, default=NAMES, help="of weights")
    options = parser.parse_args()
    planes = [(number, *field) for number, field in enumerate(fields(options.data))]
    with ProcessPoolExecutor(options.workers) as pool:
        found = list(pool.map(partial(rows_of, names=options.names), planes))
    for name in options.names:
        rows = [row[name] for several in found for row in several]
        interval = fit(rows)
        shares = [float((row.errors <= row.half_widths(interval)).mean()) for row in rows]
        path = options.into / f"{name}.json"
        card = json.loads(path.read_text())
        path.write_text(json.dumps(card | {"interval": asdict(interval)}, indent=2) + "\n")
        print(f"{name}: {interval}, holds {np.mean(shares):.1%} in {len(rows)} images")


if __name__ == "__main__":
    main()
