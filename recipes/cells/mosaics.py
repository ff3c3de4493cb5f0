"""Single cells out of mosaics, as fields of the Kaggle layout: `<mosaic>-<place>_<colour>.png`."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from unsmear import images
from unsmear.atomic import write_aside
from unsmear.data.labels import CHANNELS
from unsmear.errors import DataError
from unsmear.images import Image

GRID = 3
"""Number of cells along a side of a mosaic."""
SIDE = 256
"""Side of a cell image in pixels: half of that in the mosaics, whose JPEG blocks are 8 pixels."""
FIELD = 40.96
"""Side of a cell image in micrometres; the mosaics have 0.08 a pixel."""
NUMBER = re.compile(r"SCC label (\d+)")


def cut(data: Path, folder: Path, side: int = SIDE) -> int:
    """Write every cell of the mosaics in `data`, with train.csv and MANIFEST.csv; return how many.

    side: of a cell's image, pixels. A cell's group is its mosaic. Raises DataError for a folder
    without mosaics.
    """
    labels = _labels(data)
    rows, groups = ["ID,Label"], ["file,group"]
    for mosaic, label in sorted(labels.items()):
        planes = np.stack([_read(data / f"{mosaic}_{colour}.jpg") for colour in CHANNELS])
        for place in range(GRID * GRID):
            name = f"{mosaic}-{place}"
            rows.append(f"{name},{label}")
            for colour, plane in zip(CHANNELS, _cell(planes, place, side), strict=True):
                file = f"{name}_{colour}.png"
                groups.append(f"{file},{mosaic}")
                if not (folder / file).exists():
                    cell = Image(plane, "YX", pixel_size=(FIELD / side, FIELD / side))
                    images.write(folder / file, cell)
    for name, lines in (("train.csv", rows), ("MANIFEST.csv", groups)):
        write_aside(folder / name, ("\n".join(lines) + "\n").encode())
    return len(rows) - 1


def _labels(data: Path) -> dict[str, int]:
    """Return the label of each mosaic from its manifest."""
    listed = data / "MANIFEST.csv"
    if not listed.exists():
        raise DataError(f"{listed}: the mosaics' list must be there, got none.")
    with listed.open(newline="", encoding="utf-8") as lines:
        matches = {row["group"]: NUMBER.search(row["labels"]) for row in csv.DictReader(lines)}
    return {mosaic: int(match.group(1)) for mosaic, match in matches.items() if match}


def _read(path: Path) -> NDArray[np.uint8]:
    return np.asarray(images.read(path).planes()[0, 0])


def _cell(planes: NDArray[np.uint8], place: int, side: int) -> NDArray[np.uint8]:
    """Return the cell at a place of the grid, (channel, y, x), made smaller by area."""
    step = planes.shape[1] // GRID
    y, x = (step * part for part in divmod(place, GRID))
    tile = planes[:, y : y + step, x : x + step]
    return np.stack([cv2.resize(p, (side, side), interpolation=cv2.INTER_AREA) for p in tile])
