"""Figure of example images: blurred, restored, sharp, and maps of the absolute error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from unsmear.errors import OptionError
from unsmear.filters import window_sums
from unsmear.report.figure import new_figure, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SIDE = 256
"""Largest side of a panel, pixels; of a larger image the part with the most blur is shown."""
WINDOW = (0.5, 99.8)
"""Percentiles of the sharp image that set black and white of each channel."""
COLOURS = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0]], np.float32)
"""RGB colours of the channels in the order of the Human Protein Atlas; a single one is grey."""
PANEL = 2.4
"""Side of a panel, inches."""


@dataclass(frozen=True, eq=False)
class Example:
    """One row of the figure.

    title: text beside the row. sharp, blurred, restored: (channel, y, x), counts, of one shape.
    blurred_caption, restored_caption: their scores, below their panels.
    """

    title: str
    sharp: NDArray[Any]
    blurred: NDArray[Any]
    restored: NDArray[Any]
    blurred_caption: str = ""
    restored_caption: str = ""


def draw_grid(path: str | Path, examples: Sequence[Example], title: str = "") -> None:
    """Write the figure in the format of the file name extension, such as .png.

    All images of a row share the contrast of the sharp image; both error maps share one scale.
    Raises MissingExtra without matplotlib, OptionError without examples.
    """
    if not examples:
        raise OptionError("examples must be at least one example, got none.")
    figure = new_figure(5 * PANEL, len(examples) * (PANEL + 0.25) + 0.6)
    if title:
        figure.suptitle(title, fontsize=12)
    panels = figure.subplots(len(examples), 5, squeeze=False)
    for number, (row, example) in enumerate(zip(panels, examples, strict=True)):
        _draw_row(row, example)
        if number == 0:
            names = ("blurred", "restored", "sharp", "error of blurred", "error of restored")
            for axes, name in zip(row, names, strict=True):
                axes.set_title(name, fontsize=10)
    save(figure, Path(path))


def _draw_row(row: Sequence[Axes], example: Example) -> None:
    part = most_blurred(example)
    sharp, blurred, restored = (
        planes[:, *part].astype(np.float32)
        for planes in (example.sharp, example.blurred, example.restored)
    )
    window = _window(sharp)
    for axes, planes in zip(row[:3], (blurred, restored, sharp), strict=True):
        axes.imshow(colour(planes, *window), cmap="gray", vmin=0, vmax=1)
    errors = [np.abs(planes - sharp).mean(axis=0) for planes in (blurred, restored)]
    highest = max(float(np.percentile(error, 99.8)) for error in errors) or 1.0
    for axes, error in zip(row[3:], errors, strict=True):
        axes.imshow(error, cmap="magma", vmin=0, vmax=highest)
    scale = f"0 to {highest:.3g} counts"
    captions = (example.blurred_caption, example.restored_caption, _place(example, part))
    for axes, caption in zip(row, (*captions, scale, scale), strict=True):
        axes.set(xticks=[], yticks=[])
        axes.set_xlabel(caption, fontsize=8)
    row[0].set_ylabel(example.title, fontsize=9)


def most_blurred(example: Example) -> tuple[slice, slice]:
    """Return the part of at most SIDE pixels a side in which blurred and sharp differ most."""
    height, width = example.sharp.shape[-2:]
    tall, wide = min(SIDE, height), min(SIDE, width)
    difference = np.subtract(example.sharp, example.blurred, dtype=np.float32)
    sums = window_sums(np.abs(difference).mean(axis=0), (tall, wide))
    top, left = np.unravel_index(int(sums.argmax()), sums.shape)
    return slice(int(top), int(top) + tall), slice(int(left), int(left) + wide)


def _place(example: Example, part: tuple[slice, slice]) -> str:
    rows, columns = part
    if (rows.stop, columns.stop) == example.sharp.shape[-2:] and not (rows.start or columns.start):
        return ""
    tall, wide = rows.stop - rows.start, columns.stop - columns.start
    return f"{wide}x{tall} px at x {columns.start}, y {rows.start}"


def _window(sharp: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return each channel's black and white, (channel, 1, 1)."""
    black, white = np.percentile(sharp, WINDOW, axis=(1, 2), keepdims=True).astype(np.float32)
    return black, np.where(white > black, white, black + 1)


def colour(
    planes: NDArray[np.float32], black: NDArray[np.float32], white: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return a picture from 0 to 1: (y, x) for 1 or more than 4 channels, else (y, x, 3)."""
    shown = ((planes - black) / (white - black)).clip(0, 1)
    if len(planes) == 1 or len(planes) > len(COLOURS):
        return np.asarray(shown.mean(axis=0))
    return np.tensordot(shown, COLOURS[: len(planes)], (0, 0)).clip(0, 1)
