"""Picture of a restoration report: both images, tiles, misfit, kernel, total intensity."""

from __future__ import annotations

from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from unsmear.filters import window_sums
from unsmear.images import area_mean
from unsmear.report.figure import new_figure
from unsmear.report.restoration.content import Detail, Report, intensities_in_words
from unsmear.report.restoration.display import Stretch
from unsmear.report.restoration.verdicts import COLOUR, MEANING
from unsmear.restoration.consistency import LEFT, MISFIT, RESTORED, TILE, Verdicts

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LARGEST = 1024
"""Largest side of the overview, pixels; larger images are shown smaller."""
DETAIL = 192
"""Side of the part that is shown enlarged, pixels."""
WIDEST = 150
"""Largest number of characters in a line above the picture."""


def draw(report: Report) -> Figure:
    """Return the picture: both images, an enlarged part, the maps, the kernel, total intensity.

    Raises MissingExtra without matplotlib.
    """
    figure = new_figure(15, 7.6, dpi=100)
    top, bottom = figure.subplots(2, 4)
    plane = report.shown
    blurred, restored = _same_stretch(report.blurred[plane], report.restored[plane])
    detail = report.detail or detail_of(report)
    count = len(report.blurred)
    which = f", plane {plane + 1} of {count}" if count > 1 else ""
    which += f", means of {report.scale}x{report.scale} pixels" if report.scale > 1 else ""
    for axes, name, picture in ((top[0], "recorded", blurred), (top[1], "restored", restored)):
        _show(axes, f"{name}{which}", smaller(picture))
        _frame(axes, detail.part, picture.shape)
    enlarged = (
        (blurred[detail.part], restored[detail.part])
        if report.scale == 1
        else _same_stretch(detail.blurred, detail.restored)
    )
    _show(bottom[0], "recorded, the framed part", enlarged[0])
    _show(bottom[1], "restored, the framed part", enlarged[1])
    _draw_verdicts(top[2], report, restored)
    _draw_misfit(bottom[2], report, restored)
    _draw_kernel(top[3], report)
    _draw_intensities(bottom[3], report)
    figure.suptitle(fill(f"{report.title}: {report.movement}", WIDEST), fontsize=11)
    return figure


def _same_stretch(
    blurred: NDArray[Any], restored: NDArray[Any]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return both as colour pictures (y, x, 3) from 0 to 1, with one black and white a channel."""
    stretch = Stretch.of(blurred, restored)
    return stretch.paint(blurred), stretch.paint(restored)


def detail_of(report: Report) -> Detail:
    """Return the part of DETAIL pixels a side in which the restoration changed most."""
    blurred, restored = report.blurred[report.shown], report.restored[report.shown]
    height, width = blurred.shape[-2:]
    side = DETAIL // report.scale
    tall, wide = min(side, height), min(side, width)
    known = ~np.isnan(blurred).all(axis=(1, 2))
    spread = np.nanstd(blurred[known], axis=(1, 2), dtype=np.float64, keepdims=True)
    change = np.abs(restored[known].astype(np.float32) - blurred[known])
    relative = np.nan_to_num(change / np.maximum(spread, 1e-12))
    sums = window_sums(relative.sum(axis=0), (tall, wide))
    row, column = np.unravel_index(int(sums.argmax()), sums.shape)
    part = slice(int(row), int(row) + tall), slice(int(column), int(column) + wide)
    return Detail(part, blurred[:, *part], restored[:, *part])


def smaller(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a picture (y, x, 3) of at most LARGEST pixels a side, by the means of areas."""
    scale = LARGEST / max(picture.shape[:2])
    if scale >= 1:
        return picture
    rows, columns = (max(1, round(side * scale)) for side in picture.shape[:2])
    return np.asarray(area_mean.area_mean(picture, 0, 1, (rows, columns)), np.float32)


def _show(axes: Axes, title: str, picture: NDArray[np.float32]) -> None:
    axes.imshow(picture, cmap="gray", vmin=0, vmax=1)
    axes.set_title(title, fontsize=10)
    axes.set(xticks=[], yticks=[])


def _frame(axes: Axes, part: tuple[slice, slice], shape: tuple[int, ...]) -> None:
    from matplotlib.patches import Rectangle

    scale = min(1.0, LARGEST / max(shape[:2]))
    rows, columns = part
    size = scale * (columns.stop - columns.start), scale * (rows.stop - rows.start)
    corner = scale * columns.start - 0.5, scale * rows.start - 0.5
    axes.add_patch(Rectangle(corner, *size, fill=False, edgecolor="white", linewidth=1))


def _draw_verdicts(axes: Axes, report: Report, restored: NDArray[np.float32]) -> None:
    """Colour the tiles that were replaced in any channel."""
    from matplotlib.colors import to_rgba
    from matplotlib.patches import Patch

    _dim(axes, restored)
    if report.verdicts is None:
        axes.set_title("tiles: not checked", fontsize=10)
        return
    worst = worst_verdicts(report, report.verdicts)
    over = np.zeros((*worst.shape, 4))
    for verdict, colour in COLOUR.items():
        over[worst == verdict] = to_rgba(colour, 0.55)
    _over(axes, report, over, restored.shape)
    axes.set_title("tiles replaced, in any channel", fontsize=10)
    handles = [
        Patch(color=COLOUR[verdict], label=f"{words} ({(worst == verdict).sum()})")
        for verdict, words in MEANING.items()
        if verdict != LEFT or (worst == LEFT).any()
    ]
    kept = Patch(facecolor="0.4", label=f"restored, kept ({(worst == RESTORED).sum()})")
    axes.legend(handles=[kept, *handles], fontsize=7, loc="upper center", bbox_to_anchor=(0.5, 0))


def _draw_misfit(axes: Axes, report: Report, restored: NDArray[np.float32]) -> None:
    """Colour each tile by its misfit in the worst channel."""
    from matplotlib.colors import LogNorm

    _dim(axes, restored)
    if report.misfit is None:
        axes.set_title("misfit: not checked", fontsize=10)
        return
    worst = worst_misfit(report, report.misfit)
    style = {"cmap": "magma", "norm": LogNorm(0.1, 100), "alpha": 0.75}
    drawn = _over(axes, report, worst, restored.shape, **style)
    axes.set_title("misfit of the consistency check, worst channel", fontsize=10)
    bar = axes.figure.colorbar(drawn, ax=axes, shrink=0.8)
    bar.ax.axhline(MISFIT, color="white", linewidth=1.5)
    bar.set_label(f"residual over noise; tiles above {MISFIT:g} are replaced", fontsize=8)


def worst_verdicts(report: Report, verdicts: Verdicts) -> NDArray[np.uint8]:
    """Return the verdict (rows, columns) on each tile of the plane shown, in its worst channel.

    A tile is left alone only where all channels are.
    """
    tiles = _shown_tiles(report, verdicts)
    worst = np.where(tiles == LEFT, RESTORED, tiles).max(axis=0, initial=RESTORED)
    worst[(tiles == LEFT).all(axis=0)] = LEFT
    return np.asarray(worst, np.uint8)


def worst_misfit(report: Report, misfit: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the misfit (rows, columns) of each tile of the plane shown, in its worst channel."""
    return np.asarray(_shown_tiles(report, misfit).max(axis=0, initial=0.1), np.float32)


def _shown_tiles(report: Report, tiles: NDArray[Any]) -> NDArray[Any]:
    """Return the tiles (channel, rows, columns) of the planes that are shown and not empty."""
    plane = report.shown
    return tiles[plane] if report.empty is None else np.asarray(tiles[plane][~report.empty[plane]])


def _dim(axes: Axes, restored: NDArray[np.float32]) -> None:
    grey = smaller(restored).mean(axis=-1)
    _show(axes, "", np.asarray(0.6 * grey / max(float(grey.max()), 1e-9), np.float32))


def _over(
    axes: Axes, report: Report, tiles: NDArray[Any], shape: tuple[int, ...], **style: Any
) -> Any:
    """Draw tiles over a picture of this shape; tiles that extend beyond it are cut."""
    scale = min(1.0, LARGEST / max(shape[:2]))
    tile = scale * TILE / report.scale
    right, bottom = (tile * count - 0.5 for count in (tiles.shape[1], tiles.shape[0]))
    drawn = axes.imshow(tiles, extent=(-0.5, right, bottom, -0.5), interpolation="nearest", **style)
    axes.set_xlim(-0.5, scale * shape[1] - 0.5)
    axes.set_ylim(scale * shape[0] - 0.5, -0.5)
    return drawn


def _draw_kernel(axes: Axes, report: Report) -> None:
    kernel = report.kernel
    if kernel is None:
        axes.set_title("kernel: none applied", fontsize=10)
        axes.set_axis_off()
        return
    reach = len(kernel) / 2
    axes.imshow(kernel, cmap="gray", extent=(-reach, reach, reach, -reach))
    axes.set_title(f"motion (kernel){report.moved and f' of {report.moved}'}", fontsize=10)
    axes.set_xlabel("pixels", fontsize=8)
    axes.tick_params(labelsize=8)


def _draw_intensities(axes: Axes, report: Report) -> None:
    axes.set_axis_off()
    axes.set_title("total intensity: mean counts of each channel", fontsize=10)
    rows = intensities_in_words(report)
    heads = ["", "recorded", "restored", "change"]
    table = axes.table(cellText=rows, colLabels=heads, loc="upper center", edges="horizontal")
    table.auto_set_font_size(False)
    table.set_fontsize(9)
    table.scale(1, 1.4)
