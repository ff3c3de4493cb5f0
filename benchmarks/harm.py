"""Count what the consistency check flags: good and bad tiles, and invented nuclei.

    .venv/bin/python benchmarks/harm.py [--data ../shared/data] [--method wiener]

Writes benchmarks/harm.md. What the check is and what the figures mean: docs/design/harm.md.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from unsmear import images
from unsmear.blur import Camera, Kernel, Motion, convolve
from unsmear.restoration import consistency, noise
from unsmear.restoration.flux import conserve
from unsmear.restoration.methods import METHODS

Array = NDArray[Any]
SIDE = 320
LENGTHS = (6, 12, 20)
CAMERAS = {
    "8 bit": Camera(),
    "100 photons": Camera(photons=100, read_noise=2, offset=8),
    "500 photons": Camera(photons=500, read_noise=2, offset=8),
    "10,000 photons": Camera(photons=10_000, read_noise=2, offset=8),
    "JPEG 90": Camera(),
}
SETS = {
    "hpa": ("hpa/*.png", None, 2),
    "proticelli": ("proticelli/*", "YXC", 2),
    "bbbc013": ("bbbc013_sbs/*.png", None, 2),
    "dsb2018": ("dsb2018_520x696/*.png", None, 3),
}
KERNELS = {
    "true kernel": (1.0, 0.0),
    "length 5 % off": (1.05, 0.0),
    "length 20 % too long": (1.2, 0.0),
    "length 20 % too short": (0.8, 0.0),
    "angle 15 degrees off": (1.0, 15.0),
}
NUCLEI = tuple(product((2, 5, 9), (0.05, 0.1, 0.3)))
"""Radius in pixels and height as a fraction of the range of the channel, 2 to 99.5 %."""


@dataclass(frozen=True)
class Scene:
    """A sharp image, (channel, y, x) in units, how it moved, and what a camera saw of it."""

    sharp: Array
    blurred: Array
    length: float
    angle: float

    def kernel(self, stretch: float = 1.0, turn: float = 0.0) -> Kernel:
        """Return the true kernel, or one that is off."""
        return Motion(self.length * stretch, self.angle + turn).kernel()


def read(data: Path) -> list[Array]:
    """Return the sharp images, units, at most SIDE pixels a side."""
    scenes = []
    for pattern, axes, count in SETS.values():
        for path in sorted(data.glob(pattern))[:count]:
            planes = images.read(path, axes).planes()[0].astype(np.float32)
            planes = (planes + 1) / 2 if axes else planes[:1] / 255  # these lie from -1 to 1
            top, left = ((side - SIDE) // 2 if side > SIDE else 0 for side in planes.shape[1:])
            scenes.append(planes[:, top : top + SIDE, left : left + SIDE].clip(0, 1))
    return scenes


def scenes(sharp: list[Array], camera_name: str) -> Iterator[Scene]:
    """Yield each image at each length, as this camera sees it."""
    camera = CAMERAS[camera_name]
    for (number, image), length in product(enumerate(sharp), LENGTHS):
        angle = (37 * number + 11 * length) % 180
        blurred = convolve(image, Motion(length, angle).kernel())
        counts = camera.expose(blurred, np.random.default_rng(number))
        if camera_name.startswith("JPEG"):
            counts = np.stack([_jpeg(plane, int(camera_name[5:])) for plane in counts])
        light = (camera.offset + image * (camera.white - camera.offset)) / 256
        yield Scene(light[None], (counts.astype(np.float32) / 256)[None], length, angle)


def _jpeg(plane: Array, quality: int) -> Array:
    written = cv2.imencode(".jpg", plane, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(written, cv2.IMREAD_GRAYSCALE))


def tiles(values: Array) -> Array:
    """Return means over the tiles of the check."""
    side = consistency.TILE
    sides = [-(-size // side) * side for size in values.shape[2:]]
    padded = np.full((*values.shape[:2], *sides), np.nan)
    padded[:, :, : values.shape[2], : values.shape[3]] = values
    cut = padded.reshape(*values.shape[:2], sides[0] // side, side, sides[1] // side, side)
    return np.asarray(np.nanmean(cut, axis=(3, 5)))


class Tally:
    """Counts of tiles and images for one row of the table."""

    def __init__(self) -> None:
        self.flagged: list[Array] = []
        self.worse: list[Array] = []
        self.refused: list[bool] = []
        self.gains: list[tuple[float, float]] = []

    def add(self, scene: Scene, restored: Array, kernel: Kernel, noises: list[Any]) -> None:
        """Check one restoration; as its own plain deconvolution it can only fall back to input."""
        checked = consistency.check(restored, scene.blurred, kernel, noises)
        mended, _ = consistency.fall_back(restored, restored, scene.blurred, checked, checked)
        errors = [np.square(way - scene.sharp) for way in (scene.blurred, restored, mended)]
        before, after = tiles(errors[0]), tiles(errors[1])
        self.flagged.append(~checked.explained.ravel())
        self.worse.append((after > 1.05 * before).ravel())
        self.refused.append(not checked.kernel_may_be_right.all())
        gains = [10 * np.log10(errors[0].mean() / max(way.mean(), 1e-12)) for way in errors[1:]]
        self.gains.append((float(gains[0]), float(gains[1])))

    def row(self, name: str) -> str:
        """Return the table's row."""
        flagged, worse = np.concatenate(self.flagged), np.concatenate(self.worse)
        gains = np.array(self.gains)
        right = f"{worse[flagged].mean():.0%}" if flagged.any() else "-"
        cells = [
            f"{flagged.mean():.2%}",
            f"{(flagged & ~worse).sum() / max((~worse).sum(), 1):.2%}",
            right,
            f"{np.mean(self.refused):.1%}",
            f"{(gains[:, 0] < 0).mean():.1%}",
            f"{(gains[:, 1] < -0.01).mean():.1%}",
            f"{gains[:, 0].mean():+.2f}",
            f"{gains[:, 1].mean():+.2f}",
        ]
        return f"| {name} | {' | '.join(cells)} |"


def made_up(scene: Scene, restored: Array, noises: list[Any]) -> dict[tuple[int, float], float]:
    """Return the fraction of a nucleus, added in the emptiest place, that is in flagged tiles."""
    plane = scene.blurred[0, 0]
    low, high = np.percentile(plane, (2, 99.5))
    edge = 32
    calm = cv2.blur(np.abs(plane - low), (49, 49))[edge:-edge, edge:-edge]
    row, column = np.array(np.unravel_index(calm.argmin(), calm.shape)) + edge
    y, x = np.indices(plane.shape)
    shares = {}
    for radius, height in NUCLEI:
        distance = (np.hypot(y - row, x - column) - radius) / 0.7
        nucleus = (high - low) * height / (1 + np.exp(np.minimum(distance, 50)))
        wrong = restored[:, :1] + nucleus.astype(np.float32)
        checked = consistency.check(wrong, scene.blurred[:, :1], scene.kernel(), noises[:1])
        flagged = np.kron(
            ~checked.explained[0, 0], np.ones((consistency.TILE, consistency.TILE), bool)
        )
        shares[radius, height] = float(
            nucleus[flagged[: len(y), : y.shape[1]]].sum() / nucleus.sum()
        )
    return shares


def main() -> None:
    """Measure, print and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--method", default="wiener")
    options = parser.parse_args()
    if not options.data.is_dir():
        sys.exit(f"{options.data} must be the folder of real images; name it with --data.")
    fit = METHODS[options.method].fit
    rows, nuclei = [], []
    sharp = read(options.data)
    for camera_name in CAMERAS:
        tallies = {name: Tally() for name in KERNELS}
        results: list[dict[tuple[int, float], float]] = []
        for scene in scenes(sharp, camera_name):
            planes = [scene.blurred[:, channel] for channel in range(scene.blurred.shape[1])]
            noises = [noise.measure(plane, noise.rounding(np.uint8, 256)) for plane in planes]
            for name, off in KERNELS.items():
                kernel = scene.kernel(*off)
                restored = conserve(
                    fit(scene.blurred, kernel).restore(scene.blurred), scene.blurred
                )
                tallies[name].add(scene, restored, kernel, noises)
                if off == (1.0, 0.0):
                    results.append(made_up(scene, restored, noises))
        rows += [tally.row(f"{camera_name}, {name}") for name, tally in tallies.items()]
        shares = [f"{np.mean([result[key] > 0.5 for result in results]):.0%}" for key in NUCLEI]
        nuclei.append(f"| {camera_name} | {' | '.join(shares)} |")
        print(*rows[-len(KERNELS) :], nuclei[-1], sep="\n", flush=True)
    heads = [f"r {radius} px, {height:.0%}" for radius, height in NUCLEI]
    page = [
        PAGE.format(method=options.method, count=len(sharp), side=SIDE, lengths=LENGTHS),
        *rows,
        "\n## Made-up nuclei that are flagged (more than half of their light)\n",
        f"| | {' | '.join(heads)} |",
        "|---" * (len(heads) + 1) + "|",
        *nuclei,
    ]
    Path(__file__).with_suffix(".md").write_text("\n".join(page) + "\n")


PAGE = """# What the re-blur check flags

`python benchmarks/harm.py`: {count} real images (HPA fields, proticelli cells, bbbc013, dsb2018) of
at most {side} pixels a side, movements of {lengths} px, restored by `{method}`. *Flagged*: tiles of
32x32 px that do not explain the blurred image; *of better*: the part flagged of those tiles that
the restoration did not make worse than blurred (by more than 5 % of squared error); *right*: the
part of the flagged that it did make worse. *Refused*: images of which too many tiles are flagged
for the kernel to be right; they come back as they were. *Worse*: images with less PSNR than
blurred, as restored and after falling back to the input; *gain*: their mean in dB over blurred, as
restored and after.

| | flagged | of better | right | refused | worse | worse after | gain | gain after |
|---|---|---|---|---|---|---|---|---|"""

if __name__ == "__main__":
    main()
