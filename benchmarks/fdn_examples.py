"""FDN of its authors and of `common/fdn.py`: their two examples, against the results they show.

    .venv/bin/python benchmarks/fdn_examples.py REPOSITORY

REPOSITORY is a copy of github.com/uschmidt83/fourier-deconvolution-network. Its demo.ipynb shows
the results as figures of another size, each pixel the nearest of the image: a pixel of a figure is
compared with the nearest of ours and the eight around it. The lines are in restorers.md.
"""

from __future__ import annotations

import base64
import json
import sys
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from common import fdn
from common.images import WHITE, Counts

Figure = NDArray[np.float64]
"""Array (y, x, channel), white at 255."""


@dataclass(frozen=True)
class Example:
    """An example of the notebook. sigma: the noise that it names. figure: where its result is."""

    name: str
    weights: str
    sigma: float
    figure: int


EXAMPLES = (
    Example("example1", "sigma_1.0-3.0/stages_01-10_finetuned.hdf5", 2.55, 1),
    Example("example2", "sigma_0.1-12.75/stages_01-10_greedy.hdf5", 1.5, 3),
)


def figures(notebook: Path) -> list[Counts]:
    """Return the notebook's figures, (y, x, 3), in their order."""
    cells = json.loads(notebook.read_text())["cells"]
    outputs = [output for cell in cells for output in cell.get("outputs", ())]
    files = [output.get("data", {}).get("image/png") for output in outputs]
    pixels = [np.frombuffer(base64.b64decode(file), np.uint8) for file in files if file]
    return [np.asarray(cv2.imdecode(file, cv2.IMREAD_COLOR), np.uint8) for file in pixels]


def restored(repository: Path, example: Example) -> Figure:
    """Return our result as the notebook shows it: a grey one from its darkest to its brightest."""
    image = cv2.imread(str(repository / f"data/{example.name}.png"), cv2.IMREAD_UNCHANGED)
    kernel = np.loadtxt(repository / f"data/{example.name}.dlm").clip(0, 1)
    kernel /= kernel.sum()
    stages = fdn.load(repository / "models" / example.weights)
    planes = [
        fdn.restore(plane / WHITE, kernel, example.sigma, stages)
        for plane in np.moveaxis(np.atleast_3d(image), -1, 0)
    ]
    units = np.stack(planes, axis=-1).astype(np.float64).clip(0, 1)
    if units.shape[-1] == 1:
        units = (units - units.min()) / (units.max() - units.min())
    return units * WHITE


def differences(ours: Figure, figure: Counts) -> NDArray[np.float64]:
    """Return how far each pixel of the figure is from ours, in steps of 255; its frame left out."""
    dark = figure.min(axis=2) < WHITE
    height, width = ours.shape[:2]
    rows, y = _nearest(dark.mean(axis=1), height)
    columns, x = _nearest(dark.mean(axis=0), width)
    shown = figure[np.ix_(rows, columns)].astype(np.float64)
    around = np.pad(ours, ((1, 1), (1, 1), (0, 0)), mode="edge")
    tried = [
        np.abs(shown - around[np.ix_(y + down, x + right)]).max(axis=2)
        for down in range(3)
        for right in range(3)
    ]
    return np.asarray(np.min(tried, axis=0))


def _nearest(dark: NDArray[np.float64], length: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the figure's places inside its frame along an axis, and the image's pixels there."""
    first, last = np.flatnonzero(dark > 0.5)[[0, -1]]
    places = np.arange(first + 2, last - 1)
    pixels = ((places + 1 - first) / (last - first) * length).astype(
        np.intp
    )  # the frame is rounded
    return places, pixels


def main() -> None:
    """Print a line for each example."""
    repository = Path(sys.argv[1]) if len(sys.argv) == 2 else Path()
    if not (repository / "demo.ipynb").is_file():
        sys.exit(f"{repository} must be a copy of the authors' repository, with its demo.ipynb.")
    shown = figures(repository / "demo.ipynb")
    for example in EXAMPLES:
        apart = differences(restored(repository, example), shown[example.figure])
        print(
            f"{example.name}: {apart.size} pixels of the figure, median difference "
            f"{np.median(apart):.2f}, largest {apart.max():.2f} of 255"
        )


if __name__ == "__main__":
    main()
