"""Train a MAXIM network from scratch, for its row in the table of restorers.

    python recipes/maxim/run.py --data ../shared/data --output runs/maxim-motion

The sharp images are drawn cells, and the real ones of the folder's groups that may be trained on
(`recipes.weights.datasets`); fields of filaments and texture, of which there are few, count several
times. The same command resumes a stopped run.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from recipes.weights import datasets
from unsmear import images
from unsmear.errors import UnsmearError
from unsmear.images import Image
from unsmear.train.config import options

HERE = Path(__file__).parent
TIMES = {"proticelli": 6, "hpa": 3, "hpa_cells": 3, "synthetic": 1}
"""Number of copies of each image by data set; its first three channels stay together."""
SMALLEST = 128
WHITE = 65535


def main() -> int:
    """Run the training; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=HERE.parents[1] / "../shared/data")
    parser.add_argument("--output", type=Path, default=Path("runs/maxim-motion"))
    parser.add_argument("--sharp", type=Path, default=Path("runs/maxim-sharp"))
    arguments = parser.parse_args()
    try:
        if not arguments.sharp.exists():
            write_sharp(arguments.data, arguments.sharp)
        run = options.resolve("maxim", HERE / "motion.toml", ["--data.sharp", str(arguments.sharp)])
        from unsmear.train.run import train  # imports torch

        print(train(run, arguments.output).reason)
        return 0
    except UnsmearError as error:
        print(f"maxim: {error}", file=sys.stderr)
        return 1


def write_sharp(data: Path, folder: Path) -> None:
    """Write the images as 16-bit TIFF, each brightest pixel white; raises DataError."""
    aside = folder.with_name(f"{folder.name}.part")
    for name, group in _images(data):
        for number, units in enumerate(_together(name, group)):
            axes = "CYX" if len(units) > 1 else "YX"
            pixels = np.rint(units.clip(0, 1) * WHITE).astype(np.uint16)
            for time in range(TIMES.get(name[0], 1)):
                path = aside / f"{name[0]}-{name[1]}-{number}-{time}.tif"
                images.write(path, Image(pixels if len(units) > 1 else pixels[0], axes))
    aside.rename(folder)


def _images(data: Path) -> Iterator[tuple[tuple[str, str], list[NDArray[np.float32]]]]:
    """Yield the set and name of each image, and its planes in units."""
    images_by_set: dict[tuple[str, str], list[NDArray[np.float32]]] = defaultdict(list)
    for plane in [*datasets.real(data, "training"), *datasets.synthetic("training")]:
        file = plane.group if plane.folder == "hpa" else plane.name.split(":")[0]
        images_by_set[plane.folder, file.rsplit(".", 1)[0]].append(
            datasets.reduce(plane, plane.coarsest)
        )
    yield from images_by_set.items()


def _together(name: tuple[str, str], group: list[NDArray[np.float32]]) -> list[NDArray[np.float32]]:
    """Return the stacks of planes to write, three channels or one."""
    alone = [plane[None] for plane in group]
    if name[0] in TIMES and len(group) >= 3:
        alone = [np.stack(group[:3]), *alone[3:4]]
    return [stack for stack in alone if min(stack.shape[1:]) >= SMALLEST]


if __name__ == "__main__":
    sys.exit(main())
