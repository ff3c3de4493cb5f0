"""Real test images not used in training, and blurs made without the package under test."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import tifffile
from numpy.typing import NDArray

from recipes.weights.datasets import split_of
from unsmear import images

Counts = NDArray[np.uint8]
"""Array (channel, y, x), 8 bit."""
WHITE = 255
EDGE = 32
"""Pixels at each side that the inner part of an image leaves out."""

LENGTHS = (4, 6, 10, 16, 20)
CLEAN, SHARP = "clean", "sharp"
RECIPE, STRETCHED = "recipe", "recipe stretched"
"""The paper's blur, without and with its stretch from the darkest to the brightest pixel."""
ROUNDING = 1 / math.sqrt(12)
"""Standard deviation in counts of what rounding to a whole number adds."""


@dataclass(frozen=True)
class Scene:
    """A sharp field or cell. folder: the data set's name in the tables. name: of the image."""

    folder: str
    name: str
    sharp: Counts


@dataclass(frozen=True)
class Cell:
    """One condition: length of the motion in pixels (0 is sharp), and camera noise."""

    length: int
    noise: str = CLEAN

    @property
    def title(self) -> str:
        """Title of the column."""
        if self.noise in (SHARP, RECIPE, STRETCHED):
            return self.noise
        return f"{self.length} px" + ("" if self.noise == CLEAN else f", {self.noise}")


NOISES = ("500 photons", "2000 photons", "JPEG 90")
CELLS = (
    *(Cell(length) for length in LENGTHS),
    *(Cell(length, noise) for noise in NOISES for length in (10, 16)),
    Cell(0, SHARP),
)
FEWER = (Cell(6), Cell(10), Cell(16), Cell(10, NOISES[0]), Cell(0, SHARP))
"""Fewer conditions, for large images and slow restorers."""
PAPER = (Cell(0, RECIPE), Cell(0, STRETCHED))


def cells_of(folder: str) -> tuple[Cell, ...]:
    """Return the conditions for the images of a data set."""
    if folder == "hpa 864":
        return FEWER
    return (*CELLS, *PAPER) if folder == "hpa 256" else CELLS


def kernel(length: float, angle: float, size: int = 41) -> NDArray[np.float64]:
    """Return a linear motion as a dense line of points, distributed bilinearly."""
    steps = np.linspace(-length / 2, length / 2, int(length * 32) + 1)
    result, middle = np.zeros((size, size)), size // 2
    x = middle + steps * math.cos(math.radians(angle))
    y = middle - steps * math.sin(math.radians(angle))
    left, top = np.floor(x).astype(int), np.floor(y).astype(int)
    right, down = x - left, y - top
    for dy, dx, weight in (
        (0, 0, (1 - right) * (1 - down)),
        (0, 1, right * (1 - down)),
        (1, 0, (1 - right) * down),
        (1, 1, right * down),
    ):
        np.add.at(result, (top + dy, left + dx), weight)
    return result / result.sum()


def recipe() -> NDArray[np.float64]:
    """Return the paper's matrix: a diagonal of six, turned by -45 degrees, over its degree."""
    turn = cv2.getRotationMatrix2D((3, 3), -45, 1)
    return np.asarray(cv2.warpAffine(np.diag(np.ones(6)), turn, (6, 6)) / 6, np.float64)


def recipe_kernel() -> NDArray[np.float64]:
    """Return the same motion as a kernel of odd side that sums to 1."""
    matrix = np.pad(recipe(), ((0, 1), (0, 1)))[::-1, ::-1]  # OpenCV correlates, anchored at 3
    return np.ascontiguousarray(matrix / matrix.sum())


def angle_of(scene: Scene, cell: Cell) -> float:
    """Return an angle in [0, 180) degrees, different by image and cell, equal in every run."""
    seed = [*scene.name.encode(), cell.length, *cell.noise.encode()]
    return round(float(np.random.default_rng(seed).uniform(0, 180)), 1)


def spoil(scene: Scene, cell: Cell) -> tuple[Counts, NDArray[np.float64]]:
    """Return the blurred counts and the kernel that made them; a single 1 for a sharp one."""
    if cell.noise in (RECIPE, STRETCHED):
        return _by_recipe(scene.sharp, cell.noise == STRETCHED), recipe_kernel()
    if not cell.length:
        return scene.sharp, np.pad(np.ones((1, 1)), 1)
    path = kernel(cell.length, angle_of(scene, cell))
    return _camera(_moved(scene.sharp, path), cell.noise, len(scene.name)), path


def noise_of(scene: Scene, cell: Cell, blurred: Counts) -> NDArray[np.float64]:
    """Return the standard deviation of each channel's noise in counts, rounding included."""
    if not cell.length:
        return np.full(len(blurred), ROUNDING)
    exact = _moved(scene.sharp, kernel(cell.length, angle_of(scene, cell))) * WHITE
    return np.asarray((blurred - exact).std(axis=(1, 2)), np.float64)


def _moved(sharp: Counts, path: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the exact blurred image, in [0, 1]."""
    border = cv2.BORDER_REFLECT_101
    return np.stack([cv2.filter2D(plane / WHITE, -1, path, borderType=border) for plane in sharp])


def _by_recipe(sharp: Counts, stretched: bool) -> Counts:
    interleaved = np.ascontiguousarray(np.moveaxis(sharp, 0, -1))
    blurred = cv2.filter2D(interleaved, -1, recipe()).reshape(interleaved.shape)
    if stretched:
        blurred = cv2.normalize(blurred, None, 0, WHITE, cv2.NORM_MINMAX)
    return np.ascontiguousarray(np.moveaxis(blurred, -1, 0))


def _camera(units: NDArray[np.float64], noise: str, seed: int) -> Counts:
    """Return counts; the photons are those of the brightest pixel of each channel."""
    if noise.endswith("photons"):
        generator, photons = np.random.default_rng(seed), int(noise.split()[0])
        gain = photons / np.maximum(units.max(axis=(1, 2), keepdims=True), 1e-9)
        units = generator.poisson(np.maximum(units, 0) * gain) / gain  # filter2D may round below 0
    counts = np.rint(units * WHITE).clip(0, WHITE).astype(np.uint8)
    if not noise.startswith("JPEG"):
        return counts
    quality = [cv2.IMWRITE_JPEG_QUALITY, int(noise.split()[1])]
    files = [cv2.imencode(".jpg", plane, quality)[1] for plane in counts]
    return np.stack([cv2.imdecode(file, cv2.IMREAD_GRAYSCALE) for file in files])


def scenes(data: Path, folder: str, count: int) -> list[Scene]:
    """Return at most `count` images of a set, spread over it; those of test groups alone."""
    return SETS[folder](data, count)


@cache
def _rows(data: Path, folder: str) -> list[dict[str, str]]:
    with (data / "MANIFEST.csv").open(newline="") as lines:
        rows = [row for row in csv.DictReader(lines) if split_of(row["group"]) == "test"]
    return [row for row in rows if row["file"].startswith(f"{folder}/")]


def _spread(items: list[str], count: int) -> list[str]:
    places = np.linspace(0, len(items) - 1, min(count, len(items))).round().astype(int)
    return [items[place] for place in places]


def _eight_bit(plane: NDArray[np.generic]) -> Counts:
    """Return 8-bit counts as they are, and others with their brightest pixel white."""
    if plane.dtype == np.uint8:
        return np.asarray(plane, np.uint8)
    units = plane.astype(np.float64)
    return np.rint(units / units.max() * WHITE).astype(np.uint8)


def _smaller(planes: NDArray[np.generic], side: int) -> Counts:
    parts = [
        cv2.resize(plane.astype(np.float32), (side, side), interpolation=cv2.INTER_AREA)
        for plane in planes
    ]
    return np.rint(np.stack(parts)).clip(0, WHITE).astype(np.uint8)


def _middle(planes: Counts, side: int) -> Counts:
    top, left = ((length - side) // 2 for length in planes.shape[1:])
    return np.ascontiguousarray(planes[:, top : top + side, left : left + side])


def _proticelli(data: Path, count: int) -> list[Scene]:
    scenes = []
    for row in _rows(data, "proticelli")[:count]:
        units = (tifffile.imread(data / row["file"])[..., :3].astype(np.float32) + 1) / 2
        planes = np.moveaxis(units.clip(0, 1) * WHITE, -1, 0)
        scenes.append(Scene("proticelli", Path(row["file"]).stem, _smaller(planes, 256)))
    return scenes


def _hpa(data: Path) -> NDArray[np.uint8]:
    """Return the red, green and blue stains of the only field not used in training."""
    files = [data / "hpa" / f"89_B5_1_{colour}.jpg" for colour in ("red", "green", "blue")]
    return np.stack([images.read(file).planes()[0].max(axis=0) for file in files])


def _hpa_256(data: Path, count: int) -> list[Scene]:
    """The whole field at 256x256, and corners of 256 px of it at a quarter of its size."""
    field = _hpa(data)
    scenes = [Scene("hpa 256", "89_B5_1", _smaller(field, 256))]
    quarter = _smaller(field, 432)
    for top, left in ((0, 176), (176, 0), (0, 0), (176, 176)):
        part = np.ascontiguousarray(quarter[:, top : top + 256, left : left + 256])
        scenes.append(Scene("hpa 256", f"89_B5_1 {top} {left}", part))
    return scenes[:count]


def _hpa_864(data: Path, count: int) -> list[Scene]:
    return [Scene("hpa 864", "89_B5_1", _smaller(_hpa(data), 864))][:count]


def _wells(data: Path, count: int) -> list[Scene]:
    names = sorted(row["file"] for row in _rows(data, "bbbc013_sbs") if "Channel1" in row["file"])
    scenes = []
    for name in _spread(names, count):
        files = (data / name, data / name.replace("Channel1", "Channel2"))
        planes = np.stack([images.read(file).planes()[0, 0] for file in files])
        scenes.append(Scene("bbbc013", Path(name).stem[9:], _middle(planes, 384)))
    return scenes


def _nuclei(side: int, title: str, folder: str) -> Callable[[Path, int], list[Scene]]:
    def load(data: Path, count: int) -> list[Scene]:
        names = sorted(row["file"] for row in _rows(data, folder))
        return [
            Scene(title, Path(name).stem[:30], _crop(images.read(data / name).planes()[0], side))
            for name in _spread(names, count)
        ]

    return load


def _crop(planes: NDArray[np.generic], side: int) -> Counts:
    """Return the middle; a colour image of one stain gives its brightest sample."""
    brightest = np.stack([_eight_bit(planes.max(axis=0))])
    return brightest if min(brightest.shape[1:]) <= side else _middle(brightest, side)


def _schwann(data: Path, count: int) -> list[Scene]:
    """Fields of three stains each."""
    scenes = []
    for well in ("F7", "H12")[:count]:
        files = sorted(
            row["file"] for row in _rows(data, "nf1_schwann") if f"/{well}_" in row["file"]
        )
        planes = np.stack([_eight_bit(images.read(data / file).planes()[0, 0]) for file in files])
        scenes.append(Scene("nf1", well, _middle(planes, 384)))
    return scenes


def _single_cells(data: Path, count: int) -> list[Scene]:
    """Masked cells of 512 px, at half their size: their files are lossy."""
    folder = data / "hpa_single_cells"
    names = sorted(path.name[: -len("_red.jpg")] for path in folder.glob("*_red.jpg"))
    scenes = []
    for number, name in enumerate(_spread(names, count)):
        top, left = 512 * (number // 3 % 3), 512 * (number % 3)
        files = [folder / f"{name}_{colour}.jpg" for colour in ("red", "green", "blue")]
        planes = np.stack([images.read(file).planes()[0].max(axis=0) for file in files])
        tile = planes[:, top : top + 512, left : left + 512]
        scenes.append(Scene("hpa single cells", name, _smaller(tile, 256)))
    return scenes


SETS: dict[str, Callable[[Path, int], list[Scene]]] = {
    "proticelli": _proticelli,
    "hpa 256": _hpa_256,
    "hpa 864": _hpa_864,
    "hpa single cells": _single_cells,
    "bbbc013": _wells,
    "bbbc022": _nuclei(384, "bbbc022", "bbbc022"),
    "nf1": _schwann,
    "dsb2018 256": _nuclei(256, "dsb2018 256", "dsb2018_256x256"),
    "dsb2018 520": _nuclei(520, "dsb2018 520", "dsb2018_520x696"),
}
