"""Picture of one real field, restored by every method."""

from __future__ import annotations

from math import ceil
from pathlib import Path

import numpy as np

from common.images import WHITE, Cell, Counts, Scene, angle_of, noise_of, spoil
from common.methods import Task, Way, run
from unsmear import metrics
from unsmear.report.figure import new_figure, save

FIELD = "hpa 256", 1
"""The data set and how many of its images there must be; the last one is shown."""
CELL = Cell(10)
SIDE, COLUMNS, INCHES = 128, 6, 2.1


def draw(path: Path, scene: Scene, ways: list[Way]) -> None:
    """Write the middle of a field: sharp, blurred, and from every restorer; PSNR of the whole.

    One scale for all, the sharp one's: what is darker is darker.
    """
    blurred, kernel = spoil(scene, CELL)
    noise = noise_of(scene, CELL, blurred)
    task = Task(blurred, kernel, CELL.length, angle_of(scene, CELL), noise)
    shown: dict[str, Counts] = {"sharp": scene.sharp}
    shown |= {way.name: run(way, task, scene.sharp)[0].restored for way in ways}
    figure = new_figure(COLUMNS * INCHES, ceil(len(shown) / COLUMNS) * (INCHES + 0.35), 110)
    panels = figure.subplots(ceil(len(shown) / COLUMNS), COLUMNS, squeeze=False).ravel()
    white = float(np.percentile(_middle(scene.sharp), 99.8))
    for axes, (name, counts) in zip(panels, shown.items(), strict=False):
        units = (np.moveaxis(_middle(counts), 0, -1) / white).clip(0, 1)
        axes.imshow(units)
        score = metrics.psnr(scene.sharp, counts, data_range=WHITE)
        label = "" if name == "sharp" else f"\n{score:.1f} dB"
        axes.set_title(f"{name}{label}", fontsize=7)
    for axes in panels:
        axes.axis("off")
    save(figure, path)


def _middle(counts: Counts) -> Counts:
    top, left = ((side - SIDE) // 2 for side in counts.shape[1:])
    return counts[:3, top : top + SIDE, left : left + SIDE]
