"""Stitch the frames of a scan into one image, by the places of the stage.

    python recipes/scan/stitch.py FOLDER STRIP.ome.tif [--movement scan/movement.csv] [--plainly]

ASHLAR (Muhlich et al., Bioinformatics 38, 2022) corrects the places by what frames that overlap
see; it is no dependency of Unsmear: `pip install ashlar`, which needs Java. Without it, or with
--plainly, frames lie where their metadata say, the middles of overlaps shared out. With the table
of the true movement, of a simulated scan, the errors of the places are printed.
"""

from __future__ import annotations

import argparse
import csv
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import unsmear
from unsmear import images
from unsmear.images import Image

Places = NDArray[np.float64]
"""Upper left pixels of frames, (frame, yx)."""
FARTHEST = 3.0
"""Largest distance by which ASHLAR may correct a place, micrometres."""


def main() -> None:
    """Stitch the frames of a folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--movement", type=Path, help="table of the true movement")
    parser.add_argument("--plainly", action="store_true", help="by the metadata alone")
    asked = parser.parse_args()
    try:
        stitch(asked.folder, asked.output, asked.movement, asked.plainly)
    except unsmear.UnsmearError as error:
        sys.exit(str(error))


def stitch(folder: Path, output: Path, movement: Path | None, plainly: bool) -> Places:
    """Write the stitched image; return where its frames lie."""
    frames = read(folder)
    pixels = [frame.pixels for frame in frames]
    recorded = places_of(frames)
    size = frames[0].pixel_size or (1.0, 1.0)
    places, how = recorded, "by their metadata"
    if not plainly:
        try:
            places, how = corrected(pixels, recorded, size[0]), "by ASHLAR"
        except ImportError:
            print("ASHLAR is not installed: frames lie where their metadata say.")
    strip = placed(pixels, places)
    unsmear.write(output, Image(strip, "YX", pixel_size=size))
    height, width = strip.shape
    print(f"{len(frames)} frames of {folder} placed {how}: {height} x {width} pixels in {output}.")
    if movement is not None:
        true = true_places(movement, [frame.name for frame in frames], size[0])
        for name, found in {"their metadata": recorded, how.removeprefix("by "): places}.items():
            print(f"places by {name}: {error(found, true):.2f} px from the true ones (rms).")
    return places


def read(folder: Path) -> list[Image]:
    """Return the frames of a folder by name; raises ImageError for one without a place."""
    paths = sorted(path for path in folder.iterdir() if path.suffix in images.SUFFIXES)
    frames = [unsmear.read(path) for path in paths]
    if not frames:
        raise unsmear.ImageError(f"{folder}: the folder must hold frames, got none.")
    for frame in frames:
        if frame.timing.place is None or frame.pixel_size is None or frame.axes != "YX":
            raise unsmear.ImageError(
                f"{frame.name}: a frame must be one plane with pixel size and place of the stage."
            )
    return frames


def places_of(frames: list[Image]) -> Places:
    """Return where frames lie by their metadata, pixels; the y axis of the stage points upwards."""
    found = []
    for frame in frames:
        (y, x), (tall, wide) = frame.timing.place or (0, 0), frame.pixel_size or (1, 1)
        found.append((-y / tall, x / wide))
    return np.array(found) - np.min(found, axis=0)


def corrected(pixels: list[NDArray[Any]], places: Places, size: float) -> Places:
    """Return places that ASHLAR has corrected, pixels; raises ImportError where it is missing."""
    from ashlar import reg

    class Metadata(reg.Metadata):  # type: ignore[misc]
        _num_images, num_channels, pixel_size = len(pixels), 1, size
        pixel_dtype = pixels[0].dtype

        def tile_position(self, i: int) -> NDArray[np.float64]:
            return places[i]

        def tile_size(self, i: int) -> NDArray[np.int_]:
            return np.array(pixels[i].shape)

    class Reader(reg.Reader):  # type: ignore[misc]
        metadata = Metadata()

        def read(self, series: int, c: int) -> NDArray[Any]:
            return pixels[series]

    aligner = reg.EdgeAligner(Reader(), max_shift=FARTHEST, do_make_thumbnail=False)
    aligner.run()
    return np.asarray(aligner.positions - aligner.positions.min(axis=0))


def placed(pixels: list[NDArray[Any]], places: Places) -> NDArray[Any]:
    """Return frames in one image; where some overlap, the nearer to its middle counts more."""
    corners = np.rint(places).astype(int)
    height, width = np.max(corners + [frame.shape for frame in pixels], axis=0)
    total, weights = np.zeros((2, height, width), np.float64)
    for frame, (top, left) in zip(pixels, corners, strict=True):
        near = [np.minimum(np.arange(side), np.arange(side)[::-1]) + 1.0 for side in frame.shape]
        weight = np.minimum.outer(near[0], near[1]) ** 2
        here = np.s_[top : top + frame.shape[0], left : left + frame.shape[1]]
        total[here] += frame * weight
        weights[here] += weight
    mean = total / np.maximum(weights, 1e-9)
    return np.rint(mean).astype(pixels[0].dtype)


def true_places(movement: Path, names: list[str], size: float) -> Places:
    """Return where frames truly were, pixels, by the table of a simulated scan."""
    with movement.open(newline="", encoding="utf-8") as file:
        rows = {row["name"]: row for row in csv.DictReader(file)}
    found = [(-float(rows[n]["true_y_um"]), float(rows[n]["true_x_um"])) for n in names]
    return np.array(found) / size


def error(places: Places, true: Places) -> float:
    """Return the root mean square distance of places from the true ones, but for a shift of all."""
    off = places - true
    off -= off.mean(axis=0)
    return float(np.sqrt(np.square(off).sum(axis=1).mean()))


if __name__ == "__main__":
    main()
