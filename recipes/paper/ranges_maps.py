"""Heat maps of `ranges.py`: a picture a restorer, angle by length, a column a number of photons."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ranges_cells import Cell
from unsmear.evaluate import BLURRED, SHARP
from unsmear.report.figure import new_figure, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class Panel:
    """A row of a heat map: which value, its title, colours and their limits."""

    value: str
    title: str
    colours: str
    limits: tuple[float, float]
    scale: float = 1.0


GAIN = Panel("gain", "PSNR gain, dB", "RdBu", (-10, 10))
RECORDED = Panel("psnr", "PSNR, dB", "viridis", (10, 40))
NUCLEI = Panel("nuclei", "nuclei F1, %", "viridis", (0, 100), 100)
LABELLED = Panel("labels", "label F1, %", "viridis", (0, 100), 100)


def draw(cells_: Sequence[Cell], folder: Path) -> dict[str, Path]:
    """Write a heat map for each restorer and for the blurred images; return the files by name."""
    files = {}
    for name in dict.fromkeys(cell.restorer for cell in cells_ if cell.restorer != SHARP):
        own = [cell for cell in cells_ if cell.restorer == name]
        first = RECORDED if name == BLURRED else GAIN
        files[name] = folder / f"range-{name.replace(',', '').replace(' ', '-')}.png"
        _draw(own, (first, NUCLEI, LABELLED), name, files[name])
    return files


def _draw(own: Sequence[Cell], panels: Sequence[Panel], title: str, file: Path) -> None:
    """Write one heat map: a row a panel, a column a number of photons."""
    photons = values_of(own, "photons")
    figure = new_figure(3.1 * len(photons) + 0.6, 1.75 * len(panels) + 0.4, 100)
    figure.suptitle(title, fontsize=10)
    grid = figure.subplots(len(panels), len(photons), squeeze=False)
    for line, panel in zip(grid, panels, strict=True):
        for axes, number in zip(line, photons, strict=True):
            shown = _map(axes, [cell for cell in own if cell.photons == number], panel)
            axes.set_title(f"{panel.title}; {number:,.0f} photons", fontsize=7)
        figure.colorbar(shown, ax=list(line), pad=0.01).ax.tick_params(labelsize=6)
    for axes in grid[-1]:
        axes.set_xlabel("length, px", fontsize=7)
    for axes in grid[:, 0]:
        axes.set_ylabel("angle, degrees", fontsize=7)
    save(figure, file)


def _map(axes: Axes, own: Sequence[Cell], panel: Panel) -> Any:
    """Draw a panel, angle by length, with its figures written in it; return the image."""
    lengths, angles = values_of(own, "length"), values_of(own, "angle")
    values: NDArray[np.float64] = np.full((len(angles), len(lengths)), np.nan)
    for cell in own:
        place = angles.index(cell.angle), lengths.index(cell.length)
        values[place] = panel.scale * getattr(cell, panel.value)
    low, high = panel.limits
    shown = axes.imshow(values, panel.colours, vmin=low, vmax=high, aspect="auto", origin="lower")
    for (row, column), value in np.ndenumerate(values):
        red, green, blue, _ = shown.cmap(shown.norm(value))
        dark = 0.3 * red + 0.59 * green + 0.11 * blue < 0.5
        style = {"ha": "center", "va": "center", "fontsize": 6, "color": "w" if dark else "k"}
        digits = 1 if panel.scale == 1 else 0
        axes.text(column, row, f"{round(value, digits) + 0.0:.{digits}f}", **style)
    axes.set_xticks(range(len(lengths)), [f"{length:g}" for length in lengths], fontsize=6)
    axes.set_yticks(range(len(angles)), [f"{angle:g}" for angle in angles], fontsize=6)
    return shown


def values_of(own: Iterable[Cell], name: str) -> list[float]:
    """Return the different values of an attribute, in rising order."""
    return sorted({getattr(cell, name) for cell in own})
