"""Sharp planes for training and testing weights: real images by cluster, and synthetic cells.

Whole clusters (`group` in `MANIFEST.csv`) are held out: those in `TEST` for measurements, those in
`CALIBRATION` for what is set after training, such as thresholds and intervals. All others train.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import tifffile
from numpy.typing import NDArray

from unsmear import images
from unsmear.errors import DataError
from unsmear.synthetic import draw_field

Split = str
"""training, calibration or test."""

TEST = (
    "proticelli_C",
    "89_B5_1",
    "dsb_256x256",
    "dsb_520x696",
    *(f"sbs_{row}" for row in "EFGH"),
    "bbbc022_E",
    "nf1_F7",
    "nf1_H12",
)
CALIBRATION = ("sbs_D", "bbbc022_A02", "nf1_D7")
"""Prefixes of the groups in the calibration set, as `TEST` has those in the test set."""

FORBIDDEN = ("hpa_single_cells", "real_blur", "hpa_labels")
"""Folders that are not used for shipped weights, because of their licence or their blur."""

FIELDS = {"training": (80, 1), "calibration": (8, 2), "test": (8, 3)}
"""Number of synthetic fields and random seed of each split."""


@dataclass(frozen=True)
class Plane:
    """A sharp plane.

    name: of its file and channel. folder: its data set. group: its cluster in the manifest.
    counts: (y, x) as stored, 8 or 16 bit, or float32. coarsest: the least factor of reduction at
    which the plane is sharp and free of JPEG blocks.
    """

    name: str
    folder: str
    group: str
    counts: NDArray[Any]
    coarsest: float = 1.0


def split_of(group: str) -> Split:
    """Return the split of a group of the manifest.

    By lists and not by `unsmear.data.splits`: a prefix holds out several groups together, such as a
    row of a plate, and the shipped weights were trained with these splits.
    """
    if group.startswith(TEST):
        return "test"
    return "calibration" if group.startswith(CALIBRATION) else "training"


def load(data: Path, split: Split) -> list[Plane]:
    """Return the real planes of a split and synthetic ones.

    data: the folder with `MANIFEST.csv`. Raises DataError if it is missing.
    """
    return [*real(data, split), *synthetic(split)]


def manifest(data: Path) -> list[dict[str, str]]:
    """Return the rows of the folder's `MANIFEST.csv`; raises DataError if it is missing."""
    path = data / "MANIFEST.csv"
    if not path.is_file():
        raise DataError(f"{data}: the images to train on must have a MANIFEST.csv, got none.")
    with path.open(newline="") as lines:
        return list(csv.DictReader(lines))


def real(data: Path, split: Split) -> Iterator[Plane]:
    """Yield the manifest's planes of a split; raises DataError without a manifest."""
    for row in manifest(data):
        folder = row["file"].split("/")[0]
        if folder not in FORBIDDEN and split_of(row["group"]) == split:
            yield from planes_of(data / row["file"], folder, row["group"])


def planes_of(path: Path, folder: str, group: str) -> Iterator[Plane]:
    """Yield the planes of an image that are not constant.

    folder: the first folder of its path in the manifest, which determines how it is read.
    """
    lossy = path.suffix.lower() in (".jpg", ".jpeg")
    for channel, counts in enumerate(_read(path, folder)):
        if np.ptp(counts) > 0:
            yield Plane(f"{path.name}:{channel}", folder, group, counts, 2.0 if lossy else 1.0)


def _read(path: Path, folder: str) -> NDArray[Any]:
    """Return (channel, y, x)."""
    if folder == "proticelli":  # stored for a network, in [-1, 1.4]
        pixels = np.asarray(tifffile.imread(path), np.float32)[..., :3]
        return np.ascontiguousarray(np.moveaxis(((pixels + 1) / 2).clip(0, 1), -1, 0))
    stack = folder == "bbbc022" and path.suffix == ".tif"  # its file does not say so
    planes = images.read(path, axes="CYX" if stack else None).planes()
    if folder == "hpa":  # one stain, drawn in its colour
        return np.asarray(planes.max(axis=1))
    return np.asarray(planes[0])


@cache
def synthetic(split: Split) -> tuple[Plane, ...]:
    """Return planes of synthetic cells: 512x512, three or four stains per field."""
    count, seed = FIELDS[split]
    planes = []
    for index in range(count):
        generator = np.random.default_rng([seed, index])
        labels = tuple(generator.choice(18, size=2, replace=False).tolist())
        size = float(np.exp(generator.uniform(np.log(0.08), np.log(0.32))))
        field = draw_field(generator, (512, 512), labels, pixel_size=size)
        for channel, counts in enumerate(field.planes):
            name = f"synthetic-{seed}-{index}:{channel}"
            planes.append(Plane(name, "synthetic", name.split(":")[0], counts))
    return tuple(planes)


def reduce(plane: Plane, factor: float) -> NDArray[np.float32]:
    """Return the plane with a brightest pixel of 1, its sides divided by `factor` (1 or more)."""
    units = plane.counts.astype(np.float32) / np.float32(plane.counts.max())
    if factor <= 1:
        return units
    size = [max(32, round(side / factor)) for side in units.shape[::-1]]
    return np.asarray(cv2.resize(units, size, interpolation=cv2.INTER_AREA), np.float32)
